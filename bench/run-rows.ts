/** Runs rows, one after the other. */
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
  readonly progress: (line: string) => void;
}

/** A row that fails does not keep the others from running. */
export async function runRows(rows: readonly Row[], options: RunOptions): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for (const row of rows) {
    if (options.quick && row.check === undefined) continue;
    results.push(await runRow(row, options));
    options.signal.throwIfAborted();
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
    progress: (what) => progress(`${row.name}: ${what}`),
    note: (sentence) => notes.push(sentence),
  };
  const start = performance.now();
  const judgements: Judgement[] = [];
  let failure: string | undefined;
  try {
    for (const form of quick ? [row.check] : [row.check, row.measure]) {
      const figures = await form?.(bench);
      judgements.push(...(figures ?? []).map((figure: Figure) => judge(figure)));
    }
  } catch (error) {
    failure = patience.aborted ? `It took longer than ${row.seconds * PATIENCE} s` : messageOf(error);
  }
  await cleanups.run().catch((error: unknown) => {
    failure ??= messageOf(error);
  });
  const seconds = (performance.now() - start) / 1000;
  return { row, judgements, notes, seconds, ...(failure === undefined ? {} : { error: failure }) };
}
