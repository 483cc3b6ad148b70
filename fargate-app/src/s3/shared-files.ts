/** Files as they are found in a file system that others share: they come and go meanwhile, and can have any content. */
import { collect, type FilePath, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { type FileAttributes, isStatus } from "nfs-client";
import type * as z from "zod";

/** Whether there is nothing at the path, or nothing any more. */
export function isGone(error: unknown): boolean {
  return isStatus(error, "NFS4ERR_NOENT", "NFS4ERR_NOTDIR", "NFS4ERR_STALE");
}

/** Undefined where there is nothing. */
export async function statIfThere(
  files: RoutedFiles,
  path: FilePath,
  how?: Parameters<RoutedFiles["stat"]>[1],
): Promise<FileAttributes | undefined> {
  try {
    return await files.stat(path, how);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

interface JsonFile<Content> {
  readonly attributes: FileAttributes;
  readonly content: Content;
}

/** Bytes. A record of 10,000 parts with checksums has a third of it. */
const MAX_JSON_BYTES = 2 ** 21;

/** Undefined where there is no file, or none that the schema describes: what is longer is cut, and is no JSON then. */
export async function readJson<Schema extends z.ZodType>(
  files: RoutedFiles,
  path: FilePath,
  schema: Schema,
): Promise<JsonFile<z.output<Schema>> | undefined> {
  return whereItIsThere(async () => {
    const { attributes, body } = await files.openFile(path, { length: MAX_JSON_BYTES });
    const content = parseJson(await collect(body), schema);
    return content && { attributes, content };
  });
}

/** As {@link readJson}, of many that are read at once and share requests to the mount target: the content alone. */
export async function readJsonOfMany<Schema extends z.ZodType>(
  files: RoutedFiles,
  path: FilePath,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  return whereItIsThere(async () => {
    const bytes = await files.readContent(path, MAX_JSON_BYTES);
    return bytes && parseJson(bytes, schema);
  });
}

function parseJson<Schema extends z.ZodType>(bytes: Buffer, schema: Schema): z.output<Schema> | undefined {
  const { success, data } = schema.safeParse(JSON.parse(bytes.toString()));
  return success ? data : undefined;
}

async function whereItIsThere<Result>(read: () => Promise<Result | undefined>): Promise<Result | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isGone(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
