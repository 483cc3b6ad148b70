/** What {@link Files} is made of, at the mount targets. */
import {
  type BatchItem,
  type BatchResult,
  deleteTree,
  directoryPath,
  type FilePath,
  filePath,
  mayBeNoFile,
  NotAFileError,
  type ReadRange,
  type RoutedFiles,
  runBatch,
  type WriteCondition,
} from "@efs-mount-autoscaling/routed-files";
import { etagOf, type FileAttributes, type ReadableFile } from "nfs-client";
import type { Deadline } from "../deadline.ts";
import { FileError, OutcomeUnknownError, RemoveIncompleteError } from "../errors.ts";
import type { FileVersion, Written } from "../files.ts";
import type { Meanings } from "../nfs-status.ts";
import type {
  Attributes,
  BatchOperation,
  BatchOutcome,
  ByteRange,
  Condition,
  FileOperations,
  ListedEntry,
  OpenedFile,
  Path,
} from "../operations.ts";
import { eachUntilAborted, untilAborted } from "../until-aborted.ts";
import { fileErrorOf } from "./failures.ts";

/** There is one region here, or a file system that refuses writes by itself. */
const change = (act: () => Promise<void>) => act();

export function operationsOver(files: RoutedFiles): FileOperations {
  return {
    read: (path, range, deadline) => read(files, path, range, deadline),
    write: (path, data, when, deadline) => write(files, path, data, when, deadline),
    append: (path, data, when, deadline) => append(files, path, data, when, deadline),
    stat: (path, deadline) =>
      attempt(path, async () => attributesOf(await untilAborted(files.stat(directoryPath(path)), deadline.signal))),
    list: (path, deadline) => list(files, path, deadline),
    makeDirectory: (path, deadline) => makeDirectory(files, path, deadline),
    remove: (path, ifMatch, deadline) => remove(files, path, ifMatch, deadline),
    removeTree: (path, deadline) => removeTree(files, path, deadline),
    batch: (operations, deadline) => batch(files, operations, deadline),
    close: () => files.close(),
  };
}

async function read(files: RoutedFiles, path: Path, range: ByteRange, deadline: Deadline): Promise<OpenedFile> {
  return attempt(path, async () => {
    const { attributes, body } = await untilAborted(
      openFile(files, filePath(path), readRangeOf(range)),
      deadline.signal,
    );
    return { attributes: attributesOf(attributes), body: each(path, eachUntilAborted(body, deadline.signal)) };
  });
}

async function openFile(files: RoutedFiles, path: FilePath, range: ReadRange): Promise<ReadableFile> {
  try {
    return await files.openFile(path, range);
  } catch (error) {
    if (!mayBeNoFile(error)) throw error;
    const { type } = await files.stat(path, { isAsked: false });
    throw type === "file" ? error : new NotAFileError(path, type);
  }
}

async function write(
  files: RoutedFiles,
  path: Path,
  data: Buffer | AsyncIterable<Buffer>,
  when: Condition,
  deadline: Deadline,
): Promise<Written> {
  let mayBePublished = Buffer.isBuffer(data);
  const whole = async function* (pieces: AsyncIterable<Buffer>) {
    yield* eachUntilAborted(pieces, deadline.signal);
    mayBePublished = true;
  };
  const writing = () => files.writeFile(filePath(path), Buffer.isBuffer(data) ? data : whole(data), conditionOf(when));
  const isUncertain = () => when !== undefined && mayBePublished;
  const { attributes, created } = await attempt(
    path,
    () => untilChanged(deadline, path, writing(), isUncertain),
    meaningsUnder(when),
  );
  return { ...versionOf(attributes), created: created === true };
}

async function append(
  files: RoutedFiles,
  path: Path,
  data: Buffer,
  when: Condition,
  deadline: Deadline,
): Promise<FileVersion> {
  const appending = () => files.appendFile(filePath(path), data, conditionOf(when));
  return attempt(
    path,
    async () => versionOf(await untilChanged(deadline, path, appending(), () => true)),
    meaningsUnder(when),
  );
}

async function* list(files: RoutedFiles, path: Path, deadline: Deadline): AsyncGenerator<ListedEntry> {
  const entries = attempt(path, async () => eachUntilAborted(files.list(directoryPath(path)), deadline.signal));
  for await (const { name, attributes } of each(path, await entries)) yield { name, ...attributesOf(attributes) };
}

function makeDirectory(files: RoutedFiles, path: Path, deadline: Deadline): Promise<void> {
  return attempt(path, async () => {
    // The served directory is made with the first file in it.
    if (path === "") return;
    const directory = filePath(path);
    await untilAborted(files.makeDirectory(directory), deadline.signal);
    // To make what exists is no error, whatever it is.
    const { type } = await untilAborted(files.stat(directory, { isAsked: false }), deadline.signal);
    if (type !== "directory") throw new FileError("EEXIST", `There is a ${type} already: ${path}`, { path });
  });
}

function remove(files: RoutedFiles, path: Path, ifMatch: string | undefined, deadline: Deadline): Promise<void> {
  const removing = () => files.deleteFile(filePath(path), unchangedSince(ifMatch));
  return attempt(path, () => untilChanged(deadline, path, removing(), () => ifMatch !== undefined));
}

async function removeTree(files: RoutedFiles, path: Path, deadline: Deadline): Promise<void> {
  const failures: FileError[] = [];
  let cause: Error | undefined;
  await attempt(path, async () => {
    const reports = deleteTree(filePath(path), { files, change });
    for await (const report of eachUntilAborted(reports, deadline.signal)) {
      deadline.restart();
      if (report.kind === "failure") failures.push(failureOf(report.error, report.path));
      if (report.kind === "end") cause = report.error;
    }
    if (cause !== undefined && failures.length === 0) throw cause;
  });
  const [first] = failures;
  if (first === undefined) return;
  const message = `${failures.length} names were not removed: ${first.message}`;
  throw new RemoveIncompleteError(message, failures, { path, cause });
}

async function* batch(
  files: RoutedFiles,
  operations: readonly BatchOperation[],
  deadline: Deadline,
): AsyncGenerator<BatchOutcome> {
  const results = runBatch(operations.map(itemOf), { files, change });
  let index = 0;
  for await (const result of eachUntilAborted(results, deadline.signal)) {
    const { path = "" } = operations[index] ?? {};
    index += 1;
    yield result.status === "fulfilled"
      ? outcomeOf(result.value)
      : { operation: "failure", error: failureOf(result.reason, path) };
  }
}

function itemOf(operation: BatchOperation): BatchItem | Error {
  try {
    switch (operation.operation) {
      case "read":
        return { operation: "read", path: filePath(operation.path), attributes: false };
      case "stat":
        return { operation: "stat", path: directoryPath(operation.path) };
      case "rm":
        return { operation: "delete", path: filePath(operation.path), when: unchangedSince(operation.ifMatch) };
    }
  } catch (error) {
    return failureOf(error, operation.path);
  }
}

function outcomeOf(result: BatchResult): BatchOutcome {
  switch (result.operation) {
    case "read":
      return { operation: "read", data: result.content };
    case "stat":
      return { operation: "stat", attributes: attributesOf(result.attributes) };
    case "delete":
      return { operation: "rm" };
  }
}

/** The error of one of many. What is none of the mount targets ends them all. */
function failureOf(error: unknown, path: string): FileError {
  const failure = fileErrorOf(error, path);
  if (failure instanceof FileError) return failure;
  throw failure;
}

async function attempt<Result>(path: Path, act: () => Promise<Result>, meanings?: Meanings): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw fileErrorOf(error, path, meanings);
  }
}

async function* each<Item>(path: Path, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  try {
    yield* items;
  } catch (error) {
    throw fileErrorOf(error, path);
  }
}

/**
 * As {@link untilAborted}. A change may still be made after the deadline.
 *
 * @param isUncertain Whether that matters: it cannot be made again to be sure.
 */
async function untilChanged<Result>(
  deadline: Deadline,
  path: Path,
  change: Promise<Result>,
  isUncertain: () => boolean,
): Promise<Result> {
  try {
    return await untilAborted(change, deadline.signal);
  } catch (error) {
    if (error !== deadline.signal.reason || !isUncertain()) throw error;
    throw new OutcomeUnknownError(`It was given up, and may have been done: ${path}`, { path, cause: error });
  }
}

function attributesOf({ type, size, modifiedAt, ...version }: FileAttributes): Attributes {
  return { type, size, mtimeMs: modifiedAt, ...versionOf(version) };
}

function versionOf(attributes: Parameters<typeof etagOf>[0]): FileVersion {
  return { etag: `"${etagOf(attributes)}"` };
}

function readRangeOf({ start, end }: ByteRange): ReadRange {
  return { start, length: end - start + 1 };
}

function conditionOf(when: Condition): WriteCondition {
  return when === "absent" ? when : unchangedSince(when?.etag);
}

function unchangedSince(etag: string | undefined): { readonly etag: string } | undefined {
  return etag === undefined ? undefined : { etag: etag.slice(1, -1) };
}

/** The condition of a write, and what it means that it does not hold; or that there is something else without it. */
function meaningsUnder(when: Condition): Meanings {
  return when === "absent" ? { precondition: "EEXIST" } : { NFS4ERR_EXIST: "EISDIR" };
}
