import { getEventListeners } from "node:events";
import { AbortedError, DeadlineError } from "nfs-client";
import { describe, expect, test } from "vitest";
import { Deadline } from "../../../packages/nfs-client/src/deadline.ts";

const LONG = 60_000;

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

describe("waits that share a signal", () => {
  test("all end when it aborts, and have one listener until then", async () => {
    const controller = new AbortController();
    const never = new Promise<void>(() => {});
    const waits = Array.from({ length: 100 }, () => new Deadline(LONG, controller.signal).race(never));
    const settled = Promise.allSettled(waits);
    expect(listenersOf(controller.signal)).toBe(1);
    controller.abort(new Error("enough"));
    for (const each of await settled) {
      expect(each).toMatchObject({ status: "rejected", reason: expect.any(AbortedError) });
    }
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test("leave no listener when they are over, however they end", async () => {
    const { signal } = new AbortController();
    const never = new Promise<void>(() => {});
    expect(await new Deadline(LONG, signal).race(Promise.resolve("done"))).toBe("done");
    await expect(new Deadline(LONG, signal).race(Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    await expect(new Deadline(1, signal).race(never)).rejects.toThrow(DeadlineError);
    expect(listenersOf(signal)).toBe(0);
  });

  test("end at once when it has aborted before", async () => {
    await expect(new Deadline(LONG, AbortSignal.abort()).race(new Promise(() => {}))).rejects.toThrow(AbortedError);
  });
});
