/** The most memory that a process has held, in bytes. */
import { readFileSync } from "node:fs";

const KIBIBYTE = 1024;

/** Of this process. Where there is /proc, from there: `maxRSS` of a new process begins with that of the one that started it. */
export function peakMemory(): number {
  const bytes = peakMemoryOf("self");
  return Number.isNaN(bytes) ? process.resourceUsage().maxRSS * KIBIBYTE : bytes;
}

/** Of a process of this machine; not a number where there is no /proc. */
export function peakMemoryOf(pid: number | "self" | undefined): number {
  const kibibytes = statusOfLinux(pid)?.match(/^VmHWM:\s+(\d+) kB$/m)?.[1];
  return Number(kibibytes) * KIBIBYTE;
}

function statusOfLinux(pid: number | "self" | undefined): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return undefined;
  }
}
