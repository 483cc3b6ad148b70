/** The two NFS clients that are compared, as programs with the same parameters: see `client.ts`. */
import { z } from "zod";
import { compilePeer } from "../peers/compile.ts";
import { bundleProgram, runProgram } from "../program.ts";
import type { Bench } from "../row.ts";
import type { Exported } from "./servers.ts";

const measuredSchema = z.object({
  /** Files, bytes or directory entries. */
  operations: z.number(),
  seconds: z.number(),
  cpuSeconds: z.number(),
  /** Resident, above what the process had when it was connected. */
  peakBytes: z.number().transform((bytes) => Math.max(0, bytes)),
  /** What the others do not tell. */
  compounds: z.number().default(Number.NaN),
  bytesSent: z.number().default(Number.NaN),
  bytesReceived: z.number().default(Number.NaN),
  /** Data in one WRITE; 0 where nothing was written. */
  bytesInWrite: z.number().default(0),
});

export type Measured = z.infer<typeof measuredSchema>;

/** Runs the program against a directory of a server. */
export type Measure = (
  at: Exported,
  workload: string,
  ...parameters: readonly (string | number)[]
) => Promise<Measured>;

/** Our client: the bundle of its source. */
export async function ourClient(bench: Bench): Promise<Measure> {
  return measuring(bench, process.execPath, await bundleProgram("nfs/client.ts"));
}

/** libnfs; undefined when it is not installed, which is noted. */
export async function libnfs(bench: Bench): Promise<Measure | undefined> {
  const program = await compilePeer(bench, "libnfs.c", "nfs");
  return program === undefined ? undefined : measuring(bench, program);
}

function measuring(bench: Bench, ...program: readonly [string, ...string[]]): Measure {
  return ({ host, port, path }, workload, ...parameters) => {
    const all = [host, port, path, workload, ...parameters].map(String);
    return runProgram(bench, measuredSchema, [...program, ...all]);
  };
}
