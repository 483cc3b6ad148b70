/** `POST /batch`: many small reads, stats and deletes in one request. */
import {
  type BatchItem,
  type BatchResult,
  directoryPath,
  type FilePath,
  filePath,
  NotAFileError,
  PathError,
  type RoutedFiles,
  runBatch,
  TooLargeForBatchError,
} from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import type { Unchanged } from "nfs-client";
import * as z from "zod";
import type { Region } from "../../region/region.ts";
import { inDocument } from "../in-document.ts";
import type { HttpLimits } from "../limits.ts";
import { NDJSON_HEADERS, NDJSON_TYPE, ndjson } from "../ndjson.ts";
import { ProblemError, problemOf, problemSchema } from "../semantics/problem.ts";
import { modificationDate, validatorsOf } from "../semantics/validators.ts";
import { asPrimary } from "./as-primary.ts";
import { type WholeBodyMemory, withWholeBody } from "./files/request-body.ts";
import { decodePath } from "./files/resource.ts";

export const BATCH_URL = "/batch";

const MAX_ITEMS = 1_000;

const path = {
  path: z.string().optional().describe("Names separated by `/`."),
  encodedPath: z
    .string()
    .optional()
    .describe("Instead of `path`: as in a URL below `/files/`, for names that are not UTF-8."),
};

const itemSchema = z.discriminatedUnion("operation", [
  z.strictObject({
    operation: z.literal("read"),
    ...path,
    attributes: z.boolean().default(false).describe("Also answer with the file's entity tag and time."),
  }),
  z.strictObject({ operation: z.literal("stat"), ...path }),
  z.strictObject({
    operation: z.literal("delete"),
    ...path,
    ifMatch: z
      .string()
      .regex(/^"[^"]*"$/, "must be one entity tag in its quotes")
      .optional()
      .describe("Only if the file has this entity tag."),
  }),
]);

type Item = z.infer<typeof itemSchema>;

const batchSchema = z.strictObject({ items: z.array(itemSchema).max(MAX_ITEMS) });

const resultSchema = z.object({
  index: z.number().describe("The item, counted from 0."),
  status: z.number().describe("As the item alone would have been answered with: 200, 204, or that of the problem."),
  size: z.number().optional().describe("Bytes. Of a file that was read, or what was looked at."),
  content: z.string().optional().describe("Of a file that was read: its bytes in base64."),
  type: z.string().optional().describe("Of what was looked at: `file`, `directory`, `symbolic-link`, …"),
  modifiedAt: z.iso.datetime().optional(),
  etag: z.string().optional(),
  writeToken: z.string().optional().describe("Of a change, where there are two regions: as `x-write-token`."),
  problem: problemSchema.optional(),
});

type Result = z.infer<typeof resultSchema>;

interface BatchRoutesOptions {
  readonly files: RoutedFiles;
  readonly limits: HttpLimits;
  readonly wholeBodies: WholeBodyMemory;
  readonly region: Region | undefined;
}

export const batchRoutes: FastifyPluginAsyncZod<BatchRoutesOptions> = async (app, options) => {
  const { files, limits, wholeBodies, region } = options;

  app.route({
    method: "POST",
    url: BATCH_URL,
    schema: {
      tags: ["files"],
      operationId: "runBatch",
      summary: `Up to ${MAX_ITEMS} small reads, stats and deletes at once`,
      description:
        "The response has one line of JSON for each item, in the order of the items, as they are done. They are done at " +
        "the same time: none of them should depend on another one. A read brings at most 1 MiB.",
      consumes: ["application/json"],
      // The body is parsed by the handler; this is for the document.
      body: inDocument(batchSchema),
      response: {
        200: {
          description: "A result for each item.",
          content: { [NDJSON_TYPE]: { schema: inDocument(resultSchema) } },
        },
      },
    },
    handler: async (_request, reply) => {
      const { items } = await withWholeBody(reply.raw, limits, wholeBodies, parseBatch);
      const results = runBatch(items.map(toBatchItem), {
        files,
        change: (change) => asPrimary(region, change),
      });
      return reply.headers(NDJSON_HEADERS).send(ndjson(lines(results, region)));
    },
  });
};

const UTF_8 = new TextDecoder("utf-8", { fatal: true });

async function parseBatch(body: Buffer): Promise<z.infer<typeof batchSchema>> {
  let json: unknown;
  try {
    // Not leniently: a path with another character in place of a wrong byte would be another file's.
    json = JSON.parse(UTF_8.decode(body));
  } catch (cause) {
    throw new ProblemError(400, "The body is not JSON", { cause });
  }
  const { data, error } = batchSchema.safeParse(json);
  if (data !== undefined) return data;
  throw new ProblemError(400, `The body is not a batch: ${z.prettifyError(error)}`, { cause: error });
}

/** An error where its path cannot be one: that is the item's result. */
function toBatchItem(item: Item): BatchItem | Error {
  try {
    switch (item.operation) {
      case "read":
        return { operation: "read", path: fileOf(item), attributes: item.attributes };
      case "stat":
        return { operation: "stat", path: directoryPath(textOf(item)) };
      case "delete":
        return { operation: "delete", path: fileOf(item), when: conditionOf(item.ifMatch) };
    }
  } catch (error) {
    if (error instanceof PathError || error instanceof ProblemError) return error;
    throw error;
  }
}

function conditionOf(entityTag: string | undefined): Unchanged | undefined {
  return entityTag === undefined ? undefined : { etag: entityTag.slice(1, -1) };
}

function fileOf(item: Item): FilePath {
  const text = textOf(item);
  if (text.endsWith("/")) throw new PathError("The path ends in /, so it names a directory: it can only be looked at");
  return filePath(text);
}

function textOf({ path, encodedPath }: Item): string {
  if (path !== undefined && encodedPath === undefined) return path;
  if (encodedPath !== undefined && path === undefined) return decodePath(encodedPath);
  throw new ProblemError(400, "An item must have either a path or an encodedPath");
}

async function* lines(
  results: AsyncIterable<PromiseSettledResult<BatchResult>>,
  region: Region | undefined,
): AsyncGenerator<Result> {
  let index = 0;
  for await (const result of results) {
    yield { index, ...(result.status === "fulfilled" ? describe(result.value, region) : refusalOf(result.reason)) };
    index += 1;
  }
}

function describe(result: BatchResult, region: Region | undefined): Omit<Result, "index"> {
  switch (result.operation) {
    case "read": {
      const { content, attributes } = result;
      const about = attributes === undefined ? {} : versionOf(attributes);
      return { status: 200, size: content.length, ...about, content: content.toString("base64") };
    }
    case "stat": {
      const { attributes } = result;
      return { status: 200, type: attributes.type, size: attributes.size, ...versionOf(attributes) };
    }
    case "delete":
      return { status: 204, ...(region !== undefined && { writeToken: region.tokenOf() }) };
  }
}

function versionOf(attributes: Parameters<typeof validatorsOf>[0]): Pick<Result, "modifiedAt" | "etag"> {
  return { modifiedAt: modificationDate(attributes).toISOString(), etag: validatorsOf(attributes).etag };
}

function refusalOf(error: unknown): Omit<Result, "index"> {
  const problem = problemOf(asProblem(error));
  return { status: problem.status, problem };
}

function asProblem(error: unknown): unknown {
  if (error instanceof TooLargeForBatchError) return new ProblemError(413, error.message);
  if (error instanceof NotAFileError)
    return new ProblemError(error.type === "symbolic-link" ? 403 : 409, error.message);
  return error;
}
