import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSettings, SettingsError } from "../../../fargate-app/src/settings.ts";
import { heapOf, shareOf } from "../../../fargate-app/src/workers/share.ts";

const settingsOf = (environment: Record<string, string> = {}) =>
  readSettings({ EFS_FILE_SYSTEM_ID: "fs-1", ...environment });

describe("what a worker may take", () => {
  test("is all of it where it is the only one", () => {
    const settings = settingsOf({ TRANSFER_MEMORY_BYTES: String(4 * 2 ** 20) });
    expect(shareOf(settings, 1)).toBe(settings);
  });

  test("adds up to no more than the task may take, and leaves nothing that could be shared", () => {
    const amount = fc.integer({ min: 64 * 2 ** 20, max: 2 ** 40 });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 16 }), amount, amount, (workers, transfer, memory) => {
        const settings = settingsOf({ TRANSFER_MEMORY_BYTES: `${transfer}`, MAX_MEMORY_BYTES: `${memory}` });
        const share = shareOf(settings, workers);
        for (const [part, whole] of [
          [share.transferMemory, settings.transferMemory],
          [share.httpLimits.maxMemory, settings.httpLimits.maxMemory],
          [share.httpLimits.appendMemory, settings.httpLimits.appendMemory],
        ] as const) {
          expect(part * workers).toBeLessThanOrEqual(whole);
          expect((part + 1) * workers).toBeGreaterThan(whole);
        }
      }),
    );
  });

  test("that is not limited for the task is not for a worker", () => {
    expect(shareOf(settingsOf(), 4).httpLimits.maxMemory).toBe(0);
    expect(heapOf(settingsOf(), 4)).toBeUndefined();
  });

  test("of the heap is a quarter of its memory", () => {
    expect(heapOf(settingsOf({ MAX_MEMORY_BYTES: String(8 * 2 ** 30) }), 4)).toBe(512);
  });

  test.each([
    [{ TRANSFER_MEMORY_BYTES: String(8 * 2 ** 20) }, "TRANSFER_MEMORY_BYTES is 8388608, but must be at least 12582912"],
  ])("is refused where it is too little to work with: %j", (environment, message) => {
    const share = () => shareOf(settingsOf(environment), 3);
    expect(share).toThrow(SettingsError);
    expect(share).toThrow(message);
  });
});
