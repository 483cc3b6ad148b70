/** PUT, POST and DELETE of `/files/…`. */
import type { IncomingHttpHeaders } from "node:http";
import { type FilePath, filePath, type RoutedFiles, type WriteCondition } from "@efs-mount-autoscaling/routed-files";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { etagOf, type FileAttributes, isStatus } from "nfs-client";
import * as z from "zod";
import type { Region } from "../../../region/region.ts";
import { inDocument } from "../../in-document.ts";
import type { HttpLimits } from "../../limits.ts";
import { NDJSON_HEADERS, NDJSON_TYPE } from "../../ndjson.ts";
import { WRITE_TOKEN_HEADER } from "../../plugins/two-regions.ts";
import { prefersToJson } from "../../semantics/accept.ts";
import { type ConditionalRequest, evaluate, isConditional } from "../../semantics/preconditions.ts";
import { ProblemError, preconditionFailed } from "../../semantics/problem.ts";
import { isEntityTagList, lastModifiedHeader, validatorsOf } from "../../semantics/validators.ts";
import { asPrimary } from "../as-primary.ts";
import { deletionLine, deletionOf } from "./delete-tree.ts";
import { extractBody, extractBodyInLines, extractFormat, extractionLine, extractResult } from "./extract.ts";
import { isWorthDecidingEarly, type WholeBodyMemory, withBody, withWholeBody } from "./request-body.ts";
import { requireDirectory } from "./require-directory.ts";
import { FILES_URL, fileOf, resourceOf } from "./resource.ts";

interface WriteRoutesOptions {
  readonly files: RoutedFiles;
  readonly limits: HttpLimits;
  readonly wholeBodies: WholeBodyMemory;
  readonly region: Region | undefined;
}

const tags = ["files"];
const nothing = z.undefined();
const upload = {
  consumes: ["application/octet-stream"],
  // Streams are not validated; this is for the document.
  body: z.any().meta({ type: "string", format: "binary" }),
};
const extract = extractFormat
  .optional()
  .describe("Directories: write the files of an archive in this format, which is the body.");
/** What is not known in a query is ignored, but not this: the file would be replaced by what was to be added to it. */
const withoutAppend = z.looseObject({ extract }).refine(({ append }) => append === undefined, {
  path: ["append"],
  error: "is not for PUT, which replaces the file: POST appends",
});
const extracted = {
  200: {
    description:
      "With `extract`: everything was written. Where lines of JSON are accepted rather than JSON, the response begins " +
      "while files are written: a line every second says how many were, then each name that was not has one, and the " +
      "last one says whether everything was written.",
    content: {
      "application/json": { schema: extractResult },
      [NDJSON_TYPE]: { schema: inDocument(extractionLine) },
    },
  },
  207: {
    description: "With `extract`: `failed` has what was not written, and why. Everything else was.",
    content: { "application/json": { schema: extractResult } },
  },
} as const;

export const writeRoutes: FastifyPluginAsyncZod<WriteRoutesOptions> = async (app, options) => {
  const { files, limits, wholeBodies, region } = options;
  const { memory } = files;

  async function sendExtracted(request: FastifyRequest, reply: FastifyReply, format: z.infer<typeof extractFormat>) {
    const { kind, path } = resourceOf(request.originalUrl);
    if (kind === "file") throw new ProblemError(400, "An archive is extracted into a directory: its path ends in /");
    if (isConditional(request)) throw new ProblemError(400, "A condition is for one file, and not for an archive");
    refuseParts(request.headers);
    const context = { files, limits, region };
    if (prefersToJson(request.raw, NDJSON_TYPE)) {
      const lines = await extractBodyInLines(reply.raw, path, format, context);
      return reply.headers(NDJSON_HEADERS).send(lines);
    }
    const result = await extractBody(reply.raw, path, format, context);
    return withToken(reply.code(result.failed.length === 0 ? 200 : 207), region).send(result);
  }

  app.route({
    method: "PUT",
    url: FILES_URL,
    config: { access: "session" },
    schema: {
      tags,
      ...upload,
      querystring: withoutAppend,
      operationId: "putFile",
      summary: "Replace or make a file",
      description:
        "Atomic: readers see the old or the new content. Durable when the answer comes. Missing directories are made. " +
        "The body is checked against `Content-Digest`, `Repr-Digest`, `Digest` and `Content-MD5`. " +
        "With `extract`, the path is that of a directory, and each file of the archive is written so, many at once.",
      response: {
        ...extracted,
        201: nothing.describe("There was no file before."),
        204: nothing.describe("The file was replaced."),
      },
    },
    handler: async (request, reply) => {
      if (request.query.extract !== undefined) return sendExtracted(request, reply, request.query.extract);
      const path = fileOf(request.originalUrl);
      refuseParts(request.headers);
      const { attributes, created } = await asPrimary(region, async () => {
        const condition = await uploadCondition(files, path, request);
        return withBody(reply.raw, limits, memory, (body) => files.writeFile(path, body, condition));
      });
      return describe(reply.code(created ? 201 : 204), attributes, region).send();
    },
  });

  app.route({
    method: "POST",
    url: FILES_URL,
    schema: {
      tags,
      ...upload,
      querystring: z.object({
        append: z.literal("", "must have no value: POST /files/…?append").optional(),
        extract,
      }),
      operationId: "appendFile",
      summary: "Append to a file, at most 1 MiB, or write the files of an archive",
      description:
        "Makes the file when there is none. A 500 with the code `OUTCOME_UNKNOWN` may have appended, or not.",
      response: {
        ...extracted,
        204: nothing.describe("The body is at the end of the file, durably."),
      },
    },
    // What is appended is whole, or not there.
    handler: async (request, reply) => {
      const { append, extract: format } = request.query;
      if (format !== undefined && append === undefined) return sendExtracted(request, reply, format);
      if (append === undefined) throw new ProblemError(400, "POST appends, and must say so: add ?append");
      if (format !== undefined) throw new ProblemError(400, "POST appends or extracts, and not both");
      const path = fileOf(request.originalUrl);
      refuseParts(request.headers);
      const attributes = await asPrimary(region, async () => {
        const condition = await uploadCondition(files, path, request);
        return withWholeBody(reply.raw, limits, wholeBodies, (body) => files.appendFile(path, body, condition));
      });
      return describe(reply.code(204), attributes, region).send();
    },
  });

  app.route({
    method: "DELETE",
    url: FILES_URL,
    config: { access: "session" },
    schema: {
      tags,
      querystring: z.object({
        recursive: z
          .literal("", "must have no value: DELETE /files/DIR/?recursive")
          .optional()
          .describe("A directory, with all that is below it."),
      }),
      operationId: "deleteFile",
      summary: "Remove a file or a directory",
      description:
        "A path that ends in `/` is a directory; any other is whatever has that name. Without `recursive`, the directory " +
        "must be empty. With it, the response has lines of JSON while names are removed: each that could not be, how many " +
        "were every second, and at the end whether all is gone. Where the response ends before that, or something is left, " +
        "the same request goes on.",
      response: {
        200: {
          description: "With `recursive`: how it goes on.",
          content: { [NDJSON_TYPE]: { schema: inDocument(deletionLine) } },
        },
        204: nothing.describe("It is gone."),
      },
    },
    handler: async (request, reply) => {
      const resource = resourceOf(request.originalUrl);
      const path = filePath(resource.path);
      if (request.query.recursive !== undefined) {
        if (isConditional(request))
          throw new ProblemError(400, "A condition is for one file, and not for a whole tree");
        await asPrimary(region, () => requireDirectory(files, path));
        return reply.headers(NDJSON_HEADERS).send(deletionOf(path, files, region));
      }
      await asPrimary(region, async () => {
        if (resource.kind === "directory") await requireDirectory(files, path);
        const condition = await writeCondition(files, path, request);
        if (condition === "absent") {
          throw (await files.exists(path))
            ? preconditionFailed()
            : new ProblemError(404, `There is no file at ${path}`);
        }
        await files.deleteFile(path, condition);
      });
      return withToken(reply.code(204), region).send();
    },
  });
};

/** Bodies are stored byte by byte as they come: they must be all of a file, and nothing but the file. */
function refuseParts(headers: IncomingHttpHeaders): void {
  if (headers["content-range"] !== undefined) {
    throw new ProblemError(400, "Content-Range is not allowed: a file is written as a whole (RFC 9110 section 14.5)");
  }
  // "identity" is no coding, though no sender should name it (RFC 9110 §8.4).
  const codings = headers["content-encoding"]
    ?.split(",")
    .filter((coding) => !/^[ \t]*(identity[ \t]*)?$/i.test(coding));
  if (codings !== undefined && codings.length > 0) {
    throw new ProblemError(415, "Content-Encoding is not allowed: send the bytes that are to be in the file", {
      headers: { "accept-encoding": "identity" },
    });
  }
}

/**
 * The condition that makes the change atomic with the request's preconditions. The usual ones (`If-None-Match: *`, one
 * entity tag in `If-Match`) are the condition; for others, it is that the file is still the one that fulfilled them.
 */
async function writeCondition(
  files: RoutedFiles,
  path: FilePath,
  request: ConditionalRequest,
): Promise<WriteCondition> {
  if (!isConditional(request)) return undefined;
  refuseMalformedCondition(request.headers);
  const { "if-match": match, "if-none-match": noneMatch } = request.headers;
  const [, etag] = /^\s*"([^"]*)"\s*$/.exec(match ?? "") ?? [];
  if (etag !== undefined && noneMatch === undefined) return { etag };
  if (noneMatch?.trim() === "*" && match === undefined) return "absent";
  return conditionOn(request, await currentVersion(files, path));
}

/** A condition that cannot be read would hold: no entity tag in it is the file's. */
function refuseMalformedCondition({ "if-none-match": tags }: IncomingHttpHeaders): void {
  if (tags === undefined || tags.trim() === "*" || isEntityTagList(tags)) return;
  throw new ProblemError(400, `If-None-Match must be * or entity tags in their quotes, not ${JSON.stringify(tags)}`);
}

/** As {@link writeCondition}, of a request with a body: where it pays, it is refused before that is taken. */
async function uploadCondition(files: RoutedFiles, path: FilePath, request: FastifyRequest): Promise<WriteCondition> {
  if (!isWorthDecidingEarly(request.raw)) return writeCondition(files, path, request);
  refuseMalformedCondition(request.headers);
  const current = await currentVersion(files, path);
  const condition = conditionOn(request, current);
  if (current?.type === "directory") throw new ProblemError(409, `There is a directory at ${path}`);
  return condition;
}

/** That the file is still `current`, if the request has preconditions, and that fulfills them. */
function conditionOn(request: ConditionalRequest, current: FileAttributes | undefined): WriteCondition {
  if (!isConditional(request)) return undefined;
  if (evaluate(request, current && validatorsOf(current)) !== "proceed") throw preconditionFailed();
  return current === undefined ? "absent" : { etag: etagOf(current) };
}

async function currentVersion(files: RoutedFiles, path: FilePath): Promise<FileAttributes | undefined> {
  try {
    return await files.stat(path);
  } catch (error) {
    if (isStatus(error, "NFS4ERR_NOENT")) return undefined;
    throw error;
  }
}

function describe(reply: FastifyReply, attributes: FileAttributes, region: Region | undefined): FastifyReply {
  const validators = validatorsOf(attributes);
  reply.headers({ etag: validators.etag, "last-modified": lastModifiedHeader(validators) });
  return withToken(reply, region, attributes.modifiedAt);
}

/** With two regions, a response to a change says what a read in the other one is to wait for. */
function withToken(reply: FastifyReply, region: Region | undefined, modifiedAt?: number): FastifyReply {
  return region === undefined ? reply : reply.header(WRITE_TOKEN_HEADER, region.tokenOf(modifiedAt));
}
