import { describe, expect, test } from "vitest";
import { additionsUntil } from "../../../../functions/file-monitor/forecast/additions.ts";
import { forgetUnfoundedAlarm, raiseAlarm, reviewAlarm } from "../../../../functions/file-monitor/forecast/alarms.ts";
import { mayPassWithinWarningTime } from "../../../../functions/file-monitor/forecast/capacity-warning.ts";
import { forecast, learnFrom } from "../../../../functions/file-monitor/forecast/forecast.ts";
import {
  addCount,
  type Count,
  DAY,
  type History,
  HOUR,
  MINUTE,
} from "../../../../functions/file-monitor/forecast/history.ts";
import {
  beginScaleOut,
  decisionHorizon,
  endScaleOut,
  rememberLeadTime,
} from "../../../../functions/file-monitor/forecast/lead-time.ts";
import {
  decodeMemory,
  EMPTY_MEMORY,
  encodeMemory,
  MemoryError,
} from "../../../../functions/file-monitor/forecast/memory.ts";
import {
  decideThreshold,
  lookAhead,
  type ThresholdMode,
} from "../../../../functions/file-monitor/forecast/threshold.ts";

const START = Date.UTC(2026, 0, 5);

/** Counts every five minutes, of what `rate` adds in each hour. */
function counted(days: number, rate: (hour: number) => number, skip = (_hour: number) => false): History {
  let files = 10_000;
  let history: History = [];
  for (let minute = 0; minute <= days * 24 * 60; minute += 5) {
    if (!skip(minute / 60)) history = addCount(history, { time: START + minute * MINUTE, files: Math.floor(files) });
    files += rate(minute / 60) / 12;
  }
  return history;
}

const nowOf = (history: History) => history.at(-1)?.time ?? START;

/** A rate that differs a little from hour to hour, so that there are errors to learn from. */
const uneven = (hour: number) => 1000 + 100 * ((Math.floor(hour) * 7) % 5) - 200;

function decide(
  history: History,
  fileCountThreshold: number,
  thresholdMode: ThresholdMode = "forecast",
  falseAlarms = 0,
) {
  const memory = { ...EMPTY_MEMORY, history, falseAlarms };
  return decideThreshold(lookAhead(memory, nowOf(history), HOUR), memory, { thresholdMode, fileCountThreshold });
}

describe("the history", () => {
  test("keeps every count of the last three hours, and one of each hour before", () => {
    const ages = counted(2, uneven).map(({ time }, _, all) => (nowOf(all as Count[]) - time) / MINUTE);
    expect(ages.filter((age) => age < 180)).toHaveLength(36);
    expect(ages.filter((age) => age >= 180)).toEqual(Array.from({ length: 46 }, (_, hour) => (48 - hour) * 60));
  });

  test("drops what a clock ahead of time has written, when the clock is set right", () => {
    const ahead = [10, 20, 100].reduce<History>(
      (all, hours) => addCount(all, { time: START + hours * HOUR, files: 1 }),
      [],
    );
    expect(addCount(ahead, { time: START + 21 * HOUR, files: 7 }).map(({ time }) => (time - START) / HOUR)).toEqual([
      10, 20, 21,
    ]);
  });

  test("spreads what came in a gap over its hours, which teach nothing", () => {
    const history: History = [0, 1, 5, 6].map((hour) => ({ time: START + hour * HOUR, files: hour * 100 }));
    const { hourly, observed } = additionsUntil(history, START + 6 * HOUR);
    expect([...hourly]).toEqual([100, 100, 100, 100, 100, 100]);
    expect(observed).toEqual([true, false, false, false, false, true]);
  });
});

describe("the memory", () => {
  test.each([
    "",
    "null",
    "{}",
    encodeMemory(EMPTY_MEMORY).replace('"version":1', '"version":2'),
    encodeMemory(EMPTY_MEMORY).replace('"history":""', '"history":"g"'),
    encodeMemory(EMPTY_MEMORY).replace('"history":""', '"history":"A"'),
    encodeMemory(EMPTY_MEMORY).replace('"history":""', '"history":"!"'),
  ])("%j is refused", (text) => {
    expect(() => decodeMemory(text)).toThrow(MemoryError);
  });
});

describe("the forecast", () => {
  test("continues a steady growth, within a narrow interval", () => {
    const history = counted(3, uneven);
    const expected = forecast(history, nowOf(history), HOUR);
    const files = history.at(-1)?.files ?? 0;
    expect(expected?.q50).toBeGreaterThan(files + 700);
    expect(expected?.q50).toBeLessThan(files + 1300);
    expect((expected?.q95 ?? 0) - (expected?.q05 ?? 0)).toBeLessThan(1500);
  });

  test("knows the hour of the day after a few days", () => {
    const batches = (hour: number) => (Math.floor(hour) % 24 === 3 ? 12_000 : 100);
    const beforeBatch = counted(5 + 3 / 24, batches);
    const expected = forecast(beforeBatch, nowOf(beforeBatch), HOUR);
    expect((expected?.q50 ?? 0) - (beforeBatch.at(-1)?.files ?? 0)).toBeGreaterThan(10_000);
  });

  test("takes a restore for one, and expects no second", () => {
    const restored = counted(4, (hour) => (hour >= 95 && hour < 95.5 ? 200_000 : uneven(hour)));
    const expected = forecast(restored, nowOf(restored), HOUR);
    expect((expected?.q90 ?? 0) - (restored.at(-1)?.files ?? 0)).toBeLessThan(4000);
  });

  test("of predictions that follow what is new is better than naive", () => {
    const history = counted(10, (hour) => 1000 * (1 + Math.sin((hour / 24) * 2 * Math.PI)));
    expect(learnFrom(history, HOUR).mase).toBeLessThan(0.5);
  });
});

describe("the threshold", () => {
  const history = counted(4, uneven);
  const files = history.at(-1)?.files ?? 0;

  test("is passed before the count passes the configured one, by what a scale-out's time may add", () => {
    const { threshold, reason } = decide(history, files + 300);
    expect(threshold).toBeLessThan(files);
    expect(reason).toMatch(
      /^The threshold is \d+ instead of \d+: \d+ files were counted, and \d+ are possible in 25 minutes$/,
    );
  });

  test("stays as configured where it is far", () => {
    expect(files > decide(history, files + 3000).threshold).toBe(false);
  });

  test("is only looked at with observe", () => {
    const { threshold, forecastThreshold, reason } = decide(history, files + 300, "observe");
    expect(threshold).toBe(files + 300);
    expect(forecastThreshold).toBeLessThan(files);
    expect(reason).toContain("only observed");
  });

  test.each<[string, ReturnType<typeof decide>]>([
    ["it is fixed", decide(history, files + 300, "fixed")],
    ["less than a day of history", decide(counted(0.9, uneven), 10_000)],
    ["3 scale-outs on a forecast were false alarms", decide(history, files + 300, "forecast", 3)],
  ])("is the configured one, because %s", (why, { threshold, reason }) => {
    expect(reason).toContain(why);
    expect(reason).toContain(`The threshold is ${threshold}:`);
  });

  test("is the configured one where forecasts were worse than naive ones", () => {
    const memory = { ...EMPTY_MEMORY, history };
    const experience = { ...learnFrom(history, HOUR), guardMase: 1.2 };
    const outlook = lookAhead(memory, nowOf(history), HOUR, experience);
    const settings = { thresholdMode: "forecast", fileCountThreshold: files + 300 } as const;
    const { threshold, reason } = decideThreshold(outlook, memory, settings);
    expect(threshold).toBe(files + 300);
    expect(reason).toContain("worse than naive ones (MASE 1.20)");
  });

  test("is the configured one while a scale-out on a forecast waits to be proven right", () => {
    const memory = raiseAlarm({ ...EMPTY_MEMORY, history }, nowOf(history));
    const settings = { thresholdMode: "forecast", fileCountThreshold: files + 300 } as const;
    expect(decideThreshold(lookAhead(memory, nowOf(history), HOUR), memory, settings).threshold).toBe(files + 300);
    const proven = reviewAlarm(memory, nowOf(history) + HOUR, true);
    expect(decideThreshold(lookAhead(proven, nowOf(history), HOUR), proven, settings).threshold).toBeLessThan(files);
  });

  test("forgets a scale-out that was never begun, and no other", () => {
    const memory = beginScaleOut(raiseAlarm({ ...EMPTY_MEMORY, falseAlarms: 1 }, START, 2), START);
    expect(forgetUnfoundedAlarm(memory, START + 21 * MINUTE, 2)).toEqual({ ...EMPTY_MEMORY, falseAlarms: 1 });
    for (const [now, mountTargets, what] of [
      [START + 20 * MINUTE, 2, "a run may still be creating it"],
      [START + 21 * MINUTE, 3, "it is there"],
    ] as const) {
      expect(forgetUnfoundedAlarm(memory, now, mountTargets), what).toBe(memory);
    }
    const unknown = raiseAlarm(EMPTY_MEMORY, START);
    expect(forgetUnfoundedAlarm(unknown, START + DAY, 0), "of an earlier version").toBe(unknown);
    const proven = reviewAlarm(memory, START + 2 * DAY, false);
    expect(forgetUnfoundedAlarm(proven, START + 2 * DAY, 2), "it was false, and taken away since").toBe(proven);
  });

  test("looks as far ahead as scale-outs took, and two runs more, but no further than allowed", () => {
    const memory = { ...EMPTY_MEMORY, history };
    expect(decisionHorizon(memory, HOUR)).toBe(25 * MINUTE);
    expect(decisionHorizon(rememberLeadTime(memory, 7.5 * MINUTE), HOUR)).toBe(18 * MINUTE);
    expect(decisionHorizon(rememberLeadTime(memory, 3 * HOUR), HOUR)).toBe(HOUR);
  });

  test("measures a scale-out from its decision until it is in use, and none that took longer than a day", () => {
    const begun = beginScaleOut(EMPTY_MEMORY, START + 30_000);
    expect(endScaleOut(begun, START + 9.5 * MINUTE)).toEqual({ ...EMPTY_MEMORY, leadTimes: [10 * MINUTE] });
    for (const now of [START - HOUR, START + DAY + MINUTE]) expect(endScaleOut(begun, now)).toEqual(EMPTY_MEMORY);
    expect(endScaleOut(EMPTY_MEMORY, START)).toEqual(EMPTY_MEMORY);
    expect(beginScaleOut(begun, START + HOUR).scaleOutBegan).toBe(START + HOUR);
  });
});

test("a threshold that growth reaches within a week is warned of, and one that it does not reach is not", () => {
  const history = counted(10, uneven);
  const files = history.at(-1)?.files ?? 0;
  expect(mayPassWithinWarningTime(history, nowOf(history), files + 6 * 24 * 1000)).toBe(true);
  expect(mayPassWithinWarningTime(history, nowOf(history), files + 14 * 24 * 1000)).toBe(false);
  expect(mayPassWithinWarningTime(counted(0.2, uneven), START + DAY, 10)).toBeUndefined();
});
