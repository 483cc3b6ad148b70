/** Small files read, and written durably: what one round of it is, for both clients. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Measure, Measured } from "./clients.ts";
import { type Exported, makeDirectoryIn } from "./servers.ts";

export interface Workload {
  readonly name: string;
  readonly kind: "reads" | "writes";
  readonly atOnce: number;
}

export const BYTES = 4096;
const FILES = 1000;
const WARM_UP = 0.5;

export async function makeSmallFiles(server: Exported): Promise<Exported> {
  const files = await makeDirectoryIn(server, "small-files");
  const data = Buffer.alloc(BYTES, "n");
  for (let index = 0; index < FILES; index++) await writeFile(join(files.directory, `${index}`), data);
  return files;
}

export function runWorkload(
  client: Measure,
  files: Exported,
  { kind, atOnce }: Workload,
  seconds: number,
): Promise<Measured> {
  return client(files, kind, atOnce, FILES, BYTES, WARM_UP, seconds);
}

export const perSecond = ({ operations, seconds }: Measured): number => operations / seconds;
