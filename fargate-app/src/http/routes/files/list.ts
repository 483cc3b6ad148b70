/** Directories as pages of JSON. */
import type { DirectoryPath, RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import * as z from "zod";
import { modificationDate, validatorsOf } from "../../semantics/validators.ts";
import { wholeNumberUpTo } from "../whole-number.ts";
import { archiveFormat } from "./archive.ts";
import { encodePart } from "./resource.ts";

const MAX_PAGE_SIZE = 10_000;

export const directoryQuery = z.object({
  limit: wholeNumberUpTo(MAX_PAGE_SIZE).default(1_000).describe("Directories: how many entries a page has at most."),
  cursor: z
    .string()
    .max(200)
    .optional()
    .describe("Directories: `nextCursor` of the page before, to go on behind its last entry."),
  archive: archiveFormat.optional().describe("Directories: all that is below, as an archive in this format."),
});

type PageQuery = Pick<z.infer<typeof directoryQuery>, "limit" | "cursor">;

export const directoryPage = z.object({
  path: z.string().describe("The directory, without a leading slash; empty for the served directory itself."),
  entries: z.array(
    z.object({
      name: z
        .string()
        .describe("Where there is an `encodedName`: not the name, only something like it for people to read."),
      encodedName: z
        .string()
        .optional()
        .describe("Only of a name that is not UTF-8: its bytes, percent-encoded, as they are written in a URL."),
      type: z.string().describe("`file`, `directory`, `symbolic-link`, …"),
      size: z.number().describe("Bytes."),
      modifiedAt: z.iso.datetime(),
      etag: z.string().describe("As the ETag header of the file has it."),
    }),
  ),
  nextCursor: z.string().optional().describe("Where the next page begins. Absent on the last page."),
});

export type DirectoryPage = z.infer<typeof directoryPage>;

/** The entries come in the server's order. What is added or removed meanwhile may be listed or not; all else is once. */
export async function readPage(
  files: RoutedFiles,
  path: DirectoryPath,
  { limit, cursor }: PageQuery,
): Promise<DirectoryPage> {
  const entries: DirectoryPage["entries"] = [];
  let last: string | undefined;
  for await (const entry of files.list(path, { after: cursor })) {
    if (entries.length === limit) return { path, entries, ...(last === undefined ? {} : { nextCursor: last }) };
    const { name, attributes } = entry;
    const { type, size } = attributes;
    const modifiedAt = modificationDate(attributes).toISOString();
    entries.push({ ...spelled(name), type, size, modifiedAt, etag: validatorsOf(attributes).etag });
    last = entry.cursor;
  }
  return { path, entries };
}

function spelled(name: string): { name: string; encodedName?: string } {
  return name.isWellFormed() ? { name } : { name: name.toWellFormed(), encodedName: encodePart(name) };
}
