/** The two NFS clients that are compared, as programs with the same parameters: see `client.ts`. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
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

/** A client, as a program that is run against a directory of a server. */
export interface ClientProgram {
  /** One measurement in a new process. */
  run(at: Exported, workload: string, ...parameters: readonly (string | number)[]): Promise<Measured>;
  /** A process for several measurements; it is warm then. It ends with the row, or sooner when it is told to. */
  start(at: Exported, workload: string, ...parameters: readonly (string | number)[]): Promise<RunningClient>;
}

export interface RunningClient {
  measure(seconds: number): Promise<Measured>;
  end(): Promise<void>;
}

/** Our client: the bundle of its source. */
export async function ourClient(bench: Bench): Promise<ClientProgram> {
  return clientProgram(bench, [process.execPath, await bundleProgram("nfs/client.ts")]);
}

/** libnfs; undefined when it is not installed, which is noted. */
export async function libnfs(bench: Bench): Promise<ClientProgram | undefined> {
  const program = await compilePeer(bench, "libnfs.c", "nfs");
  return program === undefined ? undefined : clientProgram(bench, [program]);
}

function clientProgram(bench: Bench, [program, ...leading]: readonly [string, ...string[]]): ClientProgram {
  const all = ({ host, port, path }: Exported, parameters: readonly (string | number)[]) => [
    ...leading,
    ...[host, port, path, ...parameters].map(String),
  ];
  return {
    run: (at, ...parameters) => runProgram(bench, measuredSchema, [program, ...all(at, parameters)]),
    start: async (at, ...parameters) => {
      const child = spawn(program, all(at, parameters), { signal: bench.signal, stdio: ["pipe", "pipe", "inherit"] });
      const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
      // The answer that does not come says enough.
      child.once("error", () => {});
      child.stdin.on("error", () => {});
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const end = () => {
        child.stdin.end();
        return exited;
      };
      bench.cleanups.add(end);
      const measure = async (seconds: number) => {
        child.stdin.write(`${seconds}\n`);
        const { value, done } = await lines.next();
        if (done) throw new Error(`${program} ${all(at, parameters).join(" ")} ended with ${child.exitCode}`);
        return measuredSchema.parse(JSON.parse(value));
      };
      // It answers when it is warm.
      await measure(0);
      return { measure, end };
    },
  };
}
