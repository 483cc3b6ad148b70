import { describe, expect, test } from "vitest";
import {
  type Stability,
  type StabilitySighting,
  takeNotice,
} from "../../../../functions/file-monitor/decide/stability.ts";

const MINUTE = 60_000;
const WINDOW = 60 * MINUTE;

const seen = (now: number, parts: Partial<StabilitySighting> = {}): StabilitySighting => ({
  now,
  hasFewFiles: true,
  isThresholdPassed: false,
  fewFiles: 70,
  mountTargetIds: ["fsmt-b", "fsmt-a"],
  ...parts,
});

/** Runs every five minutes. */
function after(minutes: number, before: Stability = takeNotice(undefined, seen(0), WINDOW)): Stability {
  let stability = before;
  for (let time = before.seenAt + 5 * MINUTE; time <= before.seenAt + minutes * MINUTE; time += 5 * MINUTE) {
    stability = takeNotice(stability, seen(time), WINDOW);
  }
  return stability;
}

test("the first run begins", () => {
  expect(takeNotice(undefined, seen(7), WINDOW)).toEqual({
    seenAt: 7,
    fewSince: 7,
    stableSince: 7,
    mountTargetIds: ["fsmt-a", "fsmt-b"],
    fewFiles: 70,
    retirement: undefined,
  });
});

test("runs that see the same keep when it began", () => {
  expect(after(120)).toMatchObject({ seenAt: 120 * MINUTE, fewSince: 0, stableSince: 0 });
});

describe("what begins anew", () => {
  const now = 125 * MINUTE;
  const cases: readonly [string, Partial<StabilitySighting>, Partial<Stability>][] = [
    ["more files", { hasFewFiles: false }, { fewSince: undefined, stableSince: 0 }],
    [
      "the threshold is passed",
      { hasFewFiles: false, isThresholdPassed: true },
      { fewSince: undefined, stableSince: now },
    ],
    ["a mount target more", { mountTargetIds: ["fsmt-a", "fsmt-b", "fsmt-c"] }, { fewSince: 0, stableSince: now }],
    ["a mount target fewer", { mountTargetIds: ["fsmt-a"] }, { fewSince: 0, stableSince: now }],
    ["another mount target", { mountTargetIds: ["fsmt-a", "fsmt-c"] }, { fewSince: 0, stableSince: now }],
    ["another threshold", { fewFiles: 700 }, { fewSince: now, stableSince: now }],
    ["a run half the window later", { now: 150 * MINUTE }, { fewSince: 0, stableSince: 0 }],
    ["a gap", { now: 151 * MINUTE }, { fewSince: 151 * MINUTE, stableSince: 151 * MINUTE }],
    ["a clock that was set back", { now: 100 * MINUTE }, { fewSince: 100 * MINUTE, stableSince: 100 * MINUTE }],
  ];

  test.each(cases)("%s", (_, parts, expected) => {
    expect(takeNotice(after(120), seen(now, parts), WINDOW)).toMatchObject(expected);
  });
});

test("the mount target that is being retired is none of those that stay, from its mark until it is gone", () => {
  const retirement = { mountTargetId: "fsmt-b", since: 60 * MINUTE, isFinal: false };
  const marked = takeNotice({ ...after(60), retirement }, seen(65 * MINUTE), WINDOW);
  expect(marked).toMatchObject({ retirement, mountTargetIds: ["fsmt-a"], stableSince: 65 * MINUTE });
  const gone = takeNotice(marked, seen(70 * MINUTE, { mountTargetIds: ["fsmt-a"] }), WINDOW);
  expect(gone).toMatchObject({ stableSince: 65 * MINUTE });
  const takenBack = takeNotice({ ...marked, retirement: undefined }, seen(70 * MINUTE), WINDOW);
  expect(takenBack).toMatchObject({ stableSince: 70 * MINUTE });
});

test("a retirement is over when nobody has looked for an hour, or for half the window", () => {
  const retirement = { mountTargetId: "fsmt-b", since: 0, isFinal: true };
  const before = { ...after(60), retirement };
  const later = (minutes: number, window: number) =>
    takeNotice(before, seen((60 + minutes) * MINUTE), window).retirement;
  expect(later(60, WINDOW)).toEqual(retirement);
  expect(later(61, WINDOW)).toBeUndefined();
  expect(later(180, 6 * WINDOW)).toEqual(retirement);
  expect(later(181, 6 * WINDOW)).toBeUndefined();
});
