/** Small files where the network takes milliseconds, as it does on EFS: the round trips are what counts. */
import { interleave } from "../interleave.ts";
import { type ClientProgram, libnfs, type Measured, ourClient, type RunningClient } from "../nfs/clients.ts";
import { startDelayProxy } from "../nfs/delay-proxy.ts";
import { type Exported, startGanesha } from "../nfs/servers.ts";
import { makeSmallFiles, operationsPerSecond, startWorkload, type Workload } from "../nfs/small-files.ts";
import { overTransports, TRANSPORTS } from "../nfs/tls.ts";
import { compilePeer } from "../peers/compile.ts";
import { type Bench, type Figure, type Peer, type Row, ratioAtLeast, ratioAtMost } from "../row.ts";

export const latency: Row = {
  name: "latency",
  what: "4 KiB files read, and written durably, with 2 and 5 ms added to every round trip",
  seconds: 48,
  parts: TRANSPORTS,
  measure,
};

/** Milliseconds, and whether this is where the goal against libnfs is. */
const DELAYS = [
  { added: 2, compared: true },
  { added: 5, compared: false },
];
const SEQUENTIAL: readonly Workload[] = [
  { name: "read", kind: "reads", atOnce: 1 },
  { name: "durable write", kind: "writes", atOnce: 1 },
];
const CONCURRENT: readonly Workload[] = [
  { name: "reads, 64 at once", kind: "reads", atOnce: 64 },
  { name: "durable writes, 64 at once", kind: "writes", atOnce: 64 },
];
const ROUNDS = 2;
const SECONDS = 0.4;

interface Clients {
  readonly ours: ClientProgram;
  readonly libnfs: ClientProgram | undefined;
}

type Samples = Record<"ours" | "libnfs" | "roundTrip", Measured[]>;

async function measure(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  const program = await compilePeer(bench, "delay-proxy.c");
  if (server === undefined || program === undefined) return [];
  const files = await makeSmallFiles(server);
  const clients: Clients = { ours: await ourClient(bench), libnfs: await libnfs(bench) };
  const figures: Figure[] = [];
  for (const { server: reached, suffix } of await overTransports(bench, files)) {
    for (const { added, compared } of DELAYS) {
      // Over TLS, a delay that is compared says what the others would say again.
      if (reached.tls !== undefined && !compared) continue;
      const delayed = await startDelayProxy(bench, program, reached, added);
      const nameOf = (workload: Workload) => `${workload.name}, ${added} ms${suffix}`;
      for (const workload of SEQUENTIAL) {
        const name = nameOf(workload);
        figures.push(...sequentialFigures(name, compared, await runRounds(bench, name, clients, delayed, workload)));
      }
      if (!compared) continue;
      for (const workload of CONCURRENT) {
        const name = nameOf(workload);
        const samples = await runRounds(bench, name, clients, delayed, workload);
        figures.push({ ...rates(name, samples), goal: ratioAtLeast(3) });
      }
    }
  }
  return figures;
}

/** One side more than the clients: a COMPOUND with nothing in it, which takes one round trip and no more. */
async function runRounds(
  bench: Bench,
  name: string,
  { ours, libnfs }: Clients,
  files: Exported,
  workload: Workload,
): Promise<Samples> {
  const pings = workload.atOnce === 1 ? await ours.start(files, "pings") : undefined;
  await pings?.measure();
  const running = {
    ours: await startWorkload(ours, files, workload),
    libnfs: libnfs && (await startWorkload(libnfs, files, workload)),
    roundTrip: pings,
  };
  const measuring = (client: RunningClient | undefined) => client && (() => client.measure(SECONDS));
  const samples = await interleave<Record<keyof Samples, Measured>>(bench, name, ROUNDS, {
    ours: measuring(running.ours),
    libnfs: measuring(running.libnfs),
    roundTrip: measuring(running.roundTrip),
  });
  await Promise.all(Object.values(running).map((client) => client?.end()));
  return samples;
}

function sequentialFigures(name: string, compared: boolean, samples: Samples): Figure[] {
  const milliseconds = ({ operations, seconds }: Measured) => (seconds / operations) * 1000;
  const peer: Peer = { name: "one round trip", values: samples.roundTrip.map(milliseconds) };
  return [
    { name, unit: "ms", better: "lower", ours: samples.ours.map(milliseconds), peer, goal: ratioAtMost(1.2) },
    { ...rates(name, samples), ...(compared ? { goal: ratioAtLeast(3) } : {}) },
  ];
}

function rates(name: string, { ours, libnfs }: Samples): Figure {
  const peer: Peer = { name: "libnfs", values: libnfs.map(operationsPerSecond) };
  return { name, unit: "/s", better: "higher", ours: ours.map(operationsPerSecond), peer };
}
