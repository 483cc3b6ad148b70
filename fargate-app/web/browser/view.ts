/** What every section of the page is given. */
import type { Format } from "../common/format.ts";
import type { Problem } from "./listing.ts";
import type { Words } from "./words/index.ts";

export interface View {
  readonly words: Words;
  readonly format: Format;
}

/** What went wrong, in the reader's language where the page knows it. */
export function problemText({ status, code, detail }: Problem, words: Words): string {
  if (status === 0) return words.noConnection;
  if (status === 412) return words.changed;
  if (code === "NFS4ERR_NOTEMPTY") return words.notEmpty;
  if (code === "NOT_PRIMARY") return status === 403 ? words.readOnly : words.readOnlyNow;
  return detail;
}
