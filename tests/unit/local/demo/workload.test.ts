import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type FileClient, RequestError } from "../../../../local/demo/file-client.ts";
import type { SourceFile } from "../../../../local/demo/source-files.ts";
import { copyIn, readAll, remove, startTraffic, type Workload } from "../../../../local/demo/workload.ts";

let source: string;
let files: SourceFile[];
let stored: Map<string, Buffer>;
let interruption: AbortController;

beforeEach(async () => {
  source = await mkdtemp(join(tmpdir(), "workload-"));
  files = Array.from({ length: 20 }, (_, index) => ({ path: `file-${index}`, bytes: 1000 + index }));
  for (const { path, bytes } of files) await writeFile(join(source, path), path.padEnd(bytes));
  stored = new Map();
  interruption = new AbortController();
});
afterEach(() => rm(source, { recursive: true }));

/** A file API in memory. */
function work(change: Partial<FileClient> = {}): Workload {
  const client: FileClient = {
    get: async (path) => {
      await setImmediate();
      return stored.get(path) ?? Promise.reject(new RequestError(`no ${path}`));
    },
    put: async (path, body) => {
      stored.set(path, body);
    },
    delete: async (path) => {
      if (!stored.delete(path)) throw new RequestError(`no ${path}`);
    },
    close: () => {},
    ...change,
  };
  const tally = { requests: 0, failed: 0, failures: [], mismatched: new Set<string>() };
  return { client, tally, hashes: new Map(), signal: interruption.signal };
}

test("every file is copied in as it is, and read back", async () => {
  const all = work();
  const onFile = vi.fn();
  await copyIn(all, files, { source, concurrency: 3, onFile });
  expect(onFile).toHaveBeenCalledTimes(20);
  expect(stored.get("file-7")?.toString()).toBe("file-7".padEnd(1007));
  const megabytesPerSecond = await readAll(all, files, { concurrency: 7, seconds: 0 });
  expect(megabytesPerSecond).toBeGreaterThan(0);
  expect(all.tally).toMatchObject({ requests: 40, failed: 0 });
  expect(all.tally.mismatched.size).toBe(0);
});

test("files are deleted, and one that is not there is a failed request", async () => {
  const all = work();
  await copyIn(all, files, { source, concurrency: 3, onFile: () => {} });
  const onFile = vi.fn();
  await remove(all, [...files.slice(5), { path: "never-written", bytes: 1 }], { concurrency: 3, onFile });
  expect(new Set(stored.keys())).toEqual(new Set(files.slice(0, 5).map(({ path }) => path)));
  expect(onFile).toHaveBeenCalledTimes(16);
  expect(all.tally).toMatchObject({ requests: 36, failed: 1, failures: ["no never-written"] });
});

test("the speed is that of all the bytes that were read", async () => {
  const slow = work({
    get: async (path) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return stored.get(path) ?? Buffer.alloc(0);
    },
  });
  await copyIn(slow, files, { source, concurrency: 20, onFile: () => {} });
  const started = performance.now();
  const measured = await readAll(slow, files, { concurrency: 10, seconds: 0.1 });
  const seconds = (performance.now() - started) / 1000;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const passes = (slow.tally.requests - files.length) / files.length;
  expect(Number.isInteger(passes)).toBe(true);
  expect(measured / ((passes * bytes) / 1e6 / seconds)).toBeCloseTo(1, 0);
});

test("a file that was changed on its way is found, once", async () => {
  const all = work();
  await copyIn(all, files, { source, concurrency: 4, onFile: () => {} });
  stored.set("file-3", Buffer.from("file-3".padEnd(1002)));
  await readAll(all, files, { concurrency: 4, seconds: 0 });
  await readAll(all, files, { concurrency: 4, seconds: 0 });
  expect([...all.tally.mismatched]).toEqual(["file-3"]);
});

test("requests that fail are counted, never repeated, and the first are kept to be shown", async () => {
  const put = vi.fn(async () => {
    throw new RequestError("status 503");
  });
  const failing = work({ put });
  await copyIn(failing, files, { source, concurrency: 4, onFile: () => {} });
  expect(put).toHaveBeenCalledTimes(20);
  expect(failing.tally).toMatchObject({ requests: 20, failed: 20 });
  expect(failing.tally.failures).toEqual(Array(10).fill("status 503"));
});

test("traffic reads and writes until it is stopped, and changes nothing", async () => {
  const all = work();
  await copyIn(all, files, { source, concurrency: 4, onFile: () => {} });
  const before = new Map(stored);
  const put = vi.spyOn(all.client, "put");
  const traffic = startTraffic(all, files, { concurrency: 4 });
  await vi.waitFor(() => expect(put.mock.calls.length).toBeGreaterThan(20));
  await traffic.stop();
  const requests = all.tally.requests;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(all.tally).toMatchObject({ requests, failed: 0 });
  expect(stored).toEqual(before);
});

test("an interruption ends it", async () => {
  const all = work();
  await copyIn(all, files, { source, concurrency: 4, onFile: () => {} });
  const reason = new Error("interrupted");
  setTimeout(() => interruption.abort(reason), 20);
  await expect(readAll(all, files, { concurrency: 4, seconds: 30 })).rejects.toBe(reason);
});
