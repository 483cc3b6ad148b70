import { expect, test } from "vitest";
import type { HotSpot } from "../../../../packages/routed-files/src/hot-spots/hot-spots.ts";
import { type HotSpotAnswer, mergeHotSpotAnswers } from "../../../../packages/routed-files/src/hot-spots/merge.ts";

const spot = (path: string, perSecond: number, share: number, shareError = 0): HotSpot => ({
  path,
  perSecond,
  share,
  shareError,
});

const answer = (byRequests: HotSpot[], fields: Partial<HotSpotAnswer> = {}): HotSpotAnswer => ({
  hot: [],
  sharedReads: 1,
  paths: { byRequests, byBytes: [] },
  directories: { byRequests: [], byBytes: [] },
  ...fields,
});

test("one worker's hot spots are the router's", () => {
  const only = answer([spot("a", 3, 0.3, 0.01), spot("b", 1, 0.1)], { hot: ["a"] });
  expect(mergeHotSpotAnswers([only], 10)).toEqual(only);
  expect(mergeHotSpotAnswers([only], 1).paths.byRequests).toEqual([spot("a", 3, 0.3, 0.01)]);
});

test("shares are of what all workers were asked for, and so are their errors", () => {
  // The first was asked 10 times a second, the second 30 times.
  const { paths, hot, sharedReads } = mergeHotSpotAnswers(
    [
      answer([spot("a", 5, 0.5, 0.1), spot("b", 2, 0.2)], { hot: ["a"] }),
      answer([spot("b", 18, 0.6, 0.02), spot("a", 3, 0.1)], { hot: ["b", "a"] }),
    ],
    10,
  );
  const rounded = paths.byRequests.map(({ share, shareError, ...rest }) => ({
    ...rest,
    share: Number(share.toFixed(6)),
    shareError: Number(shareError.toFixed(6)),
  }));
  expect(rounded).toEqual([spot("b", 20, 0.5, 0.015), spot("a", 8, 0.2, 0.025)]);
  expect(hot).toEqual(["a", "b"]);
  expect(sharedReads).toBe(2);
});

test("a worker that was asked for nothing changes nothing", () => {
  const busy = answer([spot("a", 5, 0.5)]);
  expect(mergeHotSpotAnswers([busy, answer([])], 10).paths).toEqual(busy.paths);
  expect(mergeHotSpotAnswers([answer([]), answer([])], 10).paths.byRequests).toEqual([]);
});
