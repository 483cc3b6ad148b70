import type { Deadline } from "../deadline.ts";
import type { Attributes, Path } from "../operations.ts";
import { attributesOf } from "./attributes.ts";
import { batchCall } from "./batch-call.ts";
import { exchange } from "./exchange.ts";
import type { HttpClient, HttpResponse } from "./http-client.ts";
import { checked, parsed } from "./parsed.ts";
import { HttpError } from "./problem.ts";
import { type BatchResult, batchResult, describedFile } from "./schemas.ts";

/** As a batch of one: HEAD says neither what a directory is, nor when anything changed to the millisecond. */
export function stat(http: HttpClient, path: Path, deadline: Deadline): Promise<Attributes> {
  const accept = async ({ body }: HttpResponse) => {
    const { problem, ...result } = parsed(batchResult, await body.text());
    if (problem !== undefined) throw new HttpError(problem);
    return statOf(result);
  };
  return exchange(http, { ...batchCall([{ operation: "stat", path }]), path, accept }, deadline);
}

/** @throws {FileError} where it is not the result of a stat. */
export function statOf(result: Omit<BatchResult, "problem">): Attributes {
  return attributesOf(checked(describedFile, result));
}
