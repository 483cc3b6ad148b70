import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../../bench/random.ts";
import { Latency } from "../../../../packages/routed-files/src/routing/latency.ts";
import { isNear, speedsOf } from "../../../../packages/routed-files/src/routing/speed.ts";

describe("a latency", () => {
  const addMany = (latency: Latency, value: number, now: number, count = 15) => {
    for (let response = 0; response < count; response++) latency.add(value, now);
  };

  test("is unknown, then that of the first response", () => {
    const latency = new Latency();
    expect([latency.peak, latency.mean]).toEqual([undefined, undefined]);
    latency.add(7, 0);
    expect([latency.peak, latency.mean]).toEqual([7, undefined]);
    addMany(latency, 7, 0, 3 * 15);
    expect(latency.mean).toBeUndefined();
    addMany(latency, 7, 0);
    expect(latency.mean).toBe(7);
  });

  test("has a peak that rises when two samples in a row show it, and falls to 1/e in ten seconds", () => {
    const latency = new Latency();
    latency.add(1, 0);
    for (let second = 1; second <= 20; second++) addMany(latency, 1, second * 1_000);
    addMany(latency, 101, 20_000);
    expect(latency.peak).toBe(1);
    addMany(latency, 101, 20_000);
    expect(latency.peak).toBe(101);
    addMany(latency, 1, 30_000);
    expect(latency.peak).toBeCloseTo(1 + 100 / Math.E);
  });

  test("has a mean that goes 63 % of the way to a new value in ten seconds", () => {
    const latency = new Latency();
    latency.add(1, 0);
    for (let second = 1; second <= 20; second++) addMany(latency, 1, second * 1_000);
    addMany(latency, 101, 30_000);
    expect(latency.mean).toBeCloseTo(101 - 100 / Math.E);
  });

  test("does not rise for a few slow responses among many", () => {
    const latency = new Latency();
    latency.add(1, 0);
    for (let response = 0; response < 150; response++) latency.add(response % 3 === 0 ? 1_000 : 1, 0);
    expect([latency.peak, latency.mean]).toEqual([1, 1]);
  });

  test("is no lower for a target that responds now and then than for a busy one", () => {
    const random = seededRandom(1);
    // As latencies are: their logarithms are normally distributed, and half of them are above 2 ms.
    const draw = () => 2 * Math.exp(Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
    const ratios = Array.from({ length: 200 }, () => {
      const [busy, rare] = [new Latency(), new Latency()];
      for (let time = 0; time < 60_000; time += 10) busy.add(draw(), time);
      for (let time = 0; time < 60_000; time += 2_500) rare.add(draw(), time);
      return Math.log((rare.mean ?? Number.NaN) / (busy.mean ?? Number.NaN));
    });
    const mean = ratios.reduce((sum, ratio) => sum + ratio) / ratios.length;
    expect(mean).toBeGreaterThan(Math.log(0.95));
    expect(mean).toBeLessThan(Math.log(1.25));
  });

  test("does not wait for a full batch when responses are rare", () => {
    const latency = new Latency();
    latency.add(1, 0);
    for (const time of [1_000, 1_250, 2_000]) latency.add(50, time);
    expect(latency.peak).toBe(1);
    latency.add(50, 2_250);
    expect(latency.peak).toBe(50);
    expect(latency.lastSeen).toBe(2_250);
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
