/** What came of a scenario, whether it is what was promised, and how it is shown. */
import Table from "cli-table3";
import { count } from "../figures.ts";
import { countChanges, type Moment, milestonesOf, secondOf, targetsBySecond } from "./recording.ts";
import type { Scenario } from "./scenario.ts";

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly threshold: number;
  /** In order. */
  readonly moments: readonly Moment[];
  /** Compared at the end. */
  readonly files: number;
  readonly requests: number;
  readonly failedRequests: number;
  readonly mismatchedFiles: number;
}

/** What is not as promised, one sentence each. */
export function problemsOf(result: ScenarioResult): string[] {
  const { scenario, moments, threshold, files, requests, failedRequests, mismatchedFiles } = result;
  const { thresholdPassed, thirdTargetInUse, retired } = milestonesOf(moments, threshold);
  const problems: string[] = [];
  if (failedRequests > 0) problems.push(`${count(failedRequests)} of ${count(requests)} requests failed.`);
  if (mismatchedFiles > 0)
    problems.push(`${count(mismatchedFiles)} of ${count(files)} files were not read back as they were written.`);
  if (thresholdPassed === undefined) problems.push("The threshold was not passed.");
  if (thirdTargetInUse === undefined) problems.push("The third mount target did not come.");
  if (scenario.isAhead && thresholdPassed && thirdTargetInUse) {
    const late = thirdTargetInUse.second - thresholdPassed.second;
    if (late >= 0) problems.push(`The third mount target came ${late.toFixed(1)} s after the threshold was passed.`);
  }
  if (scenario.isTakenAway && retired === undefined) problems.push("The third mount target was not taken away again.");
  const changes = countChanges(moments);
  if (changes > (scenario.isTakenAway ? 2 : 1)) problems.push(`Mount targets came and went: ${changes} changes.`);
  return problems;
}

/** The line for programs: `--json`. */
export function toJson(result: ScenarioResult): string {
  const { scenario, threshold, moments, files, failedRequests, mismatchedFiles } = result;
  const { thresholdPassed, thirdTargetInUse, retired } = milestonesOf(moments, threshold);
  return JSON.stringify({
    scenario: scenario.name,
    minutesPerSecond: scenario.minutesPerSecond,
    threshold,
    files,
    failedRequests,
    mismatchedFiles,
    targetsBySecond: targetsBySecond(moments),
    thresholdPassedAtSecond: secondOf(thresholdPassed),
    thirdTargetAtSecond: secondOf(thirdTargetInUse),
    retiredAtSecond: secondOf(retired),
  });
}

/** The table for people: what happened when. */
export function toTable(result: ScenarioResult): string {
  const { scenario, moments, threshold, files, requests, failedRequests, mismatchedFiles } = result;
  const table = new Table({
    head: ["", "second", "hour", "files", "possible", "threshold", "mount targets"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: ["left", "right", "right", "right", "right", "right", "right"],
  });
  for (const [event, moment] of eventsOf(moments, threshold)) table.push([event, ...figuresOf(moment, scenario)]);
  const compared = `${count(files)} files read back and compared: ${count(mismatchedFiles)} differ`;
  return `${table}\n${count(requests)} requests: ${count(failedRequests)} failed. ${compared}.`;
}

type Event = readonly [event: string, moment: Moment];

/** In the order in which they happened. */
function eventsOf(moments: readonly Moment[], threshold: number): Event[] {
  const { thresholdPassed, thirdTargetCreated, thirdTargetInUse, retiring, retired } = milestonesOf(moments, threshold);
  const mostFiles = Math.max(...moments.map(({ files }) => files));
  const events = [
    ["Begin", moments.at(0)],
    ["EFS creates the third", thirdTargetCreated],
    ["Every task uses it", thirdTargetInUse],
    ["The threshold is passed", thresholdPassed],
    ["Most files", moments.find(({ files }) => files === mostFiles)],
    ["One is retiring", retiring],
    ["It is gone", retired],
    ["End", moments.at(-1)],
  ] as const;
  return events
    .flatMap(([event, moment]): Event[] => (moment === undefined ? [] : [[event, moment]]))
    .sort(([, a], [, b]) => a.second - b.second);
}

function figuresOf(
  { second, files, possibleFiles, effectiveThreshold, serving }: Moment,
  { minutesPerSecond }: Scenario,
): (string | number)[] {
  const minutes = Math.floor(second * minutesPerSecond);
  return [
    second.toFixed(1),
    `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`,
    count(files),
    possibleFiles === undefined ? "-" : count(possibleFiles),
    count(effectiveThreshold),
    serving,
  ];
}
