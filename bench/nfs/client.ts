/**
 * One measurement of the NFS client, in a process of its own: `bench/peers/libnfs.c` takes the same parameters.
 *
 *   client HOST PORT DIRECTORY reads  AT_ONCE FILES BYTES WARM_UP SECONDS
 *   client HOST PORT DIRECTORY writes AT_ONCE FILES BYTES WARM_UP SECONDS
 *   client HOST PORT DIRECTORY pings  WARM_UP SECONDS
 *   client HOST PORT DIRECTORY read NAME
 *   client HOST PORT DIRECTORY write NAME BYTES
 *   client HOST PORT DIRECTORY list
 *
 * It prints one JSON object.
 */
import { connectNfs, type NfsClient } from "../../fargate-app/src/nfs/index.ts";

const CHUNK = 1024 * 1024;

const [, , host = "", port = "", directory = "", workload = "", ...parameters] = process.argv;
const client = await connectNfs({ host, port: Number(port) });
try {
  const print = await run(client);
  process.stdout.write(`${JSON.stringify(print)}\n`);
} finally {
  await client.close();
}

function run(client: NfsClient): Promise<object> {
  const [first = "", second = ""] = parameters;
  switch (workload) {
    case "reads":
    case "writes":
      return smallFiles(client, workload);
    case "pings":
      return repeat(client, { atOnce: 1, warmUp: Number(first), seconds: Number(second) }, () => client.ping());
    case "read":
      return measure(client, () => readLarge(client, `${directory}/${first}`));
    case "write":
      return measure(client, () => writeLarge(client, `${directory}/${first}`, Number(second)));
    case "list":
      return measure(client, () => list(client));
    default:
      throw new Error(`There is no workload ${JSON.stringify(workload)}`);
  }
}

function smallFiles(client: NfsClient, workload: "reads" | "writes"): Promise<object> {
  const [atOnce = 1, files = 1, bytes = 0, warmUp = 0, seconds = 0] = parameters.map(Number);
  const data = Buffer.alloc(bytes, "n");
  let next = 0;
  const nextPath = () => `${directory}/${next++ % files}`;
  const read = async () => {
    const { data } = await client.readFile(nextPath());
    if (data.length !== bytes) throw new Error(`${data.length} bytes were read instead of ${bytes}`);
  };
  const write = async () => {
    await client.writeFile(nextPath(), data);
  };
  return repeat(client, { atOnce, warmUp, seconds }, workload === "reads" ? read : write);
}

async function repeat(
  client: NfsClient,
  { atOnce, warmUp, seconds }: { atOnce: number; warmUp: number; seconds: number },
  operation: () => Promise<void>,
): Promise<object> {
  const repeatFor = async (seconds: number) => {
    const end = performance.now() + seconds * 1000;
    let operations = 0;
    const worker = async () => {
      for (; performance.now() < end; operations++) await operation();
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    return operations;
  };
  await repeatFor(warmUp);
  return measure(client, () => repeatFor(seconds));
}

async function readLarge(client: NfsClient, path: string): Promise<number> {
  let bytes = 0;
  const { body } = await client.openFile(path);
  for await (const chunk of body) bytes += chunk.length;
  return bytes;
}

async function writeLarge(client: NfsClient, path: string, bytes: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK, "n");
  async function* data() {
    for (let left = bytes; left > 0; left -= CHUNK) yield left < CHUNK ? chunk.subarray(0, left) : chunk;
  }
  return (await client.writeFile(path, data())).size;
}

async function list(client: NfsClient): Promise<number> {
  let entries = 0;
  for await (const _ of client.readDirectory(directory)) entries += 1;
  return entries;
}

/** @param operate resolves with how much it did. */
async function measure(client: NfsClient, operate: () => Promise<number>): Promise<object> {
  const idleBytes = process.memoryUsage.rss();
  const before = client.statistics();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const operations = await operate();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const after = client.statistics();
  return {
    operations,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024 - idleBytes,
    compounds: after.compounds - before.compounds,
    bytesSent: after.bytesSent - before.bytesSent,
    bytesReceived: after.bytesReceived - before.bytesReceived,
  };
}
