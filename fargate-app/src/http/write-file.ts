/** PUT, POST and DELETE of a file. */
import type { IncomingHttpHeaders } from "node:http";
import type { FastifyReply } from "fastify";
import { etagOf, type FileAttributes, isStatus, type MemoryBudget } from "nfs-client";
import type { RoutedFiles, WriteCondition } from "../router/routed-files.ts";
import type { FilePath } from "../routing/path.ts";
import type { FileExchange } from "./file-exchange.ts";
import type { HttpLimits } from "./limits.ts";
import { evaluate, isConditional } from "./preconditions.ts";
import { ProblemError, preconditionFailed } from "./problem.ts";
import { withBody, withWholeBody } from "./request-body.ts";
import { lastModifiedHeader, validatorsOf } from "./validators.ts";

export async function putFile(exchange: FileExchange, limits: HttpLimits) {
  const { router, path, request, reply } = exchange;
  refuseParts(request.headers);
  const condition = await writeCondition(exchange);
  const { attributes, created } = await withBody(request.raw, limits, router.memory, (body) =>
    router.writeFile(path, body, condition),
  );
  return describe(reply.code(created ? 201 : 204), attributes).send();
}

/** What is appended is whole, or not there. */
export async function appendToFile(exchange: FileExchange, limits: HttpLimits, allowance: MemoryBudget) {
  const { router, path, request, reply } = exchange;
  refuseParts(request.headers);
  const condition = await writeCondition(exchange);
  const memory = { allowance, shared: router.memory };
  const attributes = await withWholeBody(request.raw, limits, memory, (body) =>
    router.appendFile(path, body, condition),
  );
  return describe(reply.code(204), attributes).send();
}

export async function deleteFile(exchange: FileExchange) {
  const { router, path, reply } = exchange;
  const condition = await writeCondition(exchange);
  if (condition === "absent") {
    throw (await router.exists(path)) ? preconditionFailed() : new ProblemError(404, `There is no file at ${path}`);
  }
  await router.deleteFile(path, condition);
  return reply.code(204).send();
}

/** Bodies are stored byte by byte as they come: they must be all of a file, and nothing but the file. */
function refuseParts(headers: IncomingHttpHeaders): void {
  if (headers["content-range"] !== undefined) {
    throw new ProblemError(400, "Content-Range is not allowed: a file is written as a whole (RFC 9110 section 14.5)");
  }
  if (headers["content-encoding"] !== undefined) {
    throw new ProblemError(415, "Content-Encoding is not allowed: send the bytes that are to be in the file");
  }
}

/**
 * The condition that makes the change atomic with the request's preconditions. The usual ones (`If-None-Match: *`, one
 * entity tag in `If-Match`) are the condition; for others, it is that the file is still the one that fulfilled them.
 */
async function writeCondition({ router, path, request }: FileExchange): Promise<WriteCondition> {
  if (!isConditional(request)) return undefined;
  const { "if-match": match, "if-none-match": noneMatch } = request.headers;
  const [, etag] = /^\s*"([^"]*)"\s*$/.exec(match ?? "") ?? [];
  if (etag !== undefined && noneMatch === undefined) return { etag };
  if (noneMatch?.trim() === "*" && match === undefined) return "absent";
  const current = await currentVersion(router, path);
  if (evaluate(request, current && validatorsOf(current)) !== "proceed") throw preconditionFailed();
  return current === undefined ? "absent" : { etag: etagOf(current) };
}

async function currentVersion(router: RoutedFiles, path: FilePath): Promise<FileAttributes | undefined> {
  try {
    return await router.stat(path);
  } catch (error) {
    if (isStatus(error, "NFS4ERR_NOENT")) return undefined;
    throw error;
  }
}

function describe(reply: FastifyReply, attributes: FileAttributes): FastifyReply {
  const validators = validatorsOf(attributes);
  return reply.headers({ etag: validators.etag, "last-modified": lastModifiedHeader(validators) });
}
