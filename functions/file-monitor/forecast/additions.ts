/** A history as the files that were added in each hour: the series that is forecast. */
import { type Count, type History, HOUR } from "./history.ts";

export interface Additions {
  /** Files added in each full hour up to the end, oldest first; negative where more were deleted. */
  readonly hourly: Float64Array;
  /** Whether an hour was counted, and is not only the share of a longer gap. */
  readonly observed: readonly boolean[];
}

/** Counts further apart than this leave a gap between them. */
const MAX_COUNTED_INTERVAL = 2 * HOUR;

/** The additions of the full hours that end at `end`, a time within the history. What a gap added is spread evenly. */
export function additionsUntil(history: History, end: number): Additions {
  const first = history[0];
  const hours = first === undefined ? 0 : Math.max(0, Math.floor((end - first.time) / HOUR));
  const hourly = new Float64Array(hours);
  const observed: boolean[] = [];
  let next = 0;
  let files = 0;
  for (let hour = 0; hour <= hours; hour++) {
    const time = end - (hours - hour) * HOUR;
    while (next < history.length - 1 && (history[next]?.time ?? 0) < time) next++;
    const right = history[next];
    const left = history[next - 1] ?? right;
    if (left === undefined || right === undefined) break;
    const before = files;
    files = filesAt(time, left, right);
    if (hour === 0) continue;
    hourly[hour - 1] = files - before;
    observed.push(right.time - left.time <= MAX_COUNTED_INTERVAL);
  }
  return { hourly, observed };
}

/** On the straight line between two counts. */
function filesAt(time: number, left: Count, right: Count): number {
  if (right.time === left.time) return right.files;
  return left.files + ((right.files - left.files) * (time - left.time)) / (right.time - left.time);
}
