/** How often a router asks EFS for the replication. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AT_ONCE, paceAfter } from "../../../fargate-app/src/region/pace.ts";

const MINUTE = 60_000;
const random = fc.double({ min: 0, max: 1, noNaN: true });

/** Polls as soon as it may, for ten minutes. */
function poll(next: () => { readonly random: number; readonly isNews: boolean; readonly duration: number }): number[] {
  const polledAt: number[] = [];
  let pace = AT_ONCE;
  for (let now = 0; now < 10 * MINUTE; ) {
    now = Math.max(now, pace.nextAt);
    polledAt.push(now);
    const { duration, ...rest } = next();
    now += duration;
    pace = paceAfter(pace, now, rest.isNews, rest.random);
  }
  return polledAt;
}

const inMinute = (polledAt: readonly number[], from: number) =>
  polledAt.filter((time) => time >= from && time < from + MINUTE).length;

test("reads that always wait cost a worker seven calls in the first minute, and three in any other one", () => {
  fc.assert(
    fc.property(fc.infiniteStream(random), (randoms) => {
      const polledAt = poll(() => ({ random: randoms.next().value, isNews: false, duration: 0 }));
      expect(inMinute(polledAt, 0)).toBeLessThanOrEqual(7);
      for (let from = MINUTE; from < 9 * MINUTE; from += 1_000) expect(inMinute(polledAt, from)).toBeLessThanOrEqual(3);
    }),
  );
});

test("whatever the replication does, a worker asks not more than 81 times a minute", () => {
  const step = fc.record({ random, isNews: fc.boolean(), duration: fc.double({ min: 0, max: 10_000, noNaN: true }) });
  fc.assert(
    fc.property(fc.infiniteStream(step), (steps) => {
      const polledAt = poll(() => steps.next().value);
      for (let from = 0; from < 9 * MINUTE; from += 1_000) expect(inMinute(polledAt, from)).toBeLessThanOrEqual(81);
    }),
  );
});

test("a replica that moves, and reads after a pause, are looked at anew within a second or so", () => {
  const slow = { interval: 30_000, nextAt: 100_000 };
  expect(paceAfter(slow, 100_000, false, 0.5).nextAt).toBe(130_000);
  expect(paceAfter(slow, 100_000, true, 0.5)).toEqual({ interval: 2_000, nextAt: 101_000 });
  expect(paceAfter(slow, 130_001, false, 0.5)).toEqual({ interval: 2_000, nextAt: 131_001 });
});
