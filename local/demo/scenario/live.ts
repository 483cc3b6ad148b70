/** The time that a demo shows: files come and go as the scenario says, and what is seen is recorded. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "../../stack.ts";
import { countInUse } from "../target-report.ts";
import { type Moment, milestonesOf } from "./recording.ts";
import { filesAt, type Scenario } from "./scenario.ts";
import type { Stock } from "./stock.ts";

/** What the monitor's last run expects: see {@link Moment}. */
export type Outlook = Pick<Moment, "possibleFiles" | "effectiveThreshold">;

interface LiveOptions {
  readonly stack: Stack;
  readonly scenario: Scenario;
  readonly threshold: number;
  readonly stock: Stock;
  readonly outlook: () => Outlook;
  /** Called once for each second. */
  readonly onSecond: () => void;
  readonly signal: AbortSignal;
}

/** Milliseconds between two looks. */
const LOOK_INTERVAL = 200;
/** Milliseconds between two changes of the number of files. */
const CHANGE_INTERVAL = 100;
/** Seconds in which a request through the mount target that is gone would still fail. */
const AFTERMATH = 2;

/** How long it takes at most. */
export function secondsOf({ hours, minutesPerSecond }: Scenario): number {
  return Math.ceil((hours * 60) / minutesPerSecond);
}

/** Ends with the scenario, or soon after its last mount target is taken away. @returns what was seen, in order. */
export async function live(options: LiveOptions): Promise<readonly Moment[]> {
  const { stack, scenario, threshold, stock, outlook, onSecond, signal } = options;
  const began = performance.now();
  const second = () => (performance.now() - began) / 1000;
  const moments: Moment[] = [];
  const failed = new AbortController();
  const isOver = () => {
    if (failed.signal.aborted || second() >= secondsOf(scenario)) return true;
    const { retired } = milestonesOf(moments, threshold);
    return scenario.isTakenAway && retired !== undefined && second() - retired.second >= AFTERMATH;
  };

  async function followScenario(): Promise<void> {
    while (!isOver()) {
      await stock.become(filesAt(scenario, threshold, (second() * scenario.minutesPerSecond) / 60));
      await sleep(CHANGE_INTERVAL, undefined, { signal });
    }
  }

  async function record(): Promise<void> {
    for (let seconds = 0; !isOver(); ) {
      const inUse = await countInUse(stack.taskUrls());
      // Asked for first, so that the number of files is no older than it.
      moments.push({
        second: second(),
        files: stock.count,
        ...inUse,
        mountTargets: stack.controlPlane.state().mountTargets.length,
        ...outlook(),
      });
      for (; seconds < Math.floor(second()); seconds++) onSecond();
      await sleep(LOOK_INTERVAL, undefined, { signal });
    }
  }

  try {
    await Promise.all([followScenario(), record()]);
  } finally {
    failed.abort();
  }
  return moments;
}
