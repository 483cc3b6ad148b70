/** GET and HEAD of `/files/…`: a file, or a page of a directory. */
import type { Readable } from "node:stream";
import {
  type DirectoryPath,
  type FilePath,
  mayBeNoFile,
  type ReadRange,
  type RoutedFiles,
} from "@efs-mount-autoscaling/routed-files";
import type { FastifyReply } from "fastify";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { type FileAttributes, FileChangedError, type ReadableFile } from "nfs-client";
import * as z from "zod";
import { mediaTypeOf } from "../../semantics/media-type.ts";
import type { ConditionalRequest } from "../../semantics/preconditions.ts";
import { ProblemError, preconditionFailed } from "../../semantics/problem.ts";
import { covers, rangeToRead, type Selection, select } from "../../semantics/selection.ts";
import { lastModifiedHeader, validatorsOf } from "../../semantics/validators.ts";
import { sendArchive } from "./archive.ts";
import { directoryPage, directoryQuery, readPage } from "./list.ts";
import { FILES_PREFIX, FILES_URL, redirectToDirectory, resourceOf } from "./resource.ts";
import { bodyOf } from "./response-body.ts";

interface ReadRoutesOptions {
  readonly files: RoutedFiles;
}

/** How often a file may change between deciding what to send and opening it. */
const ROUNDS = 3;

/** May be kept, but must be asked about before it is used. */
const CACHE_CONTROL = "no-cache";

const LISTING_HEADERS = { vary: "accept", "cache-control": CACHE_CONTROL };

/** The query is for directories: where a file is read it is ignored, whatever it says (`attachValidation`). */
export const readRoutes: FastifyPluginAsyncZod<ReadRoutesOptions> = async (app, { files }) => {
  app.route({
    method: "GET",
    url: FILES_URL,
    config: { access: "session" },
    exposeHeadRoute: false,
    attachValidation: true,
    schema: {
      tags: ["files"],
      querystring: directoryQuery,
      operationId: "getFile",
      summary: "Read a file, or list a directory",
      description:
        "A path that ends in `/` is listed, page by page. Any other is a file; `Range` asks for a part of it. " +
        "A directory without its `/` is redirected to (307). Browsers, which prefer `text/html`, get a page that shows " +
        "the directory. `archive` streams all that is below a directory. What vanishes meanwhile, or cannot be read, is " +
        "left out, and named in an entry at the end, `.nfs-tmp-omitted.ndjson`. An archive that was not sent in full ends " +
        "without the end of its encoding.",
      response: {
        200: {
          description: "The file, or a page of the directory.",
          content: {
            // Streams are not validated; this is for the document.
            "application/octet-stream": { schema: z.any().meta({ type: "string", format: "binary" }) },
            "application/json": { schema: directoryPage },
            "text/html": { schema: z.string() },
            "application/x-tar": { schema: z.any().meta({ type: "string", format: "binary" }) },
            "application/gzip": { schema: z.any().meta({ type: "string", format: "binary" }) },
            "application/zip": { schema: z.any().meta({ type: "string", format: "binary" }) },
          },
        },
      },
    },
    handler: async ({ originalUrl: url, headers, query, validationError }, reply) => {
      const { kind, path } = resourceOf(url);
      if (kind === "directory") {
        reply.headers(LISTING_HEADERS);
        if (validationError) throw validationError;
        if (query.archive === undefined) return readPage(files, path, query);
        await statAs("directory", files, path, url);
        return sendArchive(reply, files, path, query.archive);
      }
      const { attributes, selection, payload } = await open(files, path, { method: "GET", headers, url });
      describe(reply, path, attributes, selection);
      return reply.send(payload);
    },
  });

  app.route({
    method: "HEAD",
    url: FILES_URL,
    config: { access: "session" },
    attachValidation: true,
    schema: {
      tags: ["files"],
      operationId: "headFile",
      querystring: directoryQuery,
      summary: "The headers that GET would answer with",
    },
    handler: async ({ originalUrl: url, headers, query, validationError }, reply) => {
      const { kind, path } = resourceOf(url);
      if (kind === "directory" && validationError) throw validationError;
      if (kind === "directory" && query.archive !== undefined) {
        const allow = { headers: { allow: "GET" } };
        throw new ProblemError(
          405,
          "An archive is known only when it is made: there is GET for it, and no HEAD",
          allow,
        );
      }
      const attributes = await statAs(kind, files, path, url);
      // Without the length of the page: that takes the entries.
      if (kind === "directory") return reply.type("application/json; charset=utf-8").headers(LISTING_HEADERS).send();
      describe(reply, path, attributes, select({ method: "HEAD", headers }, attributes));
      return reply.send();
    },
  });

  app.get(FILES_PREFIX.slice(0, -1), { schema: { hide: true } }, async ({ originalUrl }) => {
    throw redirectToDirectory(originalUrl);
  });
};

interface ReadRequest extends ConditionalRequest {
  readonly url: string;
}

interface Opened {
  readonly attributes: FileAttributes;
  readonly selection: Selection;
  /** The bytes that are selected, where any are. */
  readonly payload?: Buffer | Readable;
}

/** Opens what the request selects. Where that takes the attributes first, the file may have changed until it is open. */
async function open(files: RoutedFiles, path: FilePath, request: ReadRequest): Promise<Opened> {
  let range = rangeToRead(request);
  if (range === undefined) {
    const attributes = await statAs("file", files, path, request.url);
    const selection = select(request, attributes);
    if (!("length" in selection)) return { attributes, selection };
    range = selection;
  }
  for (let round = 0; round < ROUNDS; round++) {
    const { attributes, body, whole } = await openFile(files, path, range, request.url);
    const selection = select(request, attributes);
    if (!("length" in selection)) return { attributes, selection };
    if (!covers(range, selection)) {
      range = selection;
      continue;
    }
    if (whole?.length === selection.length) return { attributes, selection, payload: whole };
    try {
      return { attributes, selection, payload: await bodyOf(body, selection.length) };
    } catch (error) {
      if (!(error instanceof FileChangedError)) throw error;
    }
  }
  throw new ProblemError(503, "The file changes faster than it can be read");
}

async function openFile(files: RoutedFiles, path: FilePath, range: ReadRange, url: string): Promise<ReadableFile> {
  try {
    return await files.openFile(path, range);
  } catch (error) {
    if (mayBeNoFile(error)) await statAs("file", files, path, url);
    throw error;
  }
}

async function statAs(
  wanted: "file" | "directory",
  files: RoutedFiles,
  path: DirectoryPath,
  url: string,
): Promise<FileAttributes> {
  const attributes = await files.stat(path);
  const { type } = attributes;
  if (type === wanted) return attributes;
  if (type === "directory") throw redirectToDirectory(url);
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
    "cache-control": CACHE_CONTROL,
  });
  if (selection.status === 416) {
    reply.header("content-range", `bytes */${size}`);
    throw new ProblemError(416, `The file has ${size} bytes, and none in the range asked for`);
  }
  if (!("length" in selection)) return;
  const { status, start, length } = selection;
  reply.headers({
    "content-type": mediaTypeOf(path),
    "content-length": length,
  });
  if (status === 206) reply.header("content-range", `bytes ${start}-${start + length - 1}/${size}`);
}
