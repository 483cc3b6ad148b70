import type { OwnFiles } from "@efs-mount-autoscaling/routed-files";
import { expect, onTestFinished, test, vi } from "vitest";
import { Changes } from "../../../fargate-app/src/status/changes.ts";
import { KeptChanges } from "../../../fargate-app/src/status/kept-changes.ts";
import { MemoryNetwork, memoryLog, startTestRouter } from "../../support/memory-router.ts";

function start(files: OwnFiles, taskId: string, mayWrite?: () => boolean) {
  const changes = new Changes();
  const { log, lines } = memoryLog();
  const kept = new KeptChanges({ files, taskId, changes, mayWrite, log });
  onTestFinished(() => kept.stop());
  return { changes, kept, lines };
}

test("what a task saw is known after its end, in as few writes as there were changes at different times", async () => {
  const network = new MemoryNetwork(1);
  const { router } = await startTestRouter(network);
  const files = router.ownFiles("status");
  const write = vi.spyOn(files, "write");
  const first = start(files, "task-1");
  for (const target of ["fsmt-1", "fsmt-2"]) first.changes.note(target, "connected");
  first.changes.note("fsmt-1", "failed", "It is gone");
  await first.kept.stop();
  expect(write).toHaveBeenCalledOnce();

  const second = start(files, "task-2");
  const [{ taskId, changes } = { taskId: "", changes: [] }, ...others] = await second.kept.read();
  expect(others).toEqual([]);
  expect(taskId).toBe("task-1");
  expect(changes.map(({ target, state, reason }) => [target, state, reason])).toEqual([
    ["fsmt-1", "connected", undefined],
    ["fsmt-2", "connected", undefined],
    ["fsmt-1", "failed", "It is gone"],
  ]);
});

test("a change is kept soon, also by a process that is killed", async () => {
  const { router } = await startTestRouter();
  const files = router.ownFiles("status");
  const { changes } = start(files, "task-1");
  changes.note("fsmt-1", "connected");
  const reader = start(files, "task-2");
  await vi.waitFor(async () => expect(await reader.kept.read()).toHaveLength(1), 10_000);
});

test("the files of the last 64 processes stay", async () => {
  const network = new MemoryNetwork(1);
  const { router } = await startTestRouter(network);
  const files = router.ownFiles("status");
  for (let task = 0; task < 70; task += 1) {
    network.files.now = 1_000_000 + task * 1_000;
    const { changes, kept } = start(files, `task-${task}`);
    changes.note("fsmt-1", "connected");
    await kept.stop();
  }
  expect(await files.list()).toHaveLength(64);
  const { kept } = start(files, "task");
  const tasks = (await kept.read()).map(({ taskId }) => taskId);
  expect(tasks).toHaveLength(64);
  expect(tasks).toContain("task-69");
  expect(tasks).not.toContain("task-0");
});

test("of processes that write at the same time, each removes few of the old files, and not all the same ones", async () => {
  const network = new MemoryNetwork(1);
  const { router } = await startTestRouter(network);
  const files = router.ownFiles("status");
  const old = Array.from({ length: 264 }, (_, index) => `old-${index}`);
  await Promise.all(old.map((name) => files.write(name, 0, Buffer.from("{}\n"))));
  const remove = vi.spyOn(files, "remove");
  network.files.now += 1_000;
  const processes = 100;
  await Promise.all(
    Array.from({ length: processes }, (_, index) => {
      const { changes, kept } = start(files, `task-${index}`);
      changes.note("fsmt-1", "failed");
      return kept.stop();
    }),
  );
  // Each has added one.
  await vi.waitFor(async () => expect((await files.list()).length).toBeLessThan(old.length), 10_000);
  expect(remove.mock.calls.length).toBeLessThanOrEqual(2 * processes);
});

test("what is being written is not passed by what is newer, and the end waits for it", async () => {
  const { router } = await startTestRouter();
  const files = router.ownFiles("status");
  const written: number[] = [];
  let goOn = () => {};
  const slow = new Promise<void>((resolve) => (goOn = resolve));
  const write = vi.spyOn(files, "write").mockImplementation(async (_name, _offset, { length }) => {
    if (write.mock.calls.length === 1) await slow;
    written.push(length);
  });
  const { changes, kept } = start(files, "task-1");
  changes.note("fsmt-1", "connected");
  await vi.waitFor(() => expect(write).toHaveBeenCalledOnce(), 10_000);
  changes.note("fsmt-1", "failed", "It is gone");
  const stopped = kept.stop();
  goOn();
  await stopped;
  await vi.waitFor(() => expect(written).toHaveLength(2), 10_000);
  const [older, newer = 0] = written;
  expect(older).toBeLessThan(newer);
});

test("where nothing may be written, nothing is, and a file that is none of ours says nothing", async () => {
  const { router } = await startTestRouter();
  const files = router.ownFiles("status");
  const { changes, kept, lines } = start(files, "task-1", () => false);
  changes.note("fsmt-1", "connected");
  await kept.stop();
  expect(await files.list()).toEqual([]);
  await files.write("foreign", 0, Buffer.from("{]\n"));
  await files.write("cut-off", 0, Buffer.from('{"taskId":'));
  expect(await kept.read()).toEqual([]);
  expect(lines).toEqual([]);
});

test("that it cannot be kept is one WARN, and holds up no end", async () => {
  const refuse = () => Promise.reject(new Error("The disk is full"));
  const files = { list: refuse, read: refuse, write: refuse, remove: refuse };
  const { changes, kept, lines } = start(files, "task-1");
  for (const state of ["connected", "failed"]) {
    changes.note("fsmt-1", state);
    await kept.stop();
  }
  expect(lines.map(({ msg }) => msg)).toEqual(["Changes of state could not be kept: The disk is full"]);
  const hanging = start({ ...files, write: () => new Promise(() => {}) }, "task-2");
  hanging.changes.note("fsmt-1", "connected");
  const begin = performance.now();
  await hanging.kept.stop();
  expect(performance.now() - begin).toBeLessThan(5_000);
});
