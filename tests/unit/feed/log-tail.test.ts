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
