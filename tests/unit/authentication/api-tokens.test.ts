import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiTokens } from "../../../fargate-app/src/authentication/api-tokens.ts";
import { memoryLog } from "../../support/memory-router.ts";

const FIRST = "first-token-0123456789abcdefghijkl";
const SECOND = "second-token-0123456789abcdefghijk";

const { log, lines } = memoryLog();
let load: () => Promise<readonly string[]>;
let tokens: ApiTokens;

beforeEach(async () => {
  lines.length = 0;
  load = async () => [FIRST];
  tokens = await ApiTokens.start({ name: "The secret s", load: () => load() }, { refreshInterval: 1, log });
});

afterEach(() => tokens.stop());

/** From now on the source does what `next` does; resolves once it was polled a few times. */
async function sourceDoes(next: () => Promise<readonly string[]>): Promise<void> {
  const polled = vi.fn(next);
  load = polled;
  await vi.waitFor(() => expect(polled.mock.calls.length).toBeGreaterThan(3));
}

test("accepts what the source has, and nothing else", () => {
  expect(tokens.accepts(FIRST)).toBe(true);
  for (const other of [SECOND, "", FIRST.slice(1), `${FIRST}x`, FIRST.toUpperCase()]) {
    expect(tokens.accepts(other), other).toBe(false);
  }
});

test("follows the source, from the new token beside the old one to the new one alone", async () => {
  await sourceDoes(async () => [SECOND, FIRST]);
  expect([tokens.accepts(FIRST), tokens.accepts(SECOND)]).toEqual([true, true]);
  await sourceDoes(async () => [SECOND]);
  expect([tokens.accepts(FIRST), tokens.accepts(SECOND)]).toEqual([false, true]);
  expect(lines).toEqual([]);
});

test("keeps its tokens while the source fails, and warns once for each reason", async () => {
  await sourceDoes(async () => Promise.reject(new Error("throttled")));
  await sourceDoes(async () => Promise.reject(new Error("denied")));
  expect(tokens.accepts(FIRST)).toBe(true);
  await sourceDoes(async () => [SECOND]);
  expect(tokens.accepts(SECOND)).toBe(true);
  expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    "WARN The API tokens stay as they were: throttled",
    "WARN The API tokens stay as they were: denied",
    "INFO The secret s can be read again",
  ]);
});

test("asks no more once it is stopped", async () => {
  tokens.stop();
  const asked = vi.fn(async () => [FIRST]);
  load = asked;
  await sleep(20);
  expect(asked).not.toHaveBeenCalled();
});

test("does not start without a token", async () => {
  const source = { name: "s", load: () => Promise.reject(new Error("denied")) };
  await expect(ApiTokens.start(source, { refreshInterval: 1_000, log })).rejects.toThrow("denied");
});
