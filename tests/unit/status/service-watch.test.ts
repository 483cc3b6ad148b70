import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import type { TaskStatus } from "../../../fargate-app/src/status/document.ts";
import { serviceStatusSchema } from "../../../fargate-app/src/status/document.ts";
import {
  type AskOptions,
  type ServiceTasks,
  ServiceWatch,
  type ServiceWatchOptions,
} from "../../../fargate-app/src/status/service-watch.ts";

const statusOf = (id: string): TaskStatus => ({
  id,
  time: Date.now(),
  startedAt: 0,
  memory: 1,
  targets: [],
  hotSpots: { hot: [], paths: [], directories: [] },
  costs: { meteredBytes: { lower: 0, upper: 0 }, pricesAsOf: "2026-06" },
  changes: [],
  history: [{ time: 10_000, targets: { "fsmt-1": [1, 1, 1] } }],
});

const running = (id: string) => ({ id, status: "RUNNING", address: { host: "10.0.0.1", port: 8_000 } });

function startWatch(options: Partial<ServiceWatchOptions> = {}): ServiceWatch {
  const watch = new ServiceWatch({
    fileSystemId: "fs-1",
    ownId: "own",
    own: async () => statusOf("own"),
    loadTasks: undefined,
    readMonitor: undefined,
    readChanges: async () => [],
    ...options,
  });
  onTestFinished(() => watch.stop());
  return watch;
}

async function firstOf(watch: ServiceWatch, token?: string) {
  const text = await new Promise<string>((resolve) => {
    const unsubscribe = watch.subscribe((document) => {
      unsubscribe();
      resolve(document);
    }, token);
  });
  return serviceStatusSchema.parse(JSON.parse(text));
}

test("all tasks are asked with the token of somebody who looks, and those that fail say why", async () => {
  const asked: [string, AskOptions["token"]][] = [];
  const tasks: ServiceTasks = {
    list: async () => [running("own"), running("a"), running("b"), { id: "c", status: "PENDING" }],
    ask: async ({ id }, { token }) => {
      asked.push([id, token]);
      if (id === "b") throw new Error("It responded with status 500");
      return statusOf(id);
    },
  };
  const status = await firstOf(startWatch({ loadTasks: async () => tasks }), "secret");
  expect(asked).toEqual([
    ["a", "secret"],
    ["b", "secret"],
  ]);
  const seen = status.tasks.map(({ id, isSelf, problem }) => ({ id, isSelf, problem }));
  expect(seen).toHaveLength(4);
  expect(seen).toEqual(
    expect.arrayContaining([
      { id: "own", isSelf: true, problem: undefined },
      { id: "a", isSelf: false, problem: undefined },
      { id: "b", isSelf: false, problem: "It responded with status 500" },
      { id: "c", isSelf: false, problem: undefined },
    ]),
  );
  expect(status.aloneBecause).toBeUndefined();
});

test("a task that never responds holds nothing up for long", async () => {
  const tasks: ServiceTasks = {
    list: async () => [running("own"), running("a")],
    ask: (_task, { signal }) => sleep(60_000, statusOf("a"), { signal, ref: false }),
  };
  const begin = performance.now();
  const status = await firstOf(startWatch({ loadTasks: async () => tasks }));
  expect(performance.now() - begin).toBeLessThan(5_000);
  expect(status.tasks.find(({ id }) => id === "a")?.problem).toBeDefined();
});

test("without the right to ask ECS, or outside ECS, a router shows itself and says why", async () => {
  const outside = await firstOf(startWatch());
  expect(outside.tasks).toMatchObject([{ id: "own", isSelf: true }]);
  expect(outside.aloneBecause).toContain("does not run as a task");
  const tasks: ServiceTasks = { list: () => Promise.reject(new Error("AccessDenied")), ask: async () => statusOf("a") };
  const refused = await firstOf(startWatch({ loadTasks: async () => tasks }));
  expect(refused.tasks).toMatchObject([{ id: "own" }]);
  expect(refused.aloneBecause).toContain("AccessDenied");
});

test("a monitor whose status cannot be read is said to be so, and the rest is there", async () => {
  const status = await firstOf(startWatch({ readMonitor: () => Promise.reject(new Error("Throttled")) }));
  expect(status.monitor).toEqual({ problem: "Throttled" });
  expect(status.tasks).toHaveLength(1);
});

test("the first look knows no rates, and says so; the second one does", async () => {
  const watch = startWatch();
  const documents: string[] = [];
  watch.subscribe((document) => documents.push(document), undefined);
  await vi.waitFor(() => expect(documents).toHaveLength(2), 5_000);
  const [first, second] = documents.map((document) => serviceStatusSchema.parse(JSON.parse(document)));
  expect(first?.withoutRates).toBe(true);
  expect(second?.withoutRates).toBeUndefined();
});

test("what tasks saw that are gone is shown with what those saw that are left", async () => {
  const change = (time: number, state: string) => ({ time, target: "fsmt-1", state });
  const own = async () => ({ ...statusOf("own"), changes: [change(60_000, "connected")] });
  const watch = startWatch({
    own,
    readChanges: async () => [
      { taskId: "gone", changes: [change(10_000, "connected"), change(20_000, "failed")] },
      { taskId: "also gone", changes: [change(20_500, "failed")] },
      // It has kept what it says itself.
      { taskId: "own", changes: [change(60_000, "connected")] },
    ],
  });
  await firstOf(watch);
  const { changes } = await firstOf(watch);
  expect(changes.map(({ time, state, seenBy }) => [time, state, seenBy])).toEqual([
    [60_000, "connected", 1],
    [20_500, "failed", 2],
    [10_000, "connected", 1],
  ]);
});

test("nothing is asked while nobody looks", async () => {
  const own = vi.fn(async () => statusOf("own"));
  const watch = startWatch({ own });
  await sleep(50);
  expect(own).not.toHaveBeenCalled();
  await firstOf(watch);
  const before = own.mock.calls.length;
  await sleep(2_500);
  expect(own.mock.calls.length).toBe(before);
});

test("who looks first gets the hour of all routers", async () => {
  const tasks: ServiceTasks = {
    list: async () => {
      await sleep(50);
      return [running("own"), running("a")];
    },
    ask: async ({ id }) => statusOf(id),
  };
  const watch = startWatch({ loadTasks: async () => tasks });
  watch.subscribe(() => {}, undefined);
  expect(await watch.history(undefined)).toEqual([{ time: 10_000, targets: { "fsmt-1": [2, 2, 1] } }]);
});

test("the hour of all routers is one, whoever does not tell", async () => {
  const tasks: ServiceTasks = {
    list: async () => [running("own"), running("a"), running("b")],
    ask: async ({ id }, { withHistory }) => {
      if (id === "b") throw new Error("none");
      expect(withHistory).toBe(true);
      return statusOf(id);
    },
  };
  const history = await startWatch({ loadTasks: async () => tasks }).history(undefined);
  expect(history).toEqual([{ time: 10_000, targets: { "fsmt-1": [2, 2, 1] } }]);
});
