import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Bandwidth } from "../../../packages/nfs-server/src/bandwidth.ts";

const RATE = 10_000_000;
const BYTES_PER_MILLISECOND = RATE / 1000;

describe("the bandwidth of a mount target", () => {
  test("lets no more through in any time than its rate and 50 ms of credit", () => {
    const step = fc.record({
      bytes: fc.integer({ min: 1, max: 100_000 }),
      pause: fc.double({ min: 0, max: 40, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 100 }), (steps) => {
        const bandwidth = new Bandwidth(RATE);
        const sent: { at: number; bytes: number }[] = [];
        let now = 1000;
        for (const { bytes, pause } of steps) {
          now += pause;
          now += bandwidth.take(bytes, now);
          sent.push({ at: now, bytes });
        }
        for (const [first, { at: start }] of sent.entries()) {
          let total = 0;
          for (const { at, bytes } of sent.slice(first + 1)) {
            total += bytes;
            expect(total).toBeLessThanOrEqual((at - start + 50) * BYTES_PER_MILLISECOND);
          }
        }
      }),
    );
  });

  test("keeps nobody waiting who asks for less", () => {
    const bandwidth = new Bandwidth(RATE);
    for (let now = 0; now < 1000; now++) expect(bandwidth.take(0.9 * BYTES_PER_MILLISECOND, now)).toBe(0);
  });

  test("is used up by somebody who always sends, although timers are late", () => {
    const bandwidth = new Bandwidth(RATE);
    let now = 0;
    let bytes = 0;
    while (now < 2000) {
      bytes += bandwidth.slice;
      const wait = bandwidth.take(bandwidth.slice, now);
      if (wait > 0) now += wait + 3;
    }
    expect(bytes / now / BYTES_PER_MILLISECOND).toBeGreaterThan(0.97);
  });
});
