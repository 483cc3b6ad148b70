import { readFileSync } from "node:fs";

const KIBIBYTE = 1024;

/**
 * The most memory that this process has held, in bytes. Where there is /proc, from there: `maxRSS` of a new process
 * begins with that of the one that started it.
 */
export function peakMemory(): number {
  const kibibytes = statusOfLinux()?.match(/^VmHWM:\s+(\d+) kB$/m)?.[1];
  return (kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes)) * KIBIBYTE;
}

function statusOfLinux(): string | undefined {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return undefined;
  }
}
