import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { atMinimumRate } from "../../../../../fargate-app/src/http/routes/files/upload-rate.ts";

const WINDOW = 10_000;
const RATE = 1_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "performance"] }));

afterEach(() => void vi.useRealTimers());

/** A client that sends `bytes` every second, `count` times. */
async function* client(bytes: number, count: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < count; sent++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    yield Buffer.alloc(bytes);
  }
}

/** The bytes that came; -1 when they were given up. */
async function receive(chunks: AsyncIterator<Buffer>, { rate = RATE, pause = 0 } = {}): Promise<number> {
  let received = 0;
  const body = (async () => {
    for await (const chunk of atMinimumRate(chunks, rate, WINDOW)) {
      received += chunk.length;
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return received;
  })();
  const ended = body.catch((error: Error) => {
    expect(error).toMatchObject({ status: 408 });
    return -1;
  });
  await vi.advanceTimersByTimeAsync(1_000_000);
  return ended;
}

test("a byte a second is given up", async () => {
  expect(await receive(client(1, 500))).toBe(-1);
});

test("nothing at all is given up", async () => {
  expect(await receive({ next: () => new Promise(() => {}) })).toBe(-1);
});

test("a body that stops in the middle is given up, however fast it was before", async () => {
  async function* body() {
    for (let chunk = 0; chunk < 1_000; chunk++) yield Buffer.alloc(1_000_000);
    await new Promise(() => {});
  }
  expect(await receive(body())).toBe(-1);
});

test("slow but steady is fine, for as long as it takes", async () => {
  expect(await receive(client(2 * RATE, 500))).toBe(1_000 * RATE);
});

test("the time that the mount target takes is not the client's", async () => {
  async function* body() {
    for (let chunk = 0; chunk < 20; chunk++) yield Buffer.alloc(10);
  }
  expect(await receive(body(), { pause: 20_000 })).toBe(200);
});

test("every rate is fine where there is no limit", async () => {
  expect(await receive(client(1, 500), { rate: 0 })).toBe(500);
});
