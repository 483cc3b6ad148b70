import type { Deadline } from "../deadline.ts";
import { FileError, isCode } from "../errors.ts";
import type { Meanings } from "../nfs-status.ts";
import type { ByteRange, OpenedFile, Path } from "../operations.ts";
import { attributesOfFile } from "./attributes.ts";
import { Attempts, exchange, LostError } from "./exchange.ts";
import type { HttpClient } from "./http-client.ts";
import { HttpError } from "./problem.ts";
import { stat } from "./stat.ts";
import { fileTarget } from "./targets.ts";

/** What is there is a directory, a link, or anything else that is no file: no code says so. */
export const NOT_A_FILE: Meanings = { 307: "EISDIR", 403: "ELOOP", 409: "EISDIR" };

export async function read(http: HttpClient, path: Path, range: ByteRange, deadline: Deadline): Promise<OpenedFile> {
  const opened = await open(http, path, range, undefined, deadline);
  if (opened !== undefined) return { ...opened, body: follow(http, path, range, opened, deadline) };
  // The file ends before the range begins.
  return { attributes: await stat(http, path, deadline), body: nothing() };
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** Undefined where the file ends before the range begins. */
async function open(
  http: HttpClient,
  path: Path,
  { start, end }: ByteRange,
  ifMatch: string | undefined,
  deadline: Deadline,
): Promise<OpenedFile | undefined> {
  const isWhole = start === 0 && end === Number.POSITIVE_INFINITY;
  const call = {
    method: "GET",
    target: fileTarget(path),
    headers: {
      ...(!isWhole && { range: `bytes=${start}-${Number.isFinite(end) ? end : ""}` }),
      ...(ifMatch !== undefined && { "if-match": ifMatch }),
    },
    effect: "none",
    path,
    meanings: NOT_A_FILE,
  } as const;
  try {
    return await exchange(
      http,
      { ...call, accept: async ({ headers, body }) => ({ attributes: attributesOfFile(headers), body }) },
      deadline,
    );
  } catch (error) {
    if (error instanceof FileError && error.cause instanceof HttpError && error.cause.status === 416) return undefined;
    throw error;
  }
}

/** The bytes of a range, over one connection after another where they are lost, as long as it is the same version. */
async function* follow(
  http: HttpClient,
  path: Path,
  { start, end }: ByteRange,
  { attributes: { etag, size }, body: first }: OpenedFile,
  deadline: Deadline,
): AsyncGenerator<Buffer> {
  const last = Math.min(end, size - 1);
  const attempts = new Attempts(path, deadline);
  let offset = start;
  let body = first;
  while (offset <= last) {
    try {
      for await (const chunk of body) {
        offset += chunk.length;
        attempts.reset();
        yield chunk;
      }
      if (offset <= last) throw new LostError(`the response ended before byte ${last}`);
    } catch (error) {
      await attempts.afterLoss(error);
      body = await reopen(http, path, { start: offset, end }, etag, deadline);
    }
  }
}

async function reopen(
  http: HttpClient,
  path: Path,
  range: ByteRange,
  etag: string,
  deadline: Deadline,
): Promise<OpenedFile["body"]> {
  try {
    const opened = await open(http, path, range, etag, deadline);
    if (opened?.attributes.etag === etag) return opened.body;
  } catch (cause) {
    if (!isCode(cause, "ENOENT", "ERR_PRECONDITION")) throw cause;
  }
  throw new FileError("ERR_FILE_CHANGED", `The file was replaced while it was read: ${path}`, { path });
}
