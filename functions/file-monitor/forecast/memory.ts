/** What the forecast keeps between runs, as the text of one small object. */
import * as z from "zod";
import { type Count, type History, MINUTE } from "./history.ts";
import { decodeNumbers, encodeNumbers } from "./vlq.ts";

export interface ForecastMemory {
  readonly history: History;
  /** Milliseconds that the last scale-outs took, until every router used the new mount target; newest last. */
  readonly leadTimes: readonly number[];
  /** When the scale-out was decided that is not in use yet: milliseconds since 1970, whole minutes. */
  readonly scaleOutBegan: number | undefined;
  /** The scale-out on a forecast that the count has not proven right yet, by passing the threshold. */
  readonly alarm: Alarm | undefined;
  /** Scale-outs on a forecast that were wrong, since the last one that was right. */
  readonly falseAlarms: number;
}

export interface Alarm {
  /** Milliseconds since 1970, whole minutes. */
  readonly time: number;
  /** Whether it is counted as wrong already. */
  readonly wasFalse: boolean;
  /** How many mount targets there were before; undefined where it was not kept. */
  readonly mountTargetsBefore?: number | undefined;
}

export const EMPTY_MEMORY: ForecastMemory = {
  history: [],
  leadTimes: [],
  scaleOutBegan: undefined,
  alarm: undefined,
  falseAlarms: 0,
};

/** Characters. It is read and written in every run; a standard parameter of Systems Manager would hold as much. */
export const MAX_TEXT_LENGTH = 4096;

/** What is left to the history beside the other members at their longest. */
const MAX_HISTORY_LENGTH = MAX_TEXT_LENGTH - 256;

/** As many lead times as are remembered. */
export const MAX_LEAD_TIMES = 5;

const textSchema = z.strictObject({
  version: z.literal(1),
  /** From the newest count back: its minute and files, then how much earlier and how many fewer. */
  history: z.string(),
  leadMinutes: z.array(z.int().nonnegative()).max(MAX_LEAD_TIMES),
  scaleOutMinute: z.int().nullable(),
  alarmMinute: z.int().nullable(),
  alarmWasFalse: z.boolean(),
  alarmMountTargets: z.int().nonnegative().nullish(),
  falseAlarms: z.int().nonnegative(),
});

/** At most {@link MAX_TEXT_LENGTH} ASCII characters. Where the counts jump so much that they do not fit, the oldest are left out. */
export function encodeMemory({ history, leadTimes, scaleOutBegan, alarm, falseAlarms }: ForecastMemory): string {
  return JSON.stringify({
    version: 1,
    history: encodeHistory(history),
    leadMinutes: leadTimes.slice(-MAX_LEAD_TIMES).map(toMinute),
    scaleOutMinute: scaleOutBegan === undefined ? null : toMinute(scaleOutBegan),
    alarmMinute: alarm === undefined ? null : toMinute(alarm.time),
    alarmWasFalse: alarm?.wasFalse ?? false,
    alarmMountTargets: alarm?.mountTargetsBefore ?? null,
    falseAlarms,
  } satisfies z.input<typeof textSchema>);
}

/** @throws {MemoryError} on a text that {@link encodeMemory} of this version did not write. Begin anew then. */
export function decodeMemory(text: string): ForecastMemory {
  try {
    const memory = textSchema.parse(JSON.parse(text));
    const { history, leadMinutes, scaleOutMinute, alarmMinute, alarmWasFalse, alarmMountTargets, falseAlarms } = memory;
    return {
      history: decodeHistory(history),
      leadTimes: leadMinutes.map((minutes) => minutes * MINUTE),
      scaleOutBegan: scaleOutMinute === null ? undefined : scaleOutMinute * MINUTE,
      alarm:
        alarmMinute === null
          ? undefined
          : {
              time: alarmMinute * MINUTE,
              wasFalse: alarmWasFalse,
              mountTargetsBefore: alarmMountTargets ?? undefined,
            },
      falseAlarms,
    };
  } catch (error) {
    throw new MemoryError("The forecast's memory cannot be read", { cause: error });
  }
}

export class MemoryError extends Error {
  override readonly name = "MemoryError";
}

function encodeHistory(history: History): string {
  let text = "";
  let newer: Count | undefined;
  for (const count of history.toReversed()) {
    const numbers =
      newer === undefined
        ? [toMinute(count.time), count.files]
        : [toMinute(newer.time) - toMinute(count.time), newer.files - count.files];
    const more = encodeNumbers(numbers);
    if (text.length + more.length > MAX_HISTORY_LENGTH) break;
    text += more;
    newer = count;
  }
  return text;
}

function decodeHistory(text: string): History {
  const numbers = decodeNumbers(text);
  const counts: Count[] = [];
  let minute = 0;
  let files = 0;
  for (let index = 0; index < numbers.length; index += 2) {
    const [first, second] = [numbers[index], numbers[index + 1]];
    if (first === undefined || second === undefined) throw new RangeError("A time has no count");
    if (index > 0 && first <= 0) throw new RangeError("The times are not in order");
    minute = index === 0 ? first : minute - first;
    files = index === 0 ? second : files - second;
    if (files < 0) throw new RangeError("A count is negative");
    counts.push({ time: minute * MINUTE, files });
  }
  return counts.reverse();
}

function toMinute(time: number): number {
  return Math.round(time / MINUTE);
}
