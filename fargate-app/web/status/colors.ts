/** The colours of mount targets, as classes `color-0` to `color-5`. */
import type { TargetStatus } from "../../src/status/document.ts";

const COLORS = 6;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/**
 * A mount target has the colour of its Availability Zone's letter, whenever the page is opened: EFS allows one in each zone.
 * Where two have the same, or no letter, as in a test, the next free one.
 *
 * @returns undefined for a mount target that is not among them.
 */
export function colorsOf(
  targets: readonly Pick<TargetStatus, "id" | "zone">[],
): (target: string) => number | undefined {
  const colors = new Map<string, number>();
  const taken = new Set<number>();
  for (const { id, zone } of targets.toSorted((one, two) => (one.id < two.id ? -1 : 1))) {
    let color = Math.max(0, LETTERS.indexOf(zone.slice(-1))) % COLORS;
    while (taken.has(color) && taken.size < COLORS) color = (color + 1) % COLORS;
    taken.add(color);
    colors.set(id, color);
  }
  return (target) => colors.get(target);
}
