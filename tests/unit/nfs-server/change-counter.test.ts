import { type BigIntStats, lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ChangeCounter } from "../../../packages/nfs-server/src/file-system/change-counter.ts";

const directory = mkdtempSync(join(tmpdir(), "change-counter-"));
writeFileSync(join(directory, "file"), "");
const real = lstatSync(join(directory, "file"), { bigint: true });

afterAll(() => rmSync(directory, { recursive: true }));

/** The status of the file when its times were read from a clock that stands at `time`. */
function at(time: bigint): BigIntStats {
  return Object.assign(Object.create(Object.getPrototypeOf(real)), real, { ctimeNs: time });
}

test("the change attribute differs after every change, also within a tick of the clock", () => {
  const counter = new ChangeCounter();
  const seen = new Set([counter.of(at(1000n))]);
  for (const time of [5000n, 5000n, 5000n, 9000n, 9000n]) {
    const changed = counter.changed(at(time));
    expect(seen.has(changed)).toBe(false);
    seen.add(changed);
    expect(counter.of(at(time))).toBe(changed);
    expect(counter.of(at(time))).toBe(changed);
  }
});

test("changes made behind the server's back show as well", () => {
  const counter = new ChangeCounter();
  const before = counter.changed(at(1000n));
  expect(counter.of(at(2000n))).not.toBe(before);
});
