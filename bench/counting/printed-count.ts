/** What a program that counts has to tell. */
import { z } from "zod";

export const printedCount = z.object({ files: z.number(), peakBytes: z.number() });

export function printCount(files: number): void {
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const count: z.infer<typeof printedCount> = { files, peakBytes };
  process.stdout.write(`${JSON.stringify(count)}\n`);
}
