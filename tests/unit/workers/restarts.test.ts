import fc from "fast-check";
import { expect, test } from "vitest";
import { recentEnds, restartAfter } from "../../../fargate-app/src/workers/restarts.ts";

test("a worker that ends now and then is replaced at once", () => {
  expect(restartAfter(1, 1)).toBe(0);
  expect(restartAfter(1, 4)).toBe(0);
});

test("those that end again and again wait longer each time, and then the task ends", () => {
  const restarts = [1, 2, 3, 4, 5, 6, 7].map((recent) => restartAfter(recent, 2));
  expect(restarts).toEqual([0, 100, 200, 400, 800, 1_600, "give-up"]);
});

test("all workers may end at once, and no wait is longer than five seconds", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 100 }), (workers, recent) => {
      const restart = restartAfter(recent, workers);
      if (recent <= workers) expect(restart).not.toBe("give-up");
      if (restart !== "give-up") expect(restart).toBeLessThanOrEqual(5_000);
    }),
  );
});

test("what ended more than a minute ago counts no more", () => {
  expect(recentEnds([0, 1_000, 30_000], 60_500)).toEqual([1_000, 30_000]);
});
