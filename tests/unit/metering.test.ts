import {
  METERED_KINDS,
  meterCompound,
  meteredBytes,
  pricesOf,
  throughputCost,
  zoneCost,
} from "@efs-mount-autoscaling/metering";
import { describe, expect, test } from "vitest";

const KIB = 1_024;
const none = { "data-read": 0, "data-write": 0, "metadata-read": 0, "metadata-write": 0 };

describe("what EFS meters of one operation", () => {
  test.each([
    ["data-read", 1, 32],
    ["data-read", 32 * KIB, 32],
    ["data-read", 32 * KIB + 1, 33],
    ["data-write", 0, 32],
    ["data-write", 100 * KIB + 1, 101],
    ["metadata-read", 1, 4],
    ["metadata-read", 4 * KIB + 1, 5],
    ["metadata-write", 4 * KIB, 4],
  ] as const)("of %s with %d bytes are %d KiB: steps of 1 KiB after the first 32 or 4", (kind, bytes, kibibytes) => {
    expect(meteredBytes(kind, bytes)).toBe(kibibytes * KIB);
  });
});

describe("what EFS meters of a COMPOUND", () => {
  test("is between one operation and each of them, for a small file that is read", () => {
    const operations = ["SEQUENCE", "PUTROOTFH", "LOOKUP", "LOOKUP", "GETATTR", "READ"];
    expect(meterCompound({ operations, bytesSent: 200, bytesReceived: 4_500 })).toEqual({
      lower: { ...none, "data-read": 32 * KIB },
      upper: { ...none, "data-read": 32 * KIB, "metadata-read": 12 * KIB },
    });
  });

  test("counts its bytes once, for a large write", () => {
    const operations = ["SEQUENCE", "PUTFH", "WRITE"];
    expect(meterCompound({ operations, bytesSent: 2 ** 20 + 200, bytesReceived: 150 })).toEqual({
      lower: { ...none, "data-write": 2 ** 20 },
      upper: { ...none, "data-write": 2 ** 20 + KIB },
    });
  });

  test("may count an open as a read or as a write of metadata", () => {
    expect(meterCompound({ operations: ["SEQUENCE", "PUTFH", "OPEN"], bytesSent: 200, bytesReceived: 200 })).toEqual({
      lower: { ...none, "metadata-read": 4 * KIB },
      upper: { ...none, "metadata-write": 4 * KIB },
    });
  });

  test("is nothing where no file is touched", () => {
    const { lower, upper } = meterCompound({ operations: ["SEQUENCE"], bytesSent: 200, bytesReceived: 100 });
    expect([lower, upper]).toEqual([none, none]);
  });

  test("never has a lower bound above the upper one", () => {
    const names = ["SEQUENCE", "PUTFH", "READ", "WRITE", "OPEN", "GETATTR", "READDIR", "REMOVE", "CLOSE"];
    for (let mask = 0; mask < 2 ** names.length; mask++) {
      const operations = names.filter((_, index) => mask & (2 ** index));
      const { lower, upper } = meterCompound({ operations, bytesSent: 50_000, bytesReceived: 90_000 });
      const sum = (metered: typeof lower) => METERED_KINDS.reduce((total, kind) => total + metered[kind], 0);
      expect(sum(lower)).toBeLessThanOrEqual(sum(upper));
    }
  });
});

describe("what that costs", () => {
  test("is the example of the documentation: reads at 0.03 and writes at 0.07 a GB in eu-west-1", () => {
    const prices = pricesOf("eu-west-1");
    if (prices === undefined) throw new Error("The prices are missing");
    const metered = { "data-read": 1e9, "metadata-read": 1e9, "data-write": 1e9, "metadata-write": 0 };
    const { lower, upper } = throughputCost({ lower: metered, upper: metered }, prices);
    expect(lower).toBeCloseTo(0.03 + 0.03 + 0.07);
    expect(upper).toBe(lower);
    expect(zoneCost(1e9, prices)).toBeCloseTo(0.02);
  });

  test("is not known for regions without prices", () => {
    expect(pricesOf("ap-northeast-1")).toBeUndefined();
    expect(pricesOf(undefined)).toBeUndefined();
  });
});
