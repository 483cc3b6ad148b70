/** What the task says, a line of JSON each: the only way out of it is its log. */
import { z } from "zod";

const result = z.object({
  side: z.enum(["mount", "router"]),
  operation: z.enum(["read", "replace"]),
  atOnce: z.number(),
  round: z.number(),
  operations: z.number(),
  seconds: z.number(),
  /** Milliseconds. */
  p50: z.number(),
  p99: z.number(),
});

export type Result = z.infer<typeof result>;

const line = z.union([
  z.object({ result }),
  /** The last line. `leftBehind` is the directory of the comparison, where it could not be removed. */
  z.object({ end: z.object({ error: z.string().optional(), leftBehind: z.string().optional() }) }),
]);

export type Line = z.infer<typeof line>;

/** @returns `undefined` for a line of somebody else, such as a warning of Node.js. */
export function parseLine(text: string): Line | undefined {
  try {
    return line.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
