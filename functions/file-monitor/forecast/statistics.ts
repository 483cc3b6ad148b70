/** The order statistics that the forecast stands on. */

/** The middle value; of an even number the mean of the two in the middle. NaN when there is none. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * The value that the next one of the same kind does not exceed, with a probability of at least `share`: the
 * ⌈(n + 1) share⌉th smallest of n, or the largest where n is too small for that.
 *
 * Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005); for forecasts Stankevičiūtė et al. (2021).
 */
export function conformalQuantile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.min(sorted.length, Math.max(1, Math.ceil((sorted.length + 1) * share)));
  return sorted[rank - 1] ?? Number.NaN;
}
