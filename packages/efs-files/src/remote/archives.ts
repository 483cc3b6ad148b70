import type { Deadline } from "../deadline.ts";
import type { Path } from "../operations.ts";
import { exchange, unreachable } from "./exchange.ts";
import { type HttpClient, type HttpResponse, StreamedBody } from "./http-client.ts";
import { parsed } from "./parsed.ts";
import { fileErrorOf, HttpError } from "./problem.ts";
import type { ArchiveOptions, Extracted, ExtractOptions } from "./remote-files.ts";
import { extractResult } from "./schemas.ts";
import { directoryTarget } from "./targets.ts";

/** An archive is made anew each time, so it does not go on where it broke off. */
export async function* archive(
  http: HttpClient,
  path: Path,
  format: NonNullable<ArchiveOptions["format"]>,
  deadline: Deadline,
): AsyncGenerator<Buffer> {
  const target = `${directoryTarget(path)}?archive=${format}`;
  const call = { method: "GET", target, effect: "none", path, meanings: { 409: "ENOTDIR" } } as const;
  const body = await exchange(http, { ...call, accept: async ({ body }) => body }, deadline);
  try {
    yield* body;
  } catch (error) {
    if (deadline.signal.aborted) throw deadline.error({ path });
    throw unreachable(path, error);
  }
}

export async function extract(
  http: HttpClient,
  path: Path,
  content: Buffer | AsyncIterable<Buffer>,
  format: NonNullable<ExtractOptions["format"]>,
  deadline: Deadline,
): Promise<Extracted> {
  const call = {
    method: "PUT",
    target: `${directoryTarget(path)}?extract=${format}`,
    body: Buffer.isBuffer(content) ? content : new StreamedBody(content),
    effect: "idempotent",
    path,
    meanings: { NFS4ERR_EXIST: "ENOTDIR", 409: "ENOTDIR" },
  } as const;
  const accept = async ({ body }: HttpResponse) => {
    const { failed, ...counts } = parsed(extractResult, await body.text());
    const failures = failed.map(({ name, problem }) => ({ name, error: fileErrorOf(new HttpError(problem), name) }));
    return { ...counts, failures };
  };
  return exchange(http, { ...call, accept }, deadline);
}
