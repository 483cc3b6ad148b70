import { expect, test, vi } from "vitest";
import { publishMetrics } from "../../../functions/file-monitor/metrics.ts";
import type { MonitorResult } from "../../../functions/file-monitor/result.ts";

const FIXED: MonitorResult = {
  statusCode: 200,
  message: "No action needed",
  fileCount: 80,
  threshold: 100,
  thresholdPassed: false,
  effectiveThreshold: 100,
  forecastFalseAlarms: 1,
};

function published(result: MonitorResult): Record<string, unknown> {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    publishMetrics("fs-0123abcd", result);
    return JSON.parse(String(write.mock.calls[0]?.[0]));
  } finally {
    write.mockRestore();
  }
}

test("with a forecast, what is expected and the threshold that follows are measured, also where it is only observed", () => {
  const forecast = { fileCount: 110, horizon: 1_500_000, threshold: 75, thresholdPassed: true };
  const measured = { ForecastFileCount: 110, EffectiveThreshold: 75, ForecastFalseAlarms: 1, ThresholdExceeded: 0 };
  expect(published({ ...FIXED, forecast })).toMatchObject(measured);
});

test("what EFS meters of a count is measured, where the run has counted", () => {
  const countMeteredBytes = { lower: 8_192, upper: 20_480 };
  const measured = { CountMeteredBytesLower: 8_192, CountMeteredBytesUpper: 20_480 };
  expect(published({ ...FIXED, countAge: 0, countMeteredBytes })).toMatchObject(measured);
  expect(published({ ...FIXED, countAge: 300_000, countMeteredBytes })).not.toHaveProperty("CountMeteredBytesLower");
});

test("without one, the threshold is the configured one", () => {
  const measured = published({ ...FIXED, forecast: undefined });
  expect(measured).toMatchObject({ EffectiveThreshold: 100, FileCountPercentOfThreshold: 80 });
  expect(measured).not.toHaveProperty("ForecastFileCount");
});
