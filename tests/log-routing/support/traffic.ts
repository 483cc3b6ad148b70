/** Lines at a steady rate, each with a number of its own. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LogDriver } from "../../../local/firelens/log-driver.ts";

export interface TrafficOptions {
  readonly linesPerSecond: number;
  /** Milliseconds; lines are written until then, or until `signal` aborts. */
  readonly duration: number;
  readonly signal?: AbortSignal;
  /** Every so many lines one is an ERROR. */
  readonly errorEvery: number;
  /** Bytes of a line. */
  readonly lineLength?: number;
}

/** Writes JSON lines, 500 bytes each unless told otherwise, `seq` from 0 on. Returns how many. */
export async function writeLines(driver: LogDriver, options: TrafficOptions): Promise<number> {
  const { linesPerSecond, duration, signal, errorEvery, lineLength = 500 } = options;
  const start = performance.now();
  let count = 0;
  for (;;) {
    const elapsed = Math.min(performance.now() - start, duration);
    for (const due = Math.floor((elapsed * linesPerSecond) / 1000); count < due; count++) {
      driver.write(line(count, count % errorEvery === 0 ? "ERROR" : "INFO", lineLength), "stdout");
    }
    if (elapsed === duration || signal?.aborted) return count;
    await sleep(10);
  }
}

function line(seq: number, level: string, length: number): string {
  const record = { level, time: new Date().toISOString(), seq, reqId: crypto.randomUUID(), msg: "" };
  const padding = length - JSON.stringify(record).length;
  const text = `GET /files/${seq.toString(36)}/${crypto.randomUUID()} `;
  return JSON.stringify({ ...record, msg: text.repeat(Math.ceil(padding / text.length)).slice(0, padding) });
}

/** The numbers that are missing, and those that came more than once. */
export function compareNumbers(found: readonly unknown[], expected: readonly number[]) {
  const counts = new Map<unknown, number>();
  for (const seq of found) counts.set(seq, (counts.get(seq) ?? 0) + 1);
  return {
    missing: expected.filter((seq) => !counts.has(seq)).length,
    repeated: [...counts.values()].filter((count) => count > 1).length,
  };
}

/** The numbers of all lines, and of those that are errors. */
export function numbersOf(count: number, errorEvery: number): { all: number[]; errors: number[] } {
  const all = Array.from({ length: count }, (_, seq) => seq);
  return { all, errors: all.filter((seq) => seq % errorEvery === 0) };
}
