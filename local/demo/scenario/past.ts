/** What the monitor remembers of the time before a demo: counts as it would have made them. */
import { addCount, HOUR, MINUTE } from "../../../functions/file-monitor/forecast/history.ts";
import { EMPTY_MEMORY, type ForecastMemory } from "../../../functions/file-monitor/forecast/memory.ts";
import { filesAt, type Scenario } from "./scenario.ts";

/** @param now What the monitor's clock shows when the demo begins. */
export function memoryOfThePast(scenario: Scenario, threshold: number, now: number): ForecastMemory {
  let { history } = EMPTY_MEMORY;
  const interval = scenario.monitorInterval * MINUTE;
  for (let time = now - scenario.hoursBefore * HOUR; time < now; time += interval) {
    history = addCount(history, { time, files: filesAt(scenario, threshold, (time - now) / HOUR) });
  }
  return { ...EMPTY_MEMORY, history, leadTimes: scenario.leadTimes.map((minutes) => minutes * MINUTE) };
}
