/**
 * Measurements of the NFS client, in a process of its own: `bench/peers/libnfs.c` takes the same parameters.
 *
 *   client HOST PORT DIRECTORY reads  AT_ONCE FILES BYTES [WARM_UP]
 *   client HOST PORT DIRECTORY writes AT_ONCE FILES BYTES [WARM_UP]
 *   client HOST PORT DIRECTORY pings
 *   client HOST PORT DIRECTORY list
 *   client HOST PORT DIRECTORY read NAME [AT_ONCE] [CONNECTIONS]
 *   client HOST PORT DIRECTORY write NAME BYTES
 *
 * For each line of standard input it measures once, and prints one JSON object. The line says for how many seconds small
 * files are read or written, or pings sent. Where TLS_AUTHORITY (PEM) and TLS_SERVER_NAME are set, it speaks TLS.
 */
import { createInterface } from "node:readline";
import { connectNfs, type NfsClient } from "nfs-client";
import { peakMemory } from "../peak-memory.ts";

const CHUNK = 1024 * 1024;

/** Operations before the first measurement, by default: after them V8 has compiled what a router, which runs for weeks, always has compiled. */
const WARM_UP = 5_000;
const WARM_UP_AT_ONCE = 64;

const [, , host = "", port = "", directory = "", workload = "", ...parameters] = process.argv;
const { TLS_AUTHORITY: ca, TLS_SERVER_NAME: servername } = process.env;
const tls = ca === undefined ? undefined : { ca, servername };
const connections = workload === "read" ? Number(parameters[2] ?? 1) : 1;
const client = await connectNfs({ host, port: Number(port), tls, connections });
const idleBytes = process.memoryUsage.rss();
try {
  const operate = await prepare(client);
  for await (const line of createInterface({ input: process.stdin })) {
    const measured = await measure(client, () => operate(Number(line)));
    process.stdout.write(`${JSON.stringify(measured)}\n`);
  }
} finally {
  await client.close();
}

/** What is measured; it resolves with how much it did. */
type Operate = (seconds: number) => Promise<number>;

async function prepare(client: NfsClient): Promise<Operate> {
  const [first = "", second = "", , warmUp = WARM_UP] = parameters;
  switch (workload) {
    case "reads":
    case "writes":
      return repeating(Number(first), smallFile(client, workload), Number(warmUp));
    case "pings":
      return repeating(1, async () => void (await client.stat("/")), WARM_UP);
    case "list":
      return () => list(client);
    case "read":
      return () => readLarge(client, `${directory}/${first}`, Number(second || 1));
    case "write":
      return () => writeLarge(client, `${directory}/${first}`, Number(second));
    default:
      throw new Error(`There is no workload ${JSON.stringify(workload)}`);
  }
}

function smallFile(client: NfsClient, workload: "reads" | "writes"): () => Promise<void> {
  const [, files = 1, bytes = 0] = parameters.map(Number);
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
  return workload === "reads" ? read : write;
}

async function repeating(atOnce: number, operation: () => Promise<void>, warmUp: number): Promise<Operate> {
  await repeatWhile((operations) => operations < warmUp, WARM_UP_AT_ONCE, operation);
  return (seconds) => {
    const end = performance.now() + seconds * 1000;
    return repeatWhile(() => performance.now() < end, atOnce, operation);
  };
}

async function repeatWhile(
  goesOn: (operations: number) => boolean,
  atOnce: number,
  operation: () => Promise<void>,
): Promise<number> {
  let operations = 0;
  const worker = async () => {
    for (; goesOn(operations); operations++) await operation();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return operations;
}

async function readLarge(client: NfsClient, path: string, atOnce: number): Promise<number> {
  let bytes = 0;
  const read = async () => {
    const { body } = await client.openFile(path);
    for await (const chunk of body) bytes += chunk.length;
  };
  await Promise.all(Array.from({ length: atOnce }, read));
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

async function measure(client: NfsClient, operate: () => Promise<number>): Promise<object> {
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
    peakBytes: peakMemory() - idleBytes,
    compounds: after.compounds - before.compounds,
    bytesSent: after.bytesSent - before.bytesSent,
    bytesReceived: after.bytesReceived - before.bytesReceived,
  };
}
