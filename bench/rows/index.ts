/** The rows of the benchmark, in the order they run. */
import type { Row } from "../row.ts";
import { routing } from "./routing.ts";

export const rows: readonly Row[] = [routing];
