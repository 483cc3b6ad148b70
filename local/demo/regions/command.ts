/** `npm run demo -- --regions 2`: loses a region, and exits 1 when a promise was broken. */
import { InvalidArgumentError } from "commander";
import { isTrouble } from "../../logs/log-level.ts";
import { RecentLines } from "../../logs/recent-lines.ts";
import { Screen } from "../screen.ts";
import { problemsOf, toJson, toTable } from "./result.ts";
import { runRegions } from "./run-regions.ts";

export async function demoRegions(json: boolean, signal: AbortSignal): Promise<number> {
  const trouble = new RecentLines(20);
  try {
    const result = await runRegions({
      screen: new Screen(),
      log: (line) => {
        // That a region refuses writes is no trouble here.
        if (isTrouble(line) && !line.text.includes("NotPrimaryError")) trouble.add(line);
      },
      signal,
    });
    console.log(toTable(result));
    const problems = problemsOf(result);
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) console.error(`${trouble}`);
    if (json) console.log(toJson(result));
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) console.error(`${trouble}`);
    throw error;
  }
}

export function parseRegions(text: string): 1 | 2 {
  if (text === "1") return 1;
  if (text === "2") return 2;
  throw new InvalidArgumentError("It must be 1 or 2.");
}
