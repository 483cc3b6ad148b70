/** Runs rows, one after the other. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "nfs-client";
import { Cleanups } from "../local/machine/cleanups.ts";
import { type Judgement, judge } from "./judgement.ts";
import { type Bench, type Figure, PATIENCE, type Row } from "./row.ts";

export interface RowResult {
  readonly row: Row;
  readonly judgements: readonly Judgement[];
  readonly notes: readonly string[];
  /** Seconds it took. */
  readonly seconds: number;
  /** Why there are no figures. */
  readonly error?: string;
}

export interface RunOptions {
  /** Only what does not depend on the machine. */
  readonly quick: boolean;
  /** The parts of rows that run; all when absent. */
  readonly only?: readonly string[] | undefined;
  readonly signal: AbortSignal;
  /** Is told what goes on now. */
  readonly progress: (row: Row, what: string) => void;
  /** Gets each result as soon as it is there: an interruption does not lose those before it. */
  readonly onResult?: (result: RowResult) => void;
}

/** Milliseconds for a row to end by itself once it is told to: what it has only begun to start can be ended then, too. */
const GRACE = 5_000;

/** Milliseconds for what a row started to end. */
const CLEANUP_TIMEOUT = 60_000;

/** A row that fails does not keep the others from running. */
export async function runRows(rows: readonly Row[], options: RunOptions): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for (const row of rows) {
    if (options.quick && row.check === undefined) continue;
    const result = await runRow(row, options);
    options.signal.throwIfAborted();
    options.onResult?.(result);
    results.push(result);
  }
  return results;
}

async function runRow(row: Row, { quick, only, signal, progress }: RunOptions): Promise<RowResult> {
  const notes: string[] = [];
  const cleanups = new Cleanups();
  const patience = AbortSignal.timeout(row.seconds * PATIENCE * 1000);
  const bench: Bench = {
    signal: AbortSignal.any([signal, patience]),
    cleanups,
    wants: (part) => (only === undefined ? !row.partsOnDemand?.includes(part) : only.includes(part)),
    progress: (what) => progress(row, what),
    note: (sentence) => notes.push(sentence),
  };
  const start = performance.now();
  const judgements: Judgement[] = [];
  let failure: string | undefined;
  const aborted = rejectionOf(bench.signal);
  try {
    for (const form of quick ? [row.check] : [row.check, row.measure]) {
      if (form === undefined) continue;
      // Also a row that waits for something else than the signal must not hold the others up.
      const figures = await Promise.race([form(bench), aborted]);
      judgements.push(...figures.map((figure: Figure) => judge(figure)));
    }
  } catch (error) {
    failure = patience.aborted ? `It took longer than ${row.seconds * PATIENCE} s` : messageOf(error);
  }
  await cleanUp(cleanups).catch((error: unknown) => {
    failure ??= messageOf(error);
  });
  const seconds = (performance.now() - start) / 1000;
  return { row, judgements, notes, seconds, ...(failure === undefined ? {} : { error: failure }) };
}

/** Rejects some time after the signal aborts, whether anyone waits for it by then or not. */
function rejectionOf(signal: AbortSignal): Promise<never> {
  const rejection = new Promise<never>((_, reject) => {
    const giveUp = () => setTimeout(() => reject(signal.reason), GRACE);
    signal.addEventListener("abort", giveUp, { once: true });
  });
  rejection.catch(() => {});
  return rejection;
}

async function cleanUp(cleanups: Cleanups): Promise<void> {
  const done = new AbortController();
  const timeout = sleep(CLEANUP_TIMEOUT, undefined, { signal: done.signal }).then(() => {
    throw new Error(`What it started did not end within ${CLEANUP_TIMEOUT / 1000} s`);
  });
  await Promise.race([cleanups.run(), timeout]).finally(() => done.abort());
}
