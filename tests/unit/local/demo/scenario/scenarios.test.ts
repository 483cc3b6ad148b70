/** What the demo's scenarios tell, without the system: the monitor's own forecast decides. */
import { describe, expect, test } from "vitest";
import { foresee } from "../../../../../functions/file-monitor/forecast/foresight.ts";
import { DAY, HOUR, MINUTE } from "../../../../../functions/file-monitor/forecast/history.ts";
import { decodeMemory, encodeMemory } from "../../../../../functions/file-monitor/forecast/memory.ts";
import { readSettings } from "../../../../../functions/file-monitor/settings.ts";
import { secondsOf } from "../../../../../local/demo/scenario/live.ts";
import { memoryOfThePast } from "../../../../../local/demo/scenario/past.ts";
import { filesAt, thresholdFor } from "../../../../../local/demo/scenario/scenario.ts";
import { SCENARIOS } from "../../../../../local/demo/scenario/scenarios.ts";
import { MIN_FILES } from "../../../../../local/demo/source-files.ts";
import { monitorEnvironment } from "../../../../../local/environments.ts";

const BEGIN = Date.parse("2026-11-01T00:00:00Z");

describe.each(Object.values(SCENARIOS))("$name", (scenario) => {
  const threshold = thresholdFor(MIN_FILES);
  const settings = readSettings({
    ...monitorEnvironment("http://127.0.0.1", "/mnt", threshold, "hot-reload"),
    INITIAL_MOUNT_TARGETS: "2",
    ...scenario.settings,
  });
  const filesAtMinute = (minute: number) => filesAt(scenario, threshold, minute / 60);
  const minutes = Array.from({ length: scenario.hours * 60 }, (_, minute) => minute);
  const before = Array.from({ length: scenario.hoursBefore * 60 }, (_, minute) => -minute);

  test("needs no more files than there are, leaves some for the other traffic, and takes less than a minute", () => {
    expect(Math.max(...minutes.map(filesAtMinute))).toBeLessThanOrEqual(MIN_FILES);
    expect(Math.min(...minutes.map(filesAtMinute))).toBeGreaterThan(500);
    expect(secondsOf(scenario)).toBeLessThan(60);
  });

  test("passes the threshold while it is shown, and not before", () => {
    expect(before.filter((minute) => filesAtMinute(minute) > threshold)).toEqual([]);
    expect(filesAtMinute(0)).toBeLessThanOrEqual(threshold);
    expect(minutes.some((minute) => filesAtMinute(minute) > threshold)).toBe(true);
  });

  test("is remembered by the monitor as it was", () => {
    const memory = memoryOfThePast(scenario, threshold, BEGIN);
    expect(decodeMemory(encodeMemory(memory))).toEqual(memory);
    for (const { time, files } of memory.history) {
      expect(files).toBe(filesAt(scenario, threshold, (time - BEGIN) / HOUR));
    }
  });

  test.runIf(scenario.isAhead)("is foreseen early enough for the machine that shows it", () => {
    let memory = memoryOfThePast(scenario, threshold, BEGIN);
    const passedAt = minutes.findIndex((minute) => filesAtMinute(minute) > threshold);
    const decidedAt = minutes.findIndex((minute) => {
      if (minute % scenario.monitorInterval > 0) return false;
      const [now, files] = [BEGIN + minute * MINUTE, filesAtMinute(minute)];
      const foresight = foresee(memory, { now, count: { time: now, files }, thresholdPassed: false }, settings);
      memory = foresight.memory;
      return files > foresight.decision.threshold;
    });
    expect(decidedAt).toBeGreaterThan(scenario.monitorInterval);
    expect((passedAt - decidedAt) / scenario.minutesPerSecond).toBeGreaterThan(2);
  });

  test("leaves the monitor time for what it does between two runs", () => {
    expect(scenario.monitorInterval / scenario.minutesPerSecond).toBeGreaterThan(0.3);
  });
});

test("the days of the season are alike, and the lowest count of the night would be few enough to scale in", () => {
  const { shareAt, hours, settings } = SCENARIOS.season;
  expect(settings.SCALE_IN).toBe("on");
  const shares = Array.from({ length: hours * 60 }, (_, minute) => shareAt(minute / 60));
  expect(Math.min(...shares)).toBeLessThan(0.7);
  expect(shareAt(0) / shareAt(-DAY / HOUR)).toBeCloseTo(1.1, 1);
});
