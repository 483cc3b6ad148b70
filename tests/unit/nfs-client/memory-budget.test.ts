import { DeadlineError } from "nfs-client";
import { describe, expect, test } from "vitest";
import { Deadline } from "../../../packages/nfs-client/src/deadline.ts";
import { MemoryBudget } from "../../../packages/nfs-client/src/memory-budget.ts";

const soon = () => new Deadline(5000);

describe("the memory of transfers", () => {
  test("is given in the order of asking, so that a small wish does not starve behind large ones, nor overtake", async () => {
    const memory = new MemoryBudget(100);
    await memory.reserve(100, soon());
    const granted: string[] = [];
    const take = (name: string, bytes: number) => memory.reserve(bytes, soon()).then(() => granted.push(name));
    const all = Promise.all([take("large", 80), take("small", 10), take("larger", 90)]);
    expect(memory.tryReserve(1)).toBe(false);
    memory.release(50);
    await Promise.resolve();
    expect(granted).toEqual([]);
    memory.release(50);
    await new Promise(setImmediate);
    expect(granted).toEqual(["large", "small"]);
    memory.release(90);
    await all;
    expect(memory.reserved).toBe(90);
  });

  test("lets what is larger than itself pass, alone", async () => {
    const memory = new MemoryBudget(100);
    await memory.reserve(1000, soon());
    const next = memory.reserve(1, soon());
    memory.release(1000);
    await next;
    expect(memory.reserved).toBe(1);
  });

  test("is not lost by those who give up waiting, and the next in the line comes up", async () => {
    const memory = new MemoryBudget(100);
    await memory.reserve(60, soon());
    const impatient = memory.reserve(50, new Deadline(10));
    const next = memory.reserve(40, soon());
    await expect(impatient).rejects.toBeInstanceOf(DeadlineError);
    await next;
    memory.release(100);
    expect(memory.reserved).toBe(0);
  });

  test("keeps one half from those who may hold it for long", () => {
    const memory = new MemoryBudget(100);
    expect(memory.tryReserveSpare(50)).toBe(true);
    expect(memory.tryReserveSpare(1)).toBe(false);
    expect(memory.tryReserve(50)).toBe(true);
  });
});
