/** What a failover and a failback cost, whether that is what is promised, and how it is shown. */
import Table from "cli-table3";
import { count } from "../figures.ts";

export interface RegionsResult {
  /** From the end of the first region to the first write that the second one acknowledged. */
  readonly rtoSeconds: number;
  /** From the oldest acknowledged write that was lost to the end of the first region. */
  readonly rpoSeconds: number;
  /** How long before the end of the first region the last finished sync began. */
  readonly lagSeconds: number;
  readonly acknowledged: number;
  readonly acknowledgedLost: number;
  /** Those that were acknowledged before the last finished sync began. */
  readonly acknowledgedLostOlderThanLag: number;
  /** Acknowledged writes of the second region that the first one does not have after the failback. */
  readonly lostAtFailback: number;
  /** Paths of files that hold what they may not. */
  readonly mismatched: readonly string[];
  readonly files: number;
  /** Writes that one region acknowledged while the other one was the primary. */
  readonly twoWriters: number;
  /** Writes that the first region was asked to take after it had come back, and refused. */
  readonly refusedByOldPrimary: number;
  readonly refusedDuringFailover: number;
  readonly refusedDuringFailback: number;
  readonly failbackSeconds: number;
  /** For which no region acknowledged a write during the failback. */
  readonly failbackPauseSeconds: number;
}

const MAX_RTO_SECONDS = 30;

/** Which promises were broken, one sentence each; empty when all is well. */
export function problemsOf(result: RegionsResult): string[] {
  const problems: string[] = [];
  const mustBeZero = [
    [result.acknowledgedLostOlderThanLag, "acknowledged writes were lost although they were older than the lag."],
    [result.lostAtFailback, "acknowledged writes were lost at the failback."],
    [result.mismatched.length, `files hold what was not written last, like ${result.mismatched[0]}.`],
    [result.twoWriters, "writes were acknowledged by one region while the other one was the primary."],
  ] as const;
  for (const [number, what] of mustBeZero) if (number > 0) problems.push(`${count(number)} ${what}`);
  if (result.rtoSeconds > MAX_RTO_SECONDS) {
    problems.push(`It took ${result.rtoSeconds.toFixed(1)} s to write again, more than ${MAX_RTO_SECONDS} s.`);
  }
  // Without these, the zeros would say nothing.
  if (result.refusedByOldPrimary === 0)
    problems.push("The old primary was not asked to take a write when it was back.");
  if (result.acknowledged === 0) problems.push("Nothing was written.");
  return problems;
}

/** The line for programs: `--json`. */
export function toJson(result: RegionsResult): string {
  const seconds = (value: number) => Number(value.toFixed(2));
  return JSON.stringify({
    rtoSeconds: seconds(result.rtoSeconds),
    rpoSeconds: seconds(result.rpoSeconds),
    acknowledgedLost: result.acknowledgedLost,
    acknowledgedLostOlderThanLag: result.acknowledgedLostOlderThanLag,
    lostAtFailback: result.lostAtFailback,
    mismatchedFiles: result.mismatched.length,
    twoWriters: result.twoWriters,
  });
}

/** The table for people. */
export function toTable(result: RegionsResult): string {
  const table = new Table({
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: ["left", "right"],
  });
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  table.push(
    ["Until the second region took writes (RTO)", seconds(result.rtoSeconds)],
    ["Age of the oldest lost write (RPO)", seconds(result.rpoSeconds)],
    ["Age of the replica when the region ended", seconds(result.lagSeconds)],
    ["Writes refused or unanswered meanwhile", count(result.refusedDuringFailover)],
    ["Writes acknowledged in all", count(result.acknowledged)],
    ["Acknowledged writes lost at the failover", count(result.acknowledgedLost)],
    ["… of them older than the replica", count(result.acknowledgedLostOlderThanLag)],
    ["Writes refused by the old primary, back again", count(result.refusedByOldPrimary)],
    ["Failback", seconds(result.failbackSeconds)],
    ["… without a region that takes writes", seconds(result.failbackPauseSeconds)],
    ["… writes refused meanwhile", count(result.refusedDuringFailback)],
    ["Acknowledged writes lost at the failback", count(result.lostAtFailback)],
    ["Writes taken by two regions at once", count(result.twoWriters)],
    ["Files compared", count(result.files)],
    ["Mismatched files", count(result.mismatched.length)],
  );
  return table.toString();
}
