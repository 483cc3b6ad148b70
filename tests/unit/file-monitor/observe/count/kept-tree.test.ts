import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type AwsClients, createAwsClients } from "../../../../../functions/file-monitor/aws/session.ts";
import type { KeptTree } from "../../../../../functions/file-monitor/observe/count/count-tree.ts";
import { DirectoryTree, ROOT } from "../../../../../functions/file-monitor/observe/count/directory-tree.ts";
import { loadTree, saveTree } from "../../../../../functions/file-monitor/observe/count/kept-tree.ts";
import type { Memory } from "../../../../../functions/file-monitor/run.ts";
import { readSettings } from "../../../../../functions/file-monitor/settings.ts";
import { AwsError } from "../../../../../local/control-plane/aws-error.ts";
import type { Fault } from "../../../../../local/control-plane/server.ts";
import { monitorEnvironment } from "../../../../../local/environments.ts";
import { type LocalS3, startLocalS3 } from "../../../../../local/s3/server.ts";

const BUCKET = "count-bucket";
const SOURCE = { fileSystemId: "fs-0123abcd", directory: "/", via: "mount" } as const;

let directory: string;
let s3: LocalS3;
let clients: AwsClients;
/** What goes wrong with the next call. */
let fault: Fault | undefined;
let log: { level: string; message: string }[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kept-tree-"));
  s3 = await startLocalS3({
    directory: join(directory, "s3"),
    buckets: [BUCKET],
    onCall: () => {
      const now = fault;
      fault = undefined;
      return now;
    },
  });
  clients = createAwsClients({
    endpoint: s3.url,
    region: "us-east-1",
    credentials: { accessKeyId: "RUN", secretAccessKey: "test" },
    maxAttempts: 1,
  });
});

afterAll(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await s3.close();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  log = [];
});

afterEach(async () => {
  await rm(file(), { force: true });
  await rm(objectFile(), { force: true });
});

const file = () => join(directory, "tree");
const objectFile = () => join(directory, "s3", BUCKET, SOURCE.fileSystemId, "tree");

/** Of one process, with the file and the bucket or one of them. */
function process(kept: { file?: boolean; bucket?: boolean } = { file: true, bucket: true }) {
  const memory: Memory = { unsupportedZones: new Set() };
  const writer = (level: string) => (message: string) => void log.push({ level, message });
  return {
    memory,
    aws: { ...clients, signal: new AbortController().signal },
    settings: readSettings({
      ...monitorEnvironment(s3.url, "/mnt", 2, "hot-reload"),
      EFS_FILE_SYSTEM_ID: SOURCE.fileSystemId,
      ...(kept.file === true ? { COUNT_TREE_FILE: file() } : {}),
      ...(kept.bucket === true ? { COUNT_TREE_BUCKET: BUCKET } : {}),
    }),
    log: { info: writer("INFO"), warn: writer("WARN"), error: writer("ERROR") },
  };
}

function saved(startedAt: number): KeptTree {
  const tree = new DirectoryTree();
  tree.set(ROOT, { files: startedAt, mark: 1n, id: 2n, settled: true });
  return { tree, startedAt, readAllAt: 0 };
}

const startedAt = async (run: ReturnType<typeof process>) => (await loadTree(run, SOURCE))?.startedAt;

describe.each([{ file: true }, { bucket: true }, { file: true, bucket: true }])("with %o", (kept) => {
  test("there is nothing at first, and then what was saved, also for another process", async () => {
    const first = process(kept);
    expect(await startedAt(first)).toBeUndefined();
    for (const time of [1, 2]) {
      await saveTree(first, SOURCE, saved(time));
      expect(await startedAt(first)).toBe(time);
      expect(await startedAt(process(kept))).toBe(time);
    }
    expect(log).toEqual([]);
  });

  test("what is damaged is of no use, and is replaced", async () => {
    await saveTree(process(kept), SOURCE, saved(1));
    for (const damaged of [kept.file ? file() : objectFile(), objectFile()])
      await writeFile(damaged, "damaged").catch(() => {});
    const next = process(kept);
    expect(await startedAt(next)).toBeUndefined();
    expect(log.length).toBeGreaterThan(0);
    await saveTree(next, SOURCE, saved(2));
    expect(await startedAt(process(kept))).toBe(2);
  });
});

test("a cold start takes the bucket's, and of both the one that was counted last", async () => {
  const before = process();
  await saveTree(before, SOURCE, saved(1));
  await rm(file());
  expect(await startedAt(process())).toBe(1);
  await saveTree(process({ file: true }), SOURCE, saved(2));
  expect(await startedAt(process())).toBe(2);
  await saveTree(before, SOURCE, saved(3));
  await saveTree(process({ file: true }), SOURCE, saved(2));
  expect(await startedAt(process())).toBe(3);
});

test("of two runs at the same time, the one that comes second leaves the other's in the bucket", async () => {
  const [one, other] = [process({ bucket: true }), process({ bucket: true })];
  for (const run of [one, other]) expect(await startedAt(run)).toBeUndefined();
  await saveTree(one, SOURCE, saved(1));
  await saveTree(other, SOURCE, saved(2));
  expect(log).toEqual([{ level: "INFO", message: expect.stringContaining("Another run") }]);
  expect(await startedAt(process({ bucket: true }))).toBe(1);
  // It knows the other's from then on.
  expect(await startedAt(other)).toBe(1);
  await saveTree(other, SOURCE, saved(3));
  expect(await startedAt(process({ bucket: true }))).toBe(3);
});

describe.each([{ bucket: true }, { file: true, bucket: true }])("with %o, when the bucket's was deleted", (kept) => {
  test("the next count that finds it missing keeps its own", async () => {
    const run = process(kept);
    await saveTree(run, SOURCE, saved(1));
    await rm(objectFile());
    for (const time of [2, 3]) {
      await startedAt(run);
      await saveTree(run, SOURCE, saved(time));
    }
    expect(await startedAt(process({ bucket: true }))).toBe(3);
    expect(log.map(({ level }) => level)).not.toContain("WARN");
  });
});

test("what was deleted is not missed by a run that finds it out before it counts", async () => {
  const run = process({ bucket: true });
  await saveTree(run, SOURCE, saved(1));
  await rm(objectFile());
  expect(await startedAt(run)).toBeUndefined();
  await saveTree(run, SOURCE, saved(2));
  expect(await startedAt(process({ bucket: true }))).toBe(2);
  expect(log).toEqual([]);
});

test("a bucket that is gone is a failure, not another run's count", async () => {
  const run = process();
  await saveTree(run, SOURCE, saved(1));
  fault = { takesEffect: false, response: new AwsError("NoSuchBucket", 404, "The specified bucket does not exist") };
  await saveTree(run, SOURCE, saved(2));
  expect(log).toMatchObject([{ level: "WARN" }]);
});

test("a tree that is too large to keep fails nothing", async () => {
  const tooLarge = saved(1);
  vi.spyOn(tooLarge.tree, "nameBytes").mockImplementation(() => {
    throw new RangeError('The value of "length" is out of range');
  });
  await saveTree(process(), SOURCE, tooLarge);
  expect(log).toMatchObject([{ level: "WARN" }]);
});

test.each<[string, Fault]>([
  ["is refused", { takesEffect: false, response: new AwsError("AccessDenied", 403, "Access Denied") }],
  ["is cut off", { takesEffect: false, response: "connection-closed" }],
  ["loses its response", { takesEffect: true, response: "connection-closed" }],
])("a call that %s fails nothing", async (_, wrong) => {
  const run = process();
  fault = wrong;
  expect(await startedAt(run)).toBeUndefined();
  fault = wrong;
  await saveTree(run, SOURCE, saved(1));
  expect(new Set(log.map(({ level }) => level))).toEqual(new Set(["WARN"]));
  expect(await startedAt(run)).toBe(1);
  await saveTree(run, SOURCE, saved(2));
  expect(await startedAt(process())).toBe(2);
  expect((await readFile(file())).length).toBeGreaterThan(0);
});
