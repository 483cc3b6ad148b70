import { describe, expect, test } from "vitest";
import { nextState, probeDelay } from "../../../packages/routed-files/src/targets/target-state.ts";

describe("the states of a mount target", () => {
  test.each([
    ["probing", "answered", "connected"],
    ["probing", "lost", "failed"],
    ["connected", "lost", "failed"],
    ["connected", "silence", "silent"],
    ["silent", "heard", "connected"],
    ["silent", "lost", "failed"],
    ["failed", "due", "probing"],
  ] as const)("%s, %s: %s", (state, event, next) => {
    expect(nextState(state, event)).toBe(next);
  });

  test.each([
    ["connected", "answered"],
    ["connected", "due"],
    ["probing", "due"],
    ["failed", "answered"],
    ["failed", "lost"],
    ["failed", "silence"],
    ["probing", "heard"],
    ["silent", "answered"],
  ] as const)("%s cannot be %s", (state, event) => {
    expect(() => nextState(state, event)).toThrow(`A mount target that is ${state} cannot be ${event}`);
  });
});

describe("the delay before a probe", () => {
  test("doubles with every failure in a row, up to ten seconds", () => {
    const longest = [1, 2, 3, 7, 8, 9, 1000].map((failures) => probeDelay(failures, 1));
    expect(longest).toEqual([100, 200, 400, 6_400, 10_000, 10_000, 10_000]);
  });

  test("is at least half of that, so that routers do not probe in step", () => {
    expect(probeDelay(1, 0)).toBe(50);
    expect(probeDelay(1000, 0)).toBe(5_000);
  });
});
