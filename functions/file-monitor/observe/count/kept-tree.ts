/**
 * Where the tree of the last count is kept for the next: in a file, which lasts as long as this instance of the function,
 * and in a bucket. Losing it costs a count that reads everything, and nothing else, so no failure here fails a run.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { type ObjectName, readObject, writeObject } from "../../aws/objects.ts";
import type { Run } from "../../run.ts";
import type { KeptTree } from "./count-tree.ts";
import { decodeTree, encodeTree, TreeFileError, type TreeSource } from "./tree-file.ts";

type TreeRun = Pick<Run, "aws" | "memory" | "settings" | "log">;

/** The tree of the last count; undefined where there is none of any use. */
export async function loadTree(run: TreeRun, source: TreeSource): Promise<KeptTree | undefined> {
  const fromFile = await attempt(run, () => readTreeFile(run, source));
  // The bucket's is read once: from then on, what this process has written to both is the newest.
  if (fromFile !== undefined && run.memory.treeEtag !== undefined) return fromFile;
  const fromBucket = await attempt(run, () => readBucket(run, source));
  if (fromFile === undefined || fromBucket === undefined) return fromFile ?? fromBucket;
  return fromFile.startedAt >= fromBucket.startedAt ? fromFile : fromBucket;
}

export async function saveTree(run: TreeRun, source: TreeSource, saved: KeptTree): Promise<void> {
  const { treeFile, treeBucket } = run.settings;
  if (treeFile === undefined && treeBucket === undefined) return;
  const bytes = await attempt(run, () => encodeTree(source, saved));
  if (bytes === undefined) return;
  await attempt(run, () => writeTreeFile(run, bytes));
  await attempt(run, () => writeBucket(run, bytes));
}

async function readTreeFile({ settings: { treeFile } }: TreeRun, source: TreeSource): Promise<KeptTree | undefined> {
  if (treeFile === undefined) return undefined;
  try {
    return await decodeTree(await readFile(treeFile), source);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeTreeFile({ settings: { treeFile } }: TreeRun, bytes: Uint8Array): Promise<void> {
  if (treeFile === undefined) return;
  const unfinished = `${treeFile}.new`;
  await writeFile(unfinished, bytes);
  await rename(unfinished, treeFile);
}

async function readBucket(run: TreeRun, source: TreeSource): Promise<KeptTree | undefined> {
  const name = objectName(run);
  const object = name && (await readObject(run.aws, name));
  run.memory.treeEtag = object?.etag;
  if (object === undefined) return undefined;
  return await decodeTree(object.bytes, source);
}

async function writeBucket(run: TreeRun, bytes: Uint8Array): Promise<void> {
  const name = objectName(run);
  if (name === undefined) return;
  run.memory.treeEtag = await writeObject(run.aws, name, bytes, run.memory.treeEtag);
  if (run.memory.treeEtag !== undefined) return;
  run.log.info("Another run has kept its count, or what was kept is deleted: this run's count is not kept", {
    ...name,
  });
}

function objectName({ settings: { treeBucket, fileSystemId } }: TreeRun): ObjectName | undefined {
  return treeBucket === undefined ? undefined : { bucket: treeBucket, key: `${fileSystemId}/tree` };
}

async function attempt<Result>({ log }: TreeRun, step: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await step();
  } catch (error) {
    const isOfNoUse = error instanceof TreeFileError;
    log.warn(isOfNoUse ? "What the last count kept is of no use" : "What a count keeps can't be read or written", {
      error,
    });
    return undefined;
  }
}
