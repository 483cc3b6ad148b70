/** The rows of the benchmark, in the order they run. */
import type { Row } from "../row.ts";
import { counting } from "./counting.ts";
import { routing } from "./routing.ts";
import { smallFiles } from "./small-files.ts";
import { scaling } from "./scaling.ts";

export const rows: readonly Row[] = [scaling, counting, routing];
