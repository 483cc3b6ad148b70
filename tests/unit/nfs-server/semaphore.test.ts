import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Semaphore } from "../../../packages/nfs-server/src/file-system/semaphore.ts";

test("a semaphore runs as many tasks at once as it may, in their order, also when some fail", async () => {
  const semaphore = new Semaphore(3);
  const started: number[] = [];
  let [running, most] = [0, 0];
  const tasks = Array.from({ length: 20 }, (_, index) =>
    semaphore.run(async () => {
      started.push(index);
      most = Math.max(most, ++running);
      await sleep(index % 4);
      running--;
      if (index % 5 === 0) throw new Error(`task ${index}`);
    }),
  );
  const outcomes = await Promise.allSettled(tasks);
  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(4);
  expect(most).toBe(3);
  expect(started).toEqual([...started].sort((a, b) => a - b));
  await expect(semaphore.run(async () => "still open")).resolves.toBe("still open");
});
