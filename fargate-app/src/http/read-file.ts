/** GET and HEAD of a file, and HEAD of a directory. */
import type { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import mime from "mime";
import { type FileAttributes, FileChangedError } from "nfs-client";
import type { RoutedFiles } from "../router/routed-files.ts";
import type { DirectoryPath, FilePath } from "../routing/path.ts";
import type { FileExchange } from "./file-exchange.ts";
import type { ConditionalRequest } from "./preconditions.ts";
import { ProblemError, preconditionFailed } from "./problem.ts";
import { bodyOf } from "./response-body.ts";
import { covers, rangeToRead, type Selection, select } from "./selection.ts";
import { lastModifiedHeader, validatorsOf } from "./validators.ts";

/** How often a file may change between deciding what to send and opening it. */
const ROUNDS = 3;

interface Selected {
  readonly attributes: FileAttributes;
  readonly selection: Selection;
  /** The bytes that are selected, where any are. */
  readonly payload?: Buffer | Readable;
}

export async function getFile({ router, path, request, reply }: FileExchange) {
  const { attributes, selection, payload } = await open(router, path, { method: "GET", headers: request.headers });
  describe(reply, path, attributes, selection);
  return reply.send(payload);
}

export async function headFile({ router, path, request, reply }: FileExchange) {
  const attributes = await statAs("file", router, path);
  describe(reply, path, attributes, select({ method: "HEAD", headers: request.headers }, attributes));
  return reply.send();
}

/** Without the length of the page: that takes the entries. */
export async function headDirectory(router: RoutedFiles, path: DirectoryPath, reply: FastifyReply) {
  await statAs("directory", router, path);
  return reply.type("application/json; charset=utf-8").send();
}

/** Opens what the request selects. Where that takes the attributes first, the file may have changed until it is open. */
async function open(router: RoutedFiles, path: FilePath, request: ConditionalRequest): Promise<Selected> {
  let range = rangeToRead(request);
  if (range === undefined) {
    const attributes = await statAs("file", router, path);
    const selection = select(request, attributes);
    if (!("length" in selection)) return { attributes, selection };
    range = selection;
  }
  for (let round = 0; round < ROUNDS; round++) {
    const { attributes, body } = await router.openFile(path, range);
    const selection = select(request, attributes);
    if (!("length" in selection)) return { attributes, selection };
    if (!covers(range, selection)) {
      range = selection;
      continue;
    }
    try {
      return { attributes, selection, payload: await bodyOf(body, selection.length) };
    } catch (error) {
      if (!(error instanceof FileChangedError)) throw error;
    }
  }
  throw new ProblemError(503, "The file changes faster than it can be read");
}

async function statAs(wanted: "file" | "directory", router: RoutedFiles, path: DirectoryPath): Promise<FileAttributes> {
  const attributes = await router.stat(path);
  const { type } = attributes;
  if (type === wanted) return attributes;
  // As the NFS server answers when it is asked for the bytes, or the entries.
  const status = type === "symbolic-link" && wanted === "file" ? 403 : 409;
  throw new ProblemError(status, `There is no ${wanted}, but a ${type}, at ${path}`);
}

function describe(reply: FastifyReply, path: FilePath, attributes: FileAttributes, selection: Selection): void {
  if (selection.status === 412) throw preconditionFailed();
  const { size } = attributes;
  const validators = validatorsOf(attributes);
  reply.code(selection.status);
  reply.headers({
    etag: validators.etag,
    "last-modified": lastModifiedHeader(validators),
    "accept-ranges": "bytes",
    // May be kept, but must be asked about before it is used.
    "cache-control": "no-cache",
  });
  if (selection.status === 416) {
    reply.header("content-range", `bytes */${size}`);
    throw new ProblemError(416, `The file has ${size} bytes, and none in the range asked for`);
  }
  if (!("length" in selection)) return;
  const { status, start, length } = selection;
  reply.headers({
    "content-type": mime.getType(path) ?? "application/octet-stream",
    "content-length": length,
  });
  if (status === 206) reply.header("content-range", `bytes ${start}-${start + length - 1}/${size}`);
}
