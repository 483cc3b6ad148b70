import { DeadlineError } from "nfs-client";
import { describe, expect, test } from "vitest";
import { Deadline } from "../../../packages/nfs-client/src/deadline.ts";
import { TransferMemory } from "../../../packages/nfs-client/src/transfer-memory.ts";

const soon = () => new Deadline(5000);

describe("the memory of transfers", () => {
  test("is given in the order of asking, so that a small wish does not starve behind large ones, nor overtake", async () => {
    const memory = new TransferMemory(100);
    await memory.take(100, soon());
    const granted: string[] = [];
    const take = (name: string, bytes: number) => memory.take(bytes, soon()).then(() => granted.push(name));
    const all = Promise.all([take("large", 80), take("small", 10), take("larger", 90)]);
    expect(memory.tryTake(1)).toBe(false);
    memory.give(50);
    await Promise.resolve();
    expect(granted).toEqual([]);
    memory.give(50);
    await new Promise(setImmediate);
    expect(granted).toEqual(["large", "small"]);
    memory.give(90);
    await all;
    expect(memory.taken).toBe(90);
  });

  test("lets what is larger than itself pass, alone", async () => {
    const memory = new TransferMemory(100);
    await memory.take(1000, soon());
    const next = memory.take(1, soon());
    memory.give(1000);
    await next;
    expect(memory.taken).toBe(1);
  });

  test("is not lost by those who give up waiting, and the next in the line comes up", async () => {
    const memory = new TransferMemory(100);
    await memory.take(60, soon());
    const impatient = memory.take(50, new Deadline(10));
    const next = memory.take(40, soon());
    await expect(impatient).rejects.toBeInstanceOf(DeadlineError);
    await next;
    memory.give(100);
    expect(memory.taken).toBe(0);
  });

  test("keeps one half from those who may hold it for long", () => {
    const memory = new TransferMemory(100);
    expect(memory.tryTakeSpare(50)).toBe(true);
    expect(memory.tryTakeSpare(1)).toBe(false);
    expect(memory.tryTake(50)).toBe(true);
  });
});
