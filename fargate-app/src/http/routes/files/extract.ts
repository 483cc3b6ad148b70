/** `PUT` and `POST /files/DIR/?extract=…`: the files of an archive, below a directory. */
import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import {
  type DirectoryPath,
  filePath,
  ROOT,
  type RoutedFiles,
  TooManyFailuresError,
  whileRunning,
} from "@efs-mount-autoscaling/routed-files";
import * as z from "zod";
import {
  ArchiveError,
  type ExtractCounts,
  type ExtractFailure,
  type ExtractReport,
  extractTar,
} from "../../../many/extract.ts";
import type { Region } from "../../../region/region.ts";
import type { HttpLimits } from "../../limits.ts";
import { ndjson } from "../../ndjson.ts";
import { ProblemError, problemOf, problemSchema } from "../../semantics/problem.ts";
import { asPrimary } from "../as-primary.ts";
import { withBody } from "./request-body.ts";
import { requireDirectory } from "./require-directory.ts";

export const extractFormat = z.enum(["tar", "tar.gz"], "must be tar or tar.gz");

type ExtractFormat = z.infer<typeof extractFormat>;

export const extractResult = z.object({
  files: z.number().describe("Written."),
  directories: z.number().describe("Of the archive; they are there."),
  bytes: z.number().describe("Of the files that were written."),
  failed: z
    .array(
      z.object({
        name: z.string().describe("As the archive has it; only its beginning where it is too long for a path."),
        problem: problemSchema,
      }),
    )
    .describe("What was not written, and why."),
});

export const extractionLine = z.object({
  name: z.string().optional().describe("Of what was not written: as in `failed` of the JSON; `problem` says why."),
  problem: problemSchema.optional().describe("Also of the last line, where the rest of the archive was not taken."),
  files: z.number().optional().describe("Written so far."),
  directories: z.number().optional().describe("Of the archive, so far; they are there."),
  bytes: z.number().optional().describe("Of the files that were written."),
  failed: z.number().optional().describe("Of the last line: how many names were not written."),
  complete: z.boolean().optional().describe("Only in the last line: everything was written."),
  writeToken: z.string().optional().describe("Of the last line, where there are two regions: as `x-write-token`."),
});

type ExtractionLine = z.infer<typeof extractionLine>;

interface ExtractContext {
  readonly files: RoutedFiles;
  readonly limits: HttpLimits;
  readonly region: Region | undefined;
}

/** Milliseconds between two lines about progress. A load balancer ends connections that are idle for a minute. */
const PROGRESS_INTERVAL = 1_000;

/** Writes the files of the archive that a request brings. @throws {ProblemError} when it is none, or too much. */
export async function extractBody(
  response: ServerResponse,
  directory: DirectoryPath,
  format: ExtractFormat,
  context: ExtractContext,
): Promise<z.infer<typeof extractResult>> {
  const { failures, ...counts } = await runExtraction(response, directory, format, context, () => {});
  return { ...counts, failed: failures.map(failureOf) };
}

/**
 * As {@link extractBody}, in lines that say how it goes on. The response begins with the first of them, so that what fails
 * before has the status that it has otherwise.
 */
export async function extractBodyInLines(
  response: ServerResponse,
  directory: DirectoryPath,
  format: ExtractFormat,
  context: ExtractContext,
): Promise<Readable> {
  let counts: ExtractCounts = { files: 0, directories: 0, bytes: 0 };
  const extracting = runExtraction(response, directory, format, context, (latest) => {
    counts = latest;
  });
  const lines = linesOf(extracting, () => counts, context.region);
  return ndjson(behind(await lines.next(), lines));
}

async function* linesOf(
  extracting: Promise<ExtractReport>,
  counts: () => ExtractCounts,
  region: Region | undefined,
): AsyncGenerator<ExtractionLine> {
  let isBegun = false;
  for await (const _ of whileRunning(extracting, PROGRESS_INTERVAL)) {
    isBegun = true;
    yield counts();
  }
  const token = () => (region === undefined ? {} : { writeToken: region.tokenOf() });
  let report: ExtractReport;
  try {
    report = await extracting;
  } catch (error) {
    if (!isBegun) throw error;
    yield { ...counts(), complete: false, problem: problemOf(error), ...token() };
    return;
  }
  const { failures, ...written } = report;
  yield* failures.map(failureOf);
  yield { ...written, failed: failures.length, complete: failures.length === 0, ...token() };
}

async function* behind<Item>(first: IteratorResult<Item>, rest: AsyncIterable<Item>): AsyncGenerator<Item> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

async function runExtraction(
  response: ServerResponse,
  directory: DirectoryPath,
  format: ExtractFormat,
  { files, limits, region }: ExtractContext,
  onProgress: (counts: ExtractCounts) => void,
): Promise<ExtractReport> {
  const change = <Result>(write: () => Promise<Result>) => asPrimary(region, write);
  await change(() => makeDirectory(files, directory));
  const options = { files, gzip: format === "tar.gz", maxBytes: limits.maxBodyBytes, change, onProgress };
  try {
    return await withBody(response, limits, files.memory, (body) =>
      extractTar(Buffer.isBuffer(body) ? inOne(body) : body, directory, options),
    );
  } catch (error) {
    if (error instanceof TooManyFailuresError) throw new ProblemError(413, problemOf(error).detail, { cause: error });
    if (!(error instanceof ArchiveError)) throw error;
    throw new ProblemError(error.isTooLarge ? 413 : 400, error.message, { cause: error });
  }
}

/** Makes the directory where it is missing. */
async function makeDirectory(files: RoutedFiles, directory: DirectoryPath): Promise<void> {
  if (directory === ROOT) return;
  const path = filePath(directory);
  await files.makeDirectory(path);
  await requireDirectory(files, path);
}

function failureOf({ name, error }: ExtractFailure) {
  return { name: name.toWellFormed(), problem: problemOf(error) };
}

async function* inOne(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}
