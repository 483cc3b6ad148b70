import { filePath } from "@efs-mount-autoscaling/routed-files";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CLAIM, OrphanSweep, type OrphanSweepOptions } from "../../../fargate-app/src/orphan-sweep.ts";
import { MemoryFileSystem } from "../../support/memory-file-system.ts";
import { memoryLog } from "../../support/memory-router.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long a sweep takes. */
const DURATION = HOUR / 2;

let shared: MemoryFileSystem;
/** When each sweep began, and how many run now. */
let sweeps: number[];
let running: number;
let mostRunning: number;
let routers: OrphanSweep[];
const { log, lines } = memoryLog();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: Date.UTC(2026, 0, 1) });
  shared = new MemoryFileSystem();
  sweeps = [];
  running = 0;
  mostRunning = 0;
  routers = [];
  lines.length = 0;
});

afterEach(() => {
  for (const router of routers) router.stop();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function removeOrphans({ signal }: { signal?: AbortSignal | undefined }) {
  sweeps.push(Date.now());
  running += 1;
  mostRunning = Math.max(mostRunning, running);
  try {
    await new Promise((resolve, reject) => {
      setTimeout(resolve, DURATION);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  } finally {
    running -= 1;
  }
  return { examined: 1, removed: 1, passedOver: { count: 0, examples: [] }, complete: true };
}

/** A router that looks for the first time after this part of a day. */
function startRouter(
  part: number,
  removal: OrphanSweepOptions["files"]["removeOrphans"] = removeOrphans,
  mayWrite?: () => boolean,
): OrphanSweep {
  vi.spyOn(Math, "random").mockReturnValueOnce(part);
  const files: OrphanSweepOptions["files"] = {
    openFile: async (path) => {
      const file = shared.open(`/${path}`);
      const content = async function* () {
        yield file.read(0, file.attributes.size);
      };
      return { attributes: file.attributes, body: content() };
    },
    writeFile: async (path, data, when) => {
      if (!(data instanceof Uint8Array)) throw new Error("A claim is written as a whole");
      shared.now = Date.now();
      return { attributes: shared.write(`/${path}`, data, when === undefined ? {} : { when }), created: false };
    },
    removeOrphans: removal,
  };
  const router = new OrphanSweep({ interval: DAY, olderThan: DAY, files, log, ...(mayWrite && { mayWrite }) });
  routers.push(router);
  return router;
}

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

test("of many routers one sweeps at a time, about once a day", async () => {
  for (const part of [0.05, 0.3, 0.31, 0.5, 0.62, 0.9, 0.9, 0.97]) startRouter(part);
  await pass(20 * DAY);
  const pauses = sweeps.slice(1).map((time, index) => time - (sweeps[index] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(DAY / 2);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(1.5 * DAY);
  expect(mostRunning).toBe(1);
  expect(lines.filter(({ msg }) => msg.startsWith("Removed 1 orphaned")).length).toBeGreaterThan(10);
});

test("of routers that look at the same moment, one sweeps: the first time, and when it is due again", async () => {
  for (let router = 0; router < 5; router++) startRouter(0.5);
  await pass(DAY);
  expect(sweeps).toHaveLength(1);
  await pass(DAY);
  expect(sweeps).toHaveLength(2);
  expect(mostRunning).toBe(1);
});

test("a router that crashes while it sweeps holds up the others for little more than a sweep may take", async () => {
  const crashing = startRouter(0);
  await pass(1000);
  expect(sweeps).toHaveLength(1);
  crashing.stop();
  startRouter(0.5 / 24);
  startRouter(2 / 24);
  await pass(HOUR);
  expect(sweeps).toHaveLength(1);
  await pass(HOUR);
  expect(sweeps).toHaveLength(2);
});

test("a sweep that fails is logged, and another router's turn comes", async () => {
  startRouter(0, async () => {
    throw new Error("No mount target can be reached");
  });
  await pass(1000);
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ["WARN", "The orphaned temporary files could not be removed: No mount target can be reached"],
  ]);
  startRouter(0.25);
  await pass(DAY / 2);
  expect(sweeps).toHaveLength(1);
});

test("a claim from the future holds up nobody", async () => {
  shared.now = Date.now() + 365 * DAY;
  shared.write(`/${CLAIM}`, Buffer.from("swept"), {});
  startRouter(0);
  await pass(HOUR);
  expect(sweeps).toHaveLength(1);
});

describe("a router that may not write", () => {
  const claim = () => shared.open(`/${CLAIM}`).read(0, 100).toString();

  test("does not even claim the sweep", async () => {
    startRouter(0, removeOrphans, () => false);
    await pass(2 * DAY);
    expect(sweeps).toEqual([]);
    expect(() => claim()).toThrow();
  });

  test("claims nothing when it lost that right while it read who sweeps", async () => {
    let asked = 0;
    startRouter(0, removeOrphans, () => {
      asked += 1;
      return asked < 2;
    });
    await pass(HOUR);
    expect([asked, sweeps]).toEqual([2, []]);
    expect(() => claim()).toThrow();
  });

  test("ends a sweep in progress when it is told, and does not say that it is done", async () => {
    let writable = true;
    const router = startRouter(0, removeOrphans, () => writable);
    await pass(1000);
    expect([running, claim()]).toEqual([1, "sweeping"]);
    writable = false;
    router.interrupt();
    await pass(HOUR);
    expect([running, claim()]).toEqual([0, "sweeping"]);
  });

  test("does not say that a sweep is done which ended after that", async () => {
    let writable = true;
    startRouter(0, removeOrphans, () => writable);
    await pass(1000);
    writable = false;
    await pass(HOUR);
    expect([running, claim()]).toEqual([0, "sweeping"]);
  });
});

test("no client can name the claim", () => {
  expect(() => filePath(CLAIM)).toThrow("reserved");
});
