/** What a run concludes from its memory and from its count. */
import { forgiveFalseAlarms, MAX_FALSE_ALARMS, reviewAlarm, withdrawAlarm } from "./alarms.ts";
import { addCount, type Count } from "./history.ts";
import type { ForecastMemory } from "./memory.ts";
import {
  decideThreshold,
  lookAhead,
  type Outlook,
  type ThresholdDecision,
  type ThresholdSettings,
} from "./threshold.ts";

export interface ForesightSettings extends ThresholdSettings {
  /** Milliseconds. */
  readonly forecastHorizon: number;
}

/** What a run knows about the number of files. */
export interface Sighting {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The count of this run; undefined where it did not count, or not all. */
  readonly count: Count | undefined;
  /** Whether the configured threshold is passed. */
  readonly thresholdPassed: boolean;
}

export interface Foresight {
  /** With what was seen. */
  readonly memory: ForecastMemory;
  /** Undefined where nothing is forecast. */
  readonly outlook: Outlook | undefined;
  readonly decision: ThresholdDecision;
  /** What the threshold would be if the mount target that a forecast has added were gone, and forecasts could add another. */
  readonly thresholdWithoutAlarm: number;
  /** Whether it is this run that found the false alarm which switches the forecast off. */
  readonly becameSuspended: boolean;
}

export function foresee(before: ForecastMemory, seen: Sighting, settings: ForesightSettings): Foresight {
  const memory = takeNotice(before, seen, settings);
  const outlook =
    settings.thresholdMode === "fixed" ? undefined : lookAhead(memory, seen.now, settings.forecastHorizon);
  const decision = decideThreshold(outlook, memory, settings);
  return {
    memory,
    outlook,
    decision,
    thresholdWithoutAlarm: decideThreshold(outlook, withdrawAlarm(memory), settings).threshold,
    becameSuspended: decision.isSuspended && before.falseAlarms < MAX_FALSE_ALARMS,
  };
}

/** Counts are remembered in every mode, so that a forecast has its history on the day it is switched on. */
function takeNotice(
  memory: ForecastMemory,
  { now, count, thresholdPassed }: Sighting,
  { thresholdMode }: ForesightSettings,
): ForecastMemory {
  const counted = count === undefined ? memory : { ...memory, history: addCount(memory.history, count) };
  // A count that is old, or only a lower bound, proves no alarm wrong.
  const reviewed = count === undefined && !thresholdPassed ? counted : reviewAlarm(counted, now, thresholdPassed);
  return thresholdMode === "fixed" ? forgiveFalseAlarms(reviewed) : reviewed;
}
