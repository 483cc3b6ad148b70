/** Of several views of one mount target, the worst is shown. */

/** Worst first. Any other state is worse than being connected, and better than being silent. */
const WORST_FIRST: readonly string[] = ["failed", "silent", "probing"];

/** The lower, the worse. */
export function severityOf(state: string): number {
  const rank = WORST_FIRST.indexOf(state);
  if (rank >= 0) return rank;
  return state === "connected" ? WORST_FIRST.length + 1 : WORST_FIRST.length;
}
