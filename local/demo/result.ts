/** What the demo found, whether that is good, and how it is shown. */
import Table from "cli-table3";
import { count, percent, round } from "./figures.ts";
import { shares, type TargetCounts } from "./target-report.ts";

/** One measurement: all files read by many clients at once. */
export interface Measurement {
  readonly targets: readonly TargetCounts[];
  readonly readMBps: number;
}

export interface DemoResult {
  readonly before: Measurement;
  readonly after: Measurement;
  readonly tasksRolled: number;
  readonly files: number;
  readonly requests: number;
  readonly failedRequests: number;
  readonly mismatchedFiles: number;
}

/** How far from 1/N a target's share of the requests may be. */
const MAX_DEVIATION = 0.05;

/** What went wrong, one sentence each; empty when all is well. */
export function problemsOf({ after, files, requests, failedRequests, mismatchedFiles }: DemoResult): string[] {
  const problems: string[] = [];
  if (failedRequests > 0) problems.push(`${count(failedRequests)} of ${count(requests)} requests failed.`);
  if (mismatchedFiles > 0)
    problems.push(`${count(mismatchedFiles)} of ${count(files)} files were not read back as they were written.`);
  const fair = 1 / after.targets.length;
  for (const [index, share] of shares(after.targets).entries()) {
    if (Math.abs(share - fair) <= MAX_DEVIATION) continue;
    problems.push(
      `${after.targets[index]?.id} got ${percent(share)} of the requests instead of about ${percent(fair)}.`,
    );
  }
  return problems;
}

/** The line for programs: `--json`. */
export function toJson(result: DemoResult): string {
  const { before, after, tasksRolled, files, failedRequests, mismatchedFiles } = result;
  return JSON.stringify({
    mountTargetsBefore: before.targets.length,
    mountTargetsAfter: after.targets.length,
    tasksRolled,
    files,
    failedRequests,
    mismatchedFiles,
    readMBpsBefore: round(before.readMBps, 2),
    readMBpsAfter: round(after.readMBps, 2),
    shareByTarget: shares(after.targets).map((share) => round(share, 4)),
  });
}

/** The table for people. */
export function toTable(result: DemoResult): string {
  const { before, after } = result;
  const table = new Table({
    head: ["", "before", "after"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: ["left", "right", "right"],
  });
  table.push(["Mount targets", before.targets.length, after.targets.length]);
  for (const target of after.targets) {
    table.push([`Requests through ${name(target)}`, share(before, target.id), share(after, target.id)]);
  }
  for (const target of after.targets) {
    table.push([`Megabytes through ${name(target)}`, megabytes(before, target.id), megabytes(after, target.id)]);
  }
  table.push(
    ["Read MB/s", before.readMBps.toFixed(2), after.readMBps.toFixed(2)],
    ["Tasks rolled", "", result.tasksRolled],
    ["Files compared", "", count(result.files)],
    ["Requests in all", "", count(result.requests)],
    ["Failed requests", "", count(result.failedRequests)],
    ["Mismatched files", "", count(result.mismatchedFiles)],
  );
  return table.toString();
}

function name({ availabilityZone, id }: TargetCounts): string {
  return `${availabilityZone} (${id})`;
}

function share({ targets }: Measurement, id: string): string {
  const index = targets.findIndex((target) => target.id === id);
  const target = targets[index];
  return target === undefined ? "-" : `${count(target.requests)} (${percent(shares(targets)[index] ?? 0)})`;
}

function megabytes({ targets }: Measurement, id: string): string {
  const target = targets.find((one) => one.id === id);
  return target === undefined ? "-" : (target.bytes / 1e6).toFixed(1);
}
