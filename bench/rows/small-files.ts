/** Small files, which is what file systems with very many files are full of. */
import { interleave } from "../interleave.ts";
import { type ClientProgram, libnfs, type Measured, ourClient } from "../nfs/clients.ts";
import { type Exported, startGanesha, startLocalServer } from "../nfs/servers.ts";
import { BYTES, makeSmallFiles, operationsPerSecond, startWorkload, type Workload } from "../nfs/small-files.ts";
import { overTransports, TRANSPORTS } from "../nfs/tls.ts";
import { type Bench, boundedFigure, type Figure, type Row, ratioAtLeast } from "../row.ts";

export const smallFiles: Row = {
  name: "small-files",
  what: "4 KiB files read, and written durably, one at a time and 64 at once; ours are also replaced atomically",
  seconds: 38,
  parts: TRANSPORTS,
  check,
  measure,
};

const AT_ONCE = 64;
const ROUNDS = 3;
const SECONDS = 0.5;
const CHECK_SECONDS = 0.2;
/** Operations: what is counted does not depend on what V8 has compiled. */
const CHECK_WARM_UP = 200;

const WORKLOADS: readonly (Workload & { readonly goal: number })[] = [
  { name: "reads", kind: "reads", atOnce: 1, goal: 1.8 },
  { name: "durable writes", kind: "writes", atOnce: 1, goal: 1.3 },
  { name: `reads, ${AT_ONCE} at once`, kind: "reads", atOnce: AT_ONCE, goal: 1.5 },
  { name: `durable writes, ${AT_ONCE} at once`, kind: "writes", atOnce: AT_ONCE, goal: 1.2 },
];

/** Bytes on the wire besides the file's, both ways, headers of TCP and IP not counted. */
const MAX_OVERHEAD = { reads: 400, writes: 900 };

async function check(bench: Bench): Promise<Figure[]> {
  if (!bench.wants("plain")) return [];
  const files = await makeSmallFiles(await startLocalServer(bench));
  const client = await ourClient(bench);
  const figures: Figure[] = [];
  for (const workload of WORKLOADS) {
    bench.progress(`COMPOUNDs of ${workload.name}`);
    const running = await startWorkload(client, files, workload, CHECK_WARM_UP);
    const { operations, compounds, bytesSent, bytesReceived } = await running.measure(CHECK_SECONDS);
    await running.end();
    const bytes = (bytesSent + bytesReceived) / operations - BYTES;
    figures.push(
      boundedFigure(`${workload.name}: COMPOUNDs each`, compounds / operations, 1),
      boundedFigure(`${workload.name}: bytes on the wire besides the file's`, bytes, MAX_OVERHEAD[workload.kind]),
    );
  }
  return figures;
}

async function measure(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  if (server === undefined) return [];
  const client = await ourClient(bench);
  const peer = await libnfs(bench);
  const files = await makeSmallFiles(server);
  const figures: Figure[] = [];
  for (const reached of await overTransports(bench, files)) {
    for (const workload of WORKLOADS) {
      const named = { ...workload, name: workload.name + reached.suffix };
      figures.push(...(await measureWorkload(bench, reached.server, client, peer, named)));
    }
  }
  return figures;
}

async function measureWorkload(
  bench: Bench,
  files: Exported,
  client: ClientProgram,
  peer: ClientProgram | undefined,
  workload: (typeof WORKLOADS)[number],
): Promise<Figure[]> {
  const { name, goal } = workload;
  const ours = await startWorkload(client, files, workload);
  const other = peer && (await startWorkload(peer, files, workload));
  const samples = await interleave<{ ours: Measured; libnfs: Measured }>(bench, name, ROUNDS, {
    ours: () => ours.measure(SECONDS),
    libnfs: other && (() => other.measure(SECONDS)),
  });
  await Promise.all([ours.end(), other?.end()]);
  if (samples.libnfs.some(({ bytesInWrite }) => bytesInWrite > 0 && bytesInWrite < BYTES)) {
    bench.note(`${name}: this libnfs cannot send ${BYTES} bytes in one WRITE; it needs two, and a COMMIT.`);
  }
  const of = (value: (measured: Measured) => number) => ({
    ours: samples.ours.map(value),
    peer: { name: "libnfs", values: samples.libnfs.map(value) },
  });
  return [
    { name, unit: "/s", better: "higher", ...of(operationsPerSecond), goal: ratioAtLeast(goal) },
    { name: `${name}, processor time each`, unit: "µs", better: "lower", ...of(microsecondsEach) },
  ];
}

function microsecondsEach({ operations, cpuSeconds }: Measured): number {
  return (cpuSeconds * 1e6) / operations;
}
