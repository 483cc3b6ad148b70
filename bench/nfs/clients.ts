/** The two NFS clients that are compared, as programs with the same parameters: see `client.ts`. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { z } from "zod";
import { compilePeer } from "../peers/compile.ts";
import { bundleProgram } from "../program.ts";
import type { Bench } from "../row.ts";
import type { Exported } from "./servers.ts";
import { startTlsClient } from "./tls.ts";

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
  /** Of a count: directories, those that were read, and what is kept of them. */
  directories: z.number().default(Number.NaN),
  directoriesRead: z.number().default(Number.NaN),
  keptBytes: z.number().default(Number.NaN),
});

export type Measured = z.infer<typeof measuredSchema>;

/** A client, as a program that is run against a directory of a server. */
export interface ClientProgram {
  /** It ends with the row, or sooner when it is told to. */
  start(at: Exported, ...parameters: readonly (string | number)[]): Promise<RunningClient>;
}

export interface RunningClient {
  /** One measurement, of so many seconds where the workload has no end of its own. */
  measure(seconds?: number): Promise<Measured>;
  end(): Promise<void>;
}

/** Our client: the bundle of its source. */
export async function ourClient(bench: Bench): Promise<ClientProgram> {
  return clientProgram(bench, [process.execPath, await bundleProgram("nfs/client.ts")]);
}

/** The monitor's counts: see `../counting/recount.ts`. */
export async function recountProgram(bench: Bench): Promise<ClientProgram> {
  return clientProgram(bench, [process.execPath, await bundleProgram("counting/recount.ts")]);
}

/** libnfs; undefined when it is not installed, which is noted. It has no TLS: there it goes through stunnel. */
export async function libnfs(bench: Bench): Promise<ClientProgram | undefined> {
  const program = await compilePeer(bench, "libnfs.c", "nfs");
  return program === undefined ? undefined : throughStunnel(bench, clientProgram(bench, [program]));
}

/** The processor time of stunnel is part of what the client takes. */
function throughStunnel(bench: Bench, program: ClientProgram): ClientProgram {
  return {
    start: async (server, ...parameters) => {
      const { tls } = server;
      if (tls === undefined) return program.start(server, ...parameters);
      const stunnel = await startTlsClient({ ...server, tls });
      bench.cleanups.add(() => stunnel.stop());
      const running = await program.start(stunnel.at, ...parameters);
      return {
        measure: async (seconds) => {
          const before = await stunnel.processorSeconds();
          const measured = await running.measure(seconds);
          return { ...measured, cpuSeconds: measured.cpuSeconds + (await stunnel.processorSeconds()) - before };
        },
        end: async () => {
          await running.end();
          await stunnel.stop();
        },
      };
    },
  };
}

function clientProgram(bench: Bench, [program, ...leading]: readonly [string, ...string[]]): ClientProgram {
  return {
    start: async ({ host, port, path, tls }, ...parameters) => {
      const all = [...leading, ...[host, port, path, ...parameters].map(String)];
      const env = {
        ...process.env,
        ...(tls === undefined ? {} : { TLS_AUTHORITY: tls.authority, TLS_SERVER_NAME: tls.serverName }),
      };
      const child = spawn(program, all, { env, signal: bench.signal, stdio: ["pipe", "pipe", "inherit"] });
      const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
      // The answer that does not come says enough.
      child.once("error", () => {});
      child.stdin.on("error", () => {});
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const end = () => {
        child.stdin.end();
        return closed;
      };
      bench.cleanups.add(end);
      return {
        measure: async (seconds = 0) => {
          child.stdin.write(`${seconds}\n`);
          const { value, done } = await lines.next();
          if (done) throw new Error(`${program} ${all.join(" ")} ended with ${child.exitCode}`);
          return measuredSchema.parse(JSON.parse(value));
        },
        end,
      };
    },
  };
}
