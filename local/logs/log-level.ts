/** Which lines deserve a person's attention. */
import type { LogLine } from "./log-line.ts";

const LEVELS = new Set(["WARN", "ERROR", "FATAL", "CRITICAL"]);

/** Whether a line reports trouble: a JSON line of level WARN or above, or anything else on the standard error. */
export function isTrouble({ text, stream }: LogLine): boolean {
  try {
    const { level } = JSON.parse(text);
    return LEVELS.has(level);
  } catch {
    return stream === "stderr";
  }
}
