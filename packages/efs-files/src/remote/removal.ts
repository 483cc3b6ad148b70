import type { Deadline } from "../deadline.ts";
import { type FileError, RemoveIncompleteError } from "../errors.ts";
import type { Path } from "../operations.ts";
import { exchange, LostError } from "./exchange.ts";
import type { HttpClient, HttpResponse } from "./http-client.ts";
import { linesOf, parsed } from "./parsed.ts";
import { fileErrorOf, HttpError } from "./problem.ts";
import { deletionLine } from "./schemas.ts";
import { conditionHeaders, decodePath, directoryTarget, fileTarget } from "./targets.ts";

/** In memory at most, of what could not be removed. */
const MAX_FAILURES = 1_000;

/** Where the response to a removal was lost, and nothing is there afterwards, it was made. */
const GONE = { status: 404, result: undefined } as const;

/** A file or an empty directory. */
export function remove(http: HttpClient, path: Path, ifMatch: string | undefined, deadline: Deadline): Promise<void> {
  const call = {
    method: "DELETE",
    target: fileTarget(path),
    headers: conditionHeaders(ifMatch === undefined ? undefined : { etag: ifMatch }),
    effect: removalEffect(ifMatch),
    path,
    // Of a certain version, it may have been made by somebody else.
    ...(ifMatch === undefined && { doneBefore: GONE }),
  } as const;
  return exchange(http, { ...call, accept: async ({ body }) => void (await body.dump()) }, deadline);
}

export function removalEffect(ifMatch: string | undefined): "idempotent" | "conditional" {
  return ifMatch === undefined ? "idempotent" : "conditional";
}

/** A directory with all that is below it. */
export function removeTree(http: HttpClient, path: Path, deadline: Deadline): Promise<void> {
  const call = {
    method: "DELETE",
    target: `${directoryTarget(path)}?recursive`,
    effect: "idempotent",
    path,
    meanings: { 409: "ENOTDIR" },
    doneBefore: GONE,
  } as const;
  return exchange(http, { ...call, accept: ({ body }) => removed(body, path, deadline) }, deadline);
}

/** Waits for the end. @throws {RemoveIncompleteError} */
async function removed(body: HttpResponse["body"], path: Path, deadline: Deadline): Promise<void> {
  const failures: FileError[] = [];
  for await (const text of linesOf(body)) {
    deadline.restart();
    const { path: plain, encodedPath, problem, failed, complete } = parsed(deletionLine, text);
    if (complete === true) return;
    if (problem !== undefined && failures.length < MAX_FAILURES) {
      failures.push(fileErrorOf(new HttpError(problem), encodedPath === undefined ? plain : decodePath(encodedPath)));
    }
    if (complete === false) {
      const message = `${failed} names were not removed: ${failures[0]?.message ?? path}`;
      throw new RemoveIncompleteError(message, failures, { path });
    }
  }
  throw new LostError("the response ended before the removal did");
}
