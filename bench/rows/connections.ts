/** Several connections to one server that gives each of them only so much, as Amazon EFS does. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { interleave } from "../interleave.ts";
import { type ClientProgram, type Measured, ourClient } from "../nfs/clients.ts";
import { type Exported, startLocalServer } from "../nfs/servers.ts";
import { type Bench, type Figure, type Row, ratioAtLeast } from "../row.ts";

const MEGABYTE = 1e6;
const MEBIBYTE = 1024 * 1024;
/** What one connection lets through in a second: so little that this machine is not the limit. EFS gives 500 MiB. */
const CAP = 16 * MEGABYTE;
const CONNECTIONS = 5;
const FILE_BYTES = 8 * MEBIBYTE;
/** As many as keep all connections busy. */
const READERS = 4;
const ROUNDS = 2;
const FILE = "large-file";

export const connections: Row = {
  name: "connections",
  what: `${READERS} readers of large files over up to ${CONNECTIONS} connections, of which each lets ${CAP / MEGABYTE} MB/s through`,
  seconds: 17,
  measure,
};

async function measure(bench: Bench): Promise<Figure[]> {
  const dialect = { connectionBytesPerSecond: CAP, scaleUpBytesPerSecond: MEGABYTE };
  const server = await startLocalServer(bench, { profile: "efs", dialect });
  await makeFile(server);
  const client = await ourClient(bench);
  const [one, several] = [await startReading(client, server, 1), await startReading(client, server, CONNECTIONS)];
  const samples = await interleave<{ several: Measured; one: Measured }>(bench, "read", ROUNDS, {
    several: () => several.measure(),
    one: () => one.measure(),
  });
  await Promise.all([one.end(), several.end()]);
  const megabytesPerSecond = ({ operations, seconds }: Measured) => operations / MEGABYTE / seconds;
  return [
    {
      name: `read, ${CONNECTIONS} connections`,
      unit: "MB/s",
      better: "higher",
      ours: samples.several.map(megabytesPerSecond),
      peer: { name: "one connection", values: samples.one.map(megabytesPerSecond) },
      goal: ratioAtLeast(4),
    },
  ];
}

/** A client that has read once: by then it has all its connections. */
async function startReading(client: ClientProgram, server: Exported, count: number) {
  const running = await client.start(server, "read", FILE, READERS, count);
  await running.measure();
  return running;
}

async function makeFile({ directory }: Exported): Promise<void> {
  await using file = await open(join(directory, FILE), "wx");
  await file.writeFile(Buffer.alloc(FILE_BYTES, "n"));
}
