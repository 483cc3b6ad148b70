/** Small files read, and written durably: the same for both clients. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClientProgram, Measured, RunningClient } from "./clients.ts";
import { type Exported, makeDirectoryIn } from "./servers.ts";

export interface Workload {
  readonly name: string;
  readonly kind: "reads" | "writes";
  readonly atOnce: number;
}

export const BYTES = 4096;
const FILES = 1000;

export async function makeSmallFiles(server: Exported): Promise<Exported> {
  const files = await makeDirectoryIn(server, "small-files");
  const data = Buffer.alloc(BYTES, "n");
  for (let index = 0; index < FILES; index++) await writeFile(join(files.directory, `${index}`), data);
  return files;
}

/**
 * Starts a client, which is then warm, and measured as often as is wanted.
 *
 * @param warmUp operations of our client before that; default: so many that V8 has compiled it.
 */
export async function startWorkload(
  client: ClientProgram,
  files: Exported,
  { kind, atOnce }: Workload,
  warmUp?: number,
): Promise<RunningClient> {
  const running = await client.start(files, kind, atOnce, FILES, BYTES, ...(warmUp === undefined ? [] : [warmUp]));
  await running.measure();
  return running;
}

export const operationsPerSecond = ({ operations, seconds }: Measured): number => operations / seconds;
