/** The scenarios, by what `--scenario` calls them. */
import { growth } from "./growth.ts";
import { season } from "./season.ts";
import { shrink } from "./shrink.ts";

export const SCENARIOS = { growth, shrink, season } as const;
export type ScenarioName = keyof typeof SCENARIOS;
