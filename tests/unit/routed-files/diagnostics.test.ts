import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import { expect, onTestFinished, test } from "vitest";
import { filePath } from "../../../packages/routed-files/src/routing/path.ts";
import { OPERATION_CHANNEL, type OperationMessage } from "../../../packages/routed-files/src/targets/diagnostics.ts";
import { startTestRouter } from "../../support/memory-router.ts";

const PATH = filePath("a/b.txt");

const channel = tracingChannel<unknown, OperationMessage>(OPERATION_CHANNEL);

/** The operations that have ended, of one test. */
function listen(): unknown[] {
  const ended: unknown[] = [];
  const note = (message: unknown) => void ended.push(message);
  // Nothing is published while nobody listens to the start.
  const ignore = () => {};
  channel.start.subscribe(ignore);
  channel.asyncEnd.subscribe(note);
  onTestFinished(() => {
    channel.start.unsubscribe(ignore);
    channel.asyncEnd.unsubscribe(note);
  });
  return ended;
}

test("each operation is published with the mount targets that it was tried at", async () => {
  const ended = listen();
  const storage = new AsyncLocalStorage<unknown>();
  channel.start.bindStore(storage, ({ operation }) => operation);
  onTestFinished(() => void channel.start.unbindStore(storage));
  const { router, network } = await startTestRouter(undefined, { operationTimeout: 1_000 });
  const [first, second] = network.ranked(PATH);
  if (first === undefined || second === undefined) throw new Error("There are too few servers");
  first.state = "down";

  await router.writeFile(PATH, Buffer.from("one"));
  expect(storage.getStore()).toBeUndefined();
  await router.stat(PATH);
  await expect(router.stat(filePath("none"))).rejects.toThrow("NFS4ERR_NOENT");
  for (const server of network.servers) server.state = "down";
  await expect(router.stat(PATH)).rejects.toThrow("No mount target can be reached");

  const tried = [network.idOf(first), network.idOf(second)];
  expect(ended).toMatchObject([
    { operation: "write", path: PATH, tried, isFailure: false },
    { operation: "stat", path: PATH, tried: [network.idOf(second)], isFailure: false },
    { operation: "stat", path: "none", error: { status: "NFS4ERR_NOENT" }, isFailure: false },
    { operation: "stat", path: PATH, error: { name: "UnavailableError" }, isFailure: true },
  ]);
});

test("many small files that are read together are one operation for each mount target", async () => {
  const ended = listen();
  const { router, network } = await startTestRouter();
  network.files.write(`/data/${PATH}`, Buffer.from("one"));
  const [first] = network.ranked(PATH);
  await router.readSmallFiles([
    { path: PATH, size: 3 },
    { path: PATH, size: 3 },
  ]);
  expect(ended).toMatchObject([
    { operation: "read", path: PATH, tried: [first && network.idOf(first)], isFailure: false },
  ]);
});
