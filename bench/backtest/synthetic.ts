/** Series made here, each of one kind: what is known of them is known exactly. */
import { type Count, DAY, HOUR, MINUTE } from "../../functions/file-monitor/forecast/history.ts";
import { seededRandom } from "../random.ts";

export interface SyntheticSeries {
  readonly name: string;
  readonly counts: readonly Count[];
}

const START = Date.UTC(2026, 0, 5);
const DAYS = 30;
const STEP = 15 * MINUTE;
const STEPS_AN_HOUR = HOUR / STEP;

/** Files an hour at a time, which is in hours from a Monday on; `chance` is uniform between 0 and 1. */
type Rate = (hour: number, chance: () => number) => number;

export function syntheticSeries(): SyntheticSeries[] {
  const office = (hour: number) => (hour % 24 >= 8 && hour % 24 < 18 ? 1 : 0.1);
  const rates: Readonly<Record<string, Rate>> = {
    "steady growth": (_, chance) => 1000 * (0.8 + 0.4 * chance()),
    "growth that doubles": (hour, chance) => 300 * 2 ** (hour / (12 * 24)) * (0.7 + 0.6 * chance()),
    "working days": (hour, chance) => (hour % 168 < 120 ? 1500 : 300) * office(hour) * (0.7 + 0.6 * chance()),
    "a wave a day": (hour, chance) => 800 * (1 + Math.sin((hour / 24) * 2 * Math.PI)) * (0.7 + 0.6 * chance()),
    "batches at night": (hour, chance) => (hour % 24 < 2 ? 9000 : 60) * (0.8 + 0.4 * chance()),
    // A day's work is deleted in the night from Sunday to Monday, and restored once.
    "bulk deletes and a restore": (hour, chance) => {
      if (hour % 168 >= 1 && hour % 168 < 1.25 && hour > 24) return -200_000;
      if (hour >= 400 && hour < 400.5) return 100_000;
      return 700 * (0.5 + chance());
    },
    "random bursts": (_, chance) => 200 * (0.5 + chance()) + (chance() < 0.005 ? 8000 * chance() : 0),
    "deleted as fast as written": (hour, chance) =>
      2500 * Math.cos((hour / 24) * 2 * Math.PI) + 150 + 1200 * (chance() - 0.5),
  };
  return Object.entries(rates).map(([name, rate], index) => ({ name, counts: accumulate(rate, index + 1) }));
}

function accumulate(rate: Rate, seed: number): Count[] {
  const chance = seededRandom(seed);
  const counts: Count[] = [];
  let files = 20_000;
  for (let step = 0; step * STEP <= DAYS * DAY; step++) {
    counts.push({ time: START + step * STEP, files: Math.floor(files) });
    files = Math.max(0, files + rate(step / STEPS_AN_HOUR, chance) / STEPS_AN_HOUR);
  }
  return counts;
}
