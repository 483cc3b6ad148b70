import { expect, test } from "vitest";
import { LogTail } from "../../../fargate-app/src/feed/log-tail.ts";

test("a READ that fails late takes nothing out of what was read meanwhile", async () => {
  const answers: ((answer: Buffer | Promise<never>) => void)[] = [];
  const read = () => new Promise<Buffer>((resolve) => answers.push(resolve));
  const tail = new LogTail({ list: async () => [], read });
  const segment = { writer: "abcdefgh", number: 1 };
  const listing = () => ({ startedAt: Date.now(), logs: new Map() });
  const failing = tail.read(segment, 0, listing());
  const succeeding = tail.read(segment, 0, listing());
  answers[1]?.(Buffer.from("not an entry\n"));
  expect((await succeeding).end).toBe(13);
  answers[0]?.(Promise.reject(new Error("the mount target went away")));
  await expect(failing).rejects.toThrow("went away");
  expect((await tail.read(segment, 0, listing())).end).toBe(13);
  expect(answers).toHaveLength(2);
});

test("logs that have grown are looked at again soon, and not more often in all", async () => {
  const POLL_INTERVAL = 1_000;
  let size = 0;
  const starts: number[] = [];
  const list = async () => {
    starts.push(performance.now());
    return [{ name: "abcdefgh.1", size, modifiedAt: Date.now() }];
  };
  const tail = new LogTail({ list, read: async () => Buffer.alloc(0) }, { pollInterval: POLL_INTERVAL });
  const pauses = async (looks: number, growth: number) => {
    starts.length = 0;
    for (let look = 0; look < looks; look += 1) {
      size += growth;
      await tail.listing();
    }
    return starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
  };
  await tail.listing();
  for (const pause of await pauses(2, 0)) expect(pause).toBeGreaterThan(0.9 * POLL_INTERVAL);
  const [soon = 0, later = 0] = await pauses(3, 1);
  expect(soon).toBeLessThan(0.9 * POLL_INTERVAL);
  expect(soon + later).toBeGreaterThan(1.9 * POLL_INTERVAL);
});
