/** `PUT` and `POST /files/DIR/?extract=…`: the files of an archive, below a directory. */
import type { ServerResponse } from "node:http";
import * as z from "zod";
import {
  ArchiveError,
  type ExtractFailure,
  type ExtractReport,
  extractTar,
  NotExtractableError,
} from "../../../many/extract.ts";
import type { Region } from "../../../region/region.ts";
import type { RoutedFiles } from "../../../router/routed-files.ts";
import { type DirectoryPath, filePath, ROOT } from "../../../routing/path.ts";
import type { HttpLimits } from "../../limits.ts";
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

interface ExtractContext {
  readonly files: RoutedFiles;
  readonly limits: HttpLimits;
  readonly region: Region | undefined;
}

/** Writes the files of the archive that a request brings. @throws {ProblemError} when it is none, or too much. */
export async function extractBody(
  response: ServerResponse,
  directory: DirectoryPath,
  format: ExtractFormat,
  { files, limits, region }: ExtractContext,
): Promise<z.infer<typeof extractResult>> {
  const change = <Result>(write: () => Promise<Result>) => asPrimary(region, write);
  await change(() => makeDirectory(files, directory));
  const options = { files, gzip: format === "tar.gz", maxBytes: limits.maxBodyBytes, change };
  try {
    const report = await withBody(response, limits, files.memory, (body) =>
      extractTar(Buffer.isBuffer(body) ? inOne(body) : body, directory, options),
    );
    return resultOf(report);
  } catch (error) {
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

function resultOf({ failures, ...counts }: ExtractReport): z.infer<typeof extractResult> {
  return { ...counts, failed: failures.map(failureOf) };
}

function failureOf({ name, error }: ExtractFailure) {
  const problem = problemOf(error instanceof NotExtractableError ? new ProblemError(403, error.message) : error);
  return { name: name.toWellFormed(), problem };
}

async function* inOne(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}
