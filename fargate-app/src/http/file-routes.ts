/** `/files/…`: the file API. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { MemoryBudget } from "nfs-client";
import * as z from "zod";
import type { RoutedFiles } from "../router/routed-files.ts";
import type { App } from "./app.ts";
import type { FileExchange } from "./file-exchange.ts";
import type { HttpLimits } from "./limits.ts";
import { directoryPage, pageQuery, readPage } from "./list-directory.ts";
import { PROBLEM_RESPONSE, ProblemError } from "./problem.ts";
import { getFile, headDirectory, headFile } from "./read-file.ts";
import { FILES_PREFIX, fileOf, resourceOf } from "./request-path.ts";
import { appendToFile, deleteFile, putFile } from "./write-file.ts";

const URL = `${FILES_PREFIX}*`;

const tags = ["files"];
const nothing = z.undefined();
/** Streams are not validated; this is for the document. */
const bytes = z.any().meta({ type: "string", format: "binary" });
/** What is not known in a query is ignored, but not this: the file would be replaced by what was to be added to it. */
const withoutAppend = z.looseObject({}).refine(({ append }) => append === undefined, {
  path: ["append"],
  error: "is not for PUT, which replaces the file: POST appends",
});
const consumes = ["application/octet-stream"];

export function addFileRoutes(app: App, router: RoutedFiles, limits: HttpLimits): void {
  const appendAllowance = new MemoryBudget(limits.appendMemory);
  const exchange = (request: FastifyRequest, reply: FastifyReply): FileExchange => {
    return { router, path: fileOf(request.raw.url ?? ""), request, reply };
  };

  app.route({
    method: "GET",
    url: URL,
    exposeHeadRoute: false,
    schema: {
      tags,
      querystring: pageQuery,
      summary: "Read a file, or list a directory",
      description:
        "A path that ends in `/` is listed, page by page. Any other is a file; `Range` asks for a part of it.",
      response: {
        200: {
          description: "The file, or a page of the directory.",
          content: {
            "application/octet-stream": { schema: bytes },
            "application/json": { schema: directoryPage },
          },
        },
        ...PROBLEM_RESPONSE,
      },
    },
    handler: async (request, reply) => {
      const resource = resourceOf(request.raw.url ?? "");
      if (resource.kind === "directory") return readPage(router, resource.path, request.query);
      return getFile({ router, path: resource.path, request, reply });
    },
  });

  app.route({
    method: "HEAD",
    url: URL,
    schema: { tags, querystring: pageQuery, summary: "The headers that GET would answer with" },
    handler: async (request, reply) => {
      const resource = resourceOf(request.raw.url ?? "");
      if (resource.kind === "directory") return headDirectory(router, resource.path, reply);
      return headFile({ router, path: resource.path, request, reply });
    },
  });

  app.route({
    method: "PUT",
    url: URL,
    schema: {
      tags,
      consumes,
      body: bytes,
      querystring: withoutAppend,
      summary: "Replace or make a file",
      description:
        "Atomic: readers see the old or the new content. Durable when the answer comes. Missing directories are made.",
      response: {
        201: nothing.describe("There was no file before."),
        204: nothing.describe("The file was replaced."),
        ...PROBLEM_RESPONSE,
      },
    },
    handler: async (request, reply) => putFile(exchange(request, reply), limits),
  });

  app.route({
    method: "POST",
    url: URL,
    schema: {
      tags,
      consumes,
      body: bytes,
      querystring: z.object({ append: z.literal("", "must have no value: POST /files/…?append").optional() }),
      summary: "Append to a file, at most 1 MiB",
      description:
        "Makes the file when there is none. A 500 with the code `OUTCOME_UNKNOWN` may have appended, or not.",
      response: { 204: nothing.describe("The body is at the end of the file, durably."), ...PROBLEM_RESPONSE },
    },
    handler: async (request, reply) => {
      if (request.query.append === undefined) throw new ProblemError(400, "POST appends, and must say so: add ?append");
      return appendToFile(exchange(request, reply), limits, appendAllowance);
    },
  });

  app.route({
    method: "DELETE",
    url: URL,
    schema: {
      tags,
      summary: "Remove a file or an empty directory",
      response: { 204: nothing.describe("It is gone."), ...PROBLEM_RESPONSE },
    },
    handler: async (request, reply) => deleteFile(exchange(request, reply)),
  });
}
