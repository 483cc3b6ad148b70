import { describe, expect, test } from "vitest";
import { PeakEwma } from "../../../fargate-app/src/routing/peak-ewma.ts";
import { isNear, speedsOf } from "../../../fargate-app/src/routing/speed.ts";

describe("a latency", () => {
  const addMany = (latency: PeakEwma, value: number, now: number) => {
    for (let response = 0; response < 15; response++) latency.add(value, now);
  };

  test("is unknown, then that of the first response", () => {
    const latency = new PeakEwma();
    expect(latency.value).toBeUndefined();
    latency.add(7, 0);
    expect(latency.value).toBe(7);
  });

  test("rises at once when most responses take longer, and falls to 1/e in ten seconds", () => {
    const latency = new PeakEwma();
    latency.add(1, 0);
    addMany(latency, 101, 0);
    expect(latency.value).toBe(101);
    addMany(latency, 1, 10_000);
    expect(latency.value).toBeCloseTo(1 + 100 / Math.E);
  });

  test("does not rise for a few slow responses among many", () => {
    const latency = new PeakEwma();
    latency.add(1, 0);
    for (let response = 0; response < 150; response++) latency.add(response % 3 === 0 ? 1_000 : 1, 0);
    expect(latency.value).toBe(1);
  });

  test("does not wait for a full batch when responses are rare", () => {
    const latency = new PeakEwma();
    latency.add(1, 0);
    latency.add(50, 1_000);
    expect(latency.value).toBe(1);
    latency.add(50, 1_250);
    expect(latency.value).toBe(50);
    expect(latency.lastSeen).toBe(1_250);
  });
});

describe("a speed", () => {
  test("is 1 near the median, and the median as a share of the latency far above it", () => {
    expect(speedsOf([2, 2, 20])).toEqual([1, 1, 0.1]);
    expect(speedsOf([2, 2, 6])).toEqual([1, 1, 1]);
    expect(speedsOf([2, 20])).toEqual([1, 0.1]);
  });

  test("is 1 where nothing is known, and where all latencies are tiny", () => {
    expect(speedsOf([undefined, undefined])).toEqual([1, 1]);
    expect(speedsOf([undefined, 5])).toEqual([1, 1]);
    expect(speedsOf([0.1, 0.1, 1])).toEqual([1, 1, 1]);
  });

  test("is near up to one and a half times the median, and where nothing is known", () => {
    expect([3, 3.1, undefined].map((latency) => isNear(latency, [2, 2, latency]))).toEqual([true, false, true]);
    expect(isNear(undefined, [])).toBe(true);
  });
});
