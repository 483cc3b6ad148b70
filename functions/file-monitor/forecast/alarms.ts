/**
 * Whether scale-outs on a forecast were right. A right one is followed by the threshold being passed; one that is not,
 * within a day, was a false alarm.
 */
import { DAY, MINUTE } from "./history.ts";
import type { ForecastMemory } from "./memory.ts";

/** As many false alarms in a row switch the forecast off, until a person looks. */
export const MAX_FALSE_ALARMS = 3;

/** How long after a scale-out on a forecast the threshold may be passed. */
export const ALARM_VALIDITY = DAY;

/** How long after it was raised nobody is creating the mount target any more: a run has ended by then. */
const MAX_CREATION_TIME = 20 * MINUTE;

/**
 * A mount target is going to be added on a forecast.
 *
 * @param mountTargets how many there are.
 */
export function raiseAlarm(memory: ForecastMemory, now: number, mountTargets?: number): ForecastMemory {
  const time = Math.floor(now / MINUTE) * MINUTE;
  return { ...memory, alarm: { time, wasFalse: false, mountTargetsBefore: mountTargets } };
}

/**
 * Forgets an alarm whose mount target was never created: the run that raised it has died. It was neither right nor false,
 * and forecasts may add a mount target again.
 */
export function forgetUnfoundedAlarm(memory: ForecastMemory, now: number, mountTargets: number): ForecastMemory {
  const { alarm } = memory;
  if (alarm?.mountTargetsBefore === undefined || alarm.wasFalse) return memory;
  if (mountTargets > alarm.mountTargetsBefore || Math.abs(now - alarm.time) <= MAX_CREATION_TIME) return memory;
  return { ...memory, alarm: undefined, scaleOutBegan: undefined };
}

/** Takes notice of a count: the alarm was right, or was false, or is open still. */
export function reviewAlarm(memory: ForecastMemory, now: number, thresholdPassed: boolean): ForecastMemory {
  const { alarm, falseAlarms } = memory;
  if (alarm === undefined) return memory;
  if (thresholdPassed) return { ...memory, alarm: undefined, falseAlarms: alarm.wasFalse ? falseAlarms : 0 };
  // A clock that was set back must not keep the alarm open.
  const age = Math.abs(now - alarm.time);
  if (alarm.wasFalse || age <= ALARM_VALIDITY) return memory;
  return { ...memory, alarm: { ...alarm, wasFalse: true }, falseAlarms: falseAlarms + 1 };
}

/** The mount target of the alarm was taken away again: forecasts may add another one. */
export function withdrawAlarm(memory: ForecastMemory): ForecastMemory {
  const { alarm, falseAlarms } = memory;
  if (alarm === undefined) return memory;
  return { ...memory, alarm: undefined, falseAlarms: alarm.wasFalse ? falseAlarms : falseAlarms + 1 };
}

/** A person has looked at the false alarms: the forecast is trusted again. */
export function forgiveFalseAlarms(memory: ForecastMemory): ForecastMemory {
  return { ...memory, falseAlarms: 0 };
}
