import type { MonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import type { Change } from "../../../fargate-app/src/feed/change.ts";
import { MonitorFindings } from "../../../fargate-app/src/feed/monitor-findings.ts";
import { memoryLog } from "../../support/memory-router.ts";

const INTERVAL = 30_000;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Polls a monitor that says what `say` was last given. */
function follow() {
  const recorded: Change[] = [];
  const { log, lines } = memoryLog();
  const monitor: { says: () => MonitorStatus | undefined; mayWrite: boolean } = {
    says: () => undefined,
    mayWrite: true,
  };
  const findings = new MonitorFindings({
    readMonitor: async () => monitor.says(),
    recorder: { record: async (change) => void recorded.push(change) },
    interval: INTERVAL,
    mayWrite: () => monitor.mayWrite,
    log,
  });
  onTestFinished(() => findings.stop());
  return { monitor, recorded, lines };
}

function status(foundAt: number, ...paths: string[]): MonitorStatus {
  const directories = paths.map((path) => ({ path, recursive: false }));
  return { time: foundAt, succeeded: true, outcome: "", counts: [], changedDirectories: { foundAt, directories } };
}

test("what the monitor finds is recorded once for every run of it", async () => {
  const { monitor, recorded } = follow();
  const foundAt = Date.now();
  monitor.says = () => status(foundAt, "a", "b/c");
  await vi.advanceTimersByTimeAsync(4 * INTERVAL);
  const expected = ["a", "b/c"].map((path) => ({ kind: "directory-changed", path, recursive: false, foundAt }));
  expect(recorded).toEqual(expected);
  monitor.says = () => status(foundAt + 1, "a");
  await vi.advanceTimersByTimeAsync(2 * INTERVAL);
  expect(recorded).toHaveLength(3);
});

test("what was found long before the process started is not recorded", async () => {
  const { monitor, recorded } = follow();
  const foundAt = Date.now() - 3_600_000;
  monitor.says = () => status(foundAt, "a");
  await vi.advanceTimersByTimeAsync(2 * INTERVAL);
  expect(recorded).toEqual([]);
});

test("where the file system may not be written to, it is recorded later", async () => {
  const { monitor, recorded } = follow();
  const foundAt = Date.now();
  monitor.says = () => status(foundAt, "a");
  monitor.mayWrite = false;
  await vi.advanceTimersByTimeAsync(2 * INTERVAL);
  expect(recorded).toEqual([]);
  monitor.mayWrite = true;
  await vi.advanceTimersByTimeAsync(2 * INTERVAL);
  expect(recorded).toHaveLength(1);
});

test("a monitor that cannot be asked is asked again", async () => {
  const { monitor, recorded, lines } = follow();
  monitor.says = () => {
    throw new Error("SSM does not answer");
  };
  await vi.advanceTimersByTimeAsync(2 * INTERVAL);
  expect(lines.map(({ level }) => level)).toContain("WARN");
  const foundAt = Date.now();
  monitor.says = () => status(foundAt, "a");
  await vi.advanceTimersByTimeAsync(2 * INTERVAL);
  expect(recorded).toHaveLength(1);
});
