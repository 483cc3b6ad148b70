/** Reading many small files at once, with less work for each than {@link openForReading} has. */
import type { Member } from "../session/joint-compound.ts";
import type { OperationOptions, SmallFile, SmallFileRequest } from "../types.ts";
import type { Operation } from "../wire/compound.ts";
import { ANONYMOUS_STATEID } from "../wire/data-types.ts";
import { type FileAttributes, getAttributes } from "../wire/operations/attributes.ts";
import { type ReadResult, read } from "../wire/operations/data.ts";
import { lookup } from "../wire/operations/file-handles.ts";
import { type FileContext, runOptions } from "./context.ts";
import { DirectoryWalks, parseEntryPath } from "./paths.ts";

interface Reading extends Member {
  readonly attributes: Operation<FileAttributes>;
  readonly data: Operation<ReadResult>;
}

/** See {@link NfsClient.readSmallFiles}. */
export async function readSmallFiles(
  context: FileContext,
  requests: readonly SmallFileRequest[],
  options?: OperationOptions,
): Promise<(SmallFile | undefined)[]> {
  const { channel } = context;
  if (!channel.capabilities.anonymousRead) return requests.map(() => undefined);
  const walks = new DirectoryWalks();
  const readings = requests.map(({ path, size }) => readingOf(walks, path, size));
  const results = await channel.runTogether(readings, runOptions(context, options));
  return readings.map((reading, index) => {
    const reply = fulfilled(results[index]);
    if (reply === undefined || !reply.reached(reading.data)) return undefined;
    const attributes = reply.of(reading.attributes);
    const { data } = reply.of(reading.data);
    return data.length === attributes.size ? { attributes, data } : undefined;
  });
}

/** @throws why the request failed. */
function fulfilled<Value>(result: PromiseSettledResult<Value> | undefined): Value | undefined {
  if (result?.status === "rejected") throw result.reason;
  return result?.value;
}

function readingOf(walks: DirectoryWalks, path: string, length: number): Reading {
  const { directory, name } = parseEntryPath(path);
  const walk = walks.to(directory);
  const attributes = getAttributes();
  const data = read(ANONYMOUS_STATEID, { offset: 0, length });
  const operations = [...walk.operations, lookup(name), attributes, data];
  return { operations, together: { directory: walk.directory, dataReceived: length }, attributes, data };
}
