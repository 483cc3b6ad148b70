/** The rows of the benchmark, in the order they run. */
import type { Row } from "../row.ts";

export const rows: readonly Row[] = [];
