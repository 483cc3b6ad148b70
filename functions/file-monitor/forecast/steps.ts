/** Restores and bulk deletes: hours out of all proportion, which say nothing about the next one. */
import { WEEK_HOURS } from "./methods.ts";

/** An hour may be so many times as large as the largest of the week before. */
const MAX_GROWTH = 3;

/** So many hours have to be known before one can be out of proportion. */
const MIN_KNOWN = 6;

/**
 * The additions with each step cut down. A second hour like the first is no step: then files come faster, and the methods
 * may follow.
 */
export function withoutSteps(hourly: Float64Array): Float64Array {
  return hourly.map((added, hour) => {
    if (hour < MIN_KNOWN) return added;
    const limit = MAX_GROWTH * largest(hourly.subarray(Math.max(0, hour - WEEK_HOURS), hour));
    return Math.min(limit, Math.max(-limit, added));
  });
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
