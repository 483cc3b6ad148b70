/** What a program that counts has to tell. */
import { z } from "zod";
import { peakMemory } from "../peak-memory.ts";

export const printedCount = z.object({ files: z.number(), peakBytes: z.number() });

export function printCount(files: number): void {
  const count: z.infer<typeof printedCount> = { files, peakBytes: peakMemory() };
  process.stdout.write(`${JSON.stringify(count)}\n`);
}
