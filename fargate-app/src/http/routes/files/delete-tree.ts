/** `DELETE /files/DIR/?recursive`: a directory with all that is below it. */
import type { Readable } from "node:stream";
import { deleteTree, type FilePath, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import * as z from "zod";
import type { Region } from "../../../region/region.ts";
import { ndjson } from "../../ndjson.ts";
import { problemOf, problemSchema } from "../../semantics/problem.ts";
import { asPrimary } from "../as-primary.ts";
import { spelledPath } from "./resource.ts";

export const deletionLine = z.object({
  path: z.string().optional().describe("Of a name that was not removed: its path; `problem` says why."),
  encodedPath: z.string().optional().describe("Of a path that is not UTF-8: as in a URL below `/files/`."),
  problem: problemSchema.optional(),
  files: z.number().optional().describe("What is no directory, removed so far."),
  directories: z.number().optional().describe("Removed so far."),
  failed: z.number().optional().describe("Of the last line: how many names were not removed."),
  complete: z
    .boolean()
    .optional()
    .describe("Only in the last line: all is gone. Where it is false, the same request goes on with the rest."),
  writeToken: z.string().optional().describe("Of the last line, where there are two regions: as `x-write-token`."),
});

type DeletionLine = z.infer<typeof deletionLine>;

export function deletionOf(directory: FilePath, files: RoutedFiles, region: Region | undefined): Readable {
  return ndjson(lines(directory, files, region));
}

async function* lines(
  directory: FilePath,
  files: RoutedFiles,
  region: Region | undefined,
): AsyncGenerator<DeletionLine> {
  const change = (removal: () => Promise<void>) => asPrimary(region, removal);
  for await (const report of deleteTree(directory, { files, change })) {
    switch (report.kind) {
      case "failure":
        yield { ...spelledPath(report.path), problem: problemOf(report.error) };
        break;
      case "progress":
        yield { files: report.files, directories: report.directories };
        break;
      case "end":
        yield {
          files: report.files,
          directories: report.directories,
          failed: report.failures,
          complete: report.failures === 0 && report.error === undefined,
          ...(report.error !== undefined && { problem: problemOf(report.error) }),
          ...(region !== undefined && { writeToken: region.tokenOf() }),
        };
    }
  }
}
