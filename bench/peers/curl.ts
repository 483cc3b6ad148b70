/** curl (Debian) with many transfers at once, as a script would use it: a request for each file. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { debianProgram } from "../../tests/support/programs.ts";
import type { Bench } from "../row.ts";

const curl = debianProgram("curl", "curl");

export interface Transfer {
  readonly url: string;
  /** The file that is put there. What is there is got, and dropped, where there is none. */
  readonly upload?: string;
}

/** Does all transfers in one process. It rejects when one of them fails. */
export type Curl = (transfers: readonly Transfer[]) => Promise<void>;

/**
 * @param atOnce transfers, each with a connection of its own.
 * @returns undefined when curl is missing, which is noted.
 */
export async function parallelCurl(
  { cleanups, note, signal }: Pick<Bench, "cleanups" | "note" | "signal">,
  atOnce: number,
): Promise<Curl | undefined> {
  const command = curl.find();
  if (command === undefined) {
    note(`${curl.name} is missing (${curl.howToGet}).`);
    return undefined;
  }
  const folder = await makeTemporaryDirectory("bench-curl-");
  cleanups.add(() => folder.remove());
  const list = join(folder.path, "transfers");
  const [program, ...leading] = command;
  const parameters = ["--parallel", "--parallel-max", `${atOnce}`, "--fail", "--silent", "--show-error", "-K", list];
  return async (transfers) => {
    await writeFile(list, transfers.map(linesOf).join(""));
    await promisify(execFile)(program, [...leading, ...parameters], { signal });
  };
}

function linesOf({ url, upload }: Transfer): string {
  const file = upload === undefined ? "" : `upload-file = "${upload}"\n`;
  return `${file}url = "${url}"\noutput = /dev/null\n`;
}
