/** The resources of the API, as request targets. */
import type { Condition, Path } from "../operations.ts";
import { encodePath } from "./names.ts";

export function fileTarget(path: Path): string {
  return `/files/${encodePath(path)}`;
}

export function directoryTarget(path: Path): string {
  return path === "" ? "/files/" : `${fileTarget(path)}/`;
}

export function conditionHeaders(when: Condition): Record<string, string> {
  if (when === undefined) return {};
  return when === "absent" ? { "if-none-match": "*" } : { "if-match": when.etag };
}
