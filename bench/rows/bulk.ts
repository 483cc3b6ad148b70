/** One large file, from its first byte to its last. */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { interleave } from "../interleave.ts";
import { type ClientProgram, libnfs, type Measured, ourClient } from "../nfs/clients.ts";
import { type Exported, startGanesha, startLocalServer } from "../nfs/servers.ts";
import { overTransports, type Reached, TRANSPORTS } from "../nfs/tls.ts";
import { type Bench, boundedFigure, type Figure, type Row, ratioAtLeast, valueAtMost } from "../row.ts";

const MEBIBYTE = 1024 * 1024;
/** libnfs of Debian 12 writes 50 MB/s, so more would only take longer. */
const BYTES = { read: 512 * MEBIBYTE, write: 128 * MEBIBYTE };

export const bulk: Row = {
  name: "bulk",
  what: `${BYTES.read / MEBIBYTE} MiB read, and ${BYTES.write / MEBIBYTE} MiB written durably, in sequence`,
  seconds: 24,
  parts: TRANSPORTS,
  check,
  measure,
};

const CHECKED_BYTES = 256 * MEBIBYTE;
const ROUNDS = 2;
const MEGABYTE = 1e6;
const MAX_MEGABYTES = 64;
/** V8 lets 64 MB of buffers be before it looks for dead ones: what is checked is that the file is not in memory. */
const MAX_CHECKED_MEGABYTES = 128;
const SOURCE = "large-file";

type Direction = "read" | "write";
const DIRECTIONS: readonly Direction[] = ["read", "write"];

async function check(bench: Bench): Promise<Figure[]> {
  if (!bench.wants("plain")) return [];
  const server = await startLocalServer(bench);
  const client = await ourClient(bench);
  await makeLargeFile(server, CHECKED_BYTES);
  const figures: Figure[] = [];
  for (const direction of DIRECTIONS) {
    bench.progress(`COMPOUNDs and memory of a ${direction}`);
    const measured = await transfer(client, server, direction, CHECKED_BYTES, "checked");
    const { compounds, bytesSent, bytesReceived } = measured;
    const bytesOnTheWire = bytesSent + bytesReceived;
    const megabytes = measured.peakBytes / MEGABYTE;
    figures.push(
      boundedFigure(`${direction}: COMPOUNDs per MiB`, compounds / (CHECKED_BYTES / MEBIBYTE), 1.5),
      boundedFigure(`${direction}: bytes on the wire per byte`, bytesOnTheWire / CHECKED_BYTES, 1.01),
      boundedFigure(`${direction}: peak memory above idle`, megabytes, MAX_CHECKED_MEGABYTES, "MB"),
    );
  }
  return figures;
}

async function measure(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  if (server === undefined) return [];
  const client = await ourClient(bench);
  const peer = await libnfs(bench);
  await makeLargeFile(server, BYTES.read);
  const figures: Figure[] = [];
  for (const reached of await overTransports(bench, server)) {
    figures.push(...(await measureOver(bench, reached, client, peer)));
  }
  return figures;
}

async function measureOver(
  bench: Bench,
  { server, suffix }: Reached,
  client: ClientProgram,
  peer: ClientProgram | undefined,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const direction of DIRECTIONS) {
    let files = 0;
    // libnfs makes only new files, and nfs-ganesha knows names for a while that were removed beside it.
    const name = `${direction}-${server.tls === undefined ? "plain" : "tls"}`;
    const once = (side: ClientProgram) => () =>
      transfer(side, server, direction, BYTES[direction], `${name}-${files++}`);
    const samples = await interleave<{ ours: Measured; libnfs: Measured }>(bench, direction + suffix, ROUNDS, {
      ours: once(client),
      libnfs: peer && once(peer),
    });
    const limited = samples.libnfs.find(({ bytesInWrite }) => bytesInWrite > 0 && bytesInWrite < MEBIBYTE);
    if (limited) bench.note(`This libnfs cannot send more than ${limited.bytesInWrite} bytes in one WRITE.`);
    const figure = (
      name: string,
      unit: string,
      better: Figure["better"],
      of: (measured: Measured) => number,
    ): Figure => ({
      name: `${direction}${suffix}${name}`,
      unit,
      better,
      ours: samples.ours.map(of),
      peer: { name: "libnfs", values: samples.libnfs.map(of) },
    });
    figures.push(
      {
        ...figure("", "MB/s", "higher", ({ operations, seconds }) => operations / MEGABYTE / seconds),
        goal: ratioAtLeast(1),
      },
      figure(", processor per GB", "s", "lower", ({ operations, cpuSeconds }) => cpuSeconds / (operations / 1e9)),
      {
        ...figure(", peak memory above idle", "MB", "lower", ({ peakBytes }) => peakBytes / MEGABYTE),
        goal: valueAtMost(MAX_MEGABYTES),
      },
    );
  }
  return figures;
}

/** @param name of the file that is written; it is removed. */
async function transfer(
  client: ClientProgram,
  server: Exported,
  direction: Direction,
  bytes: number,
  name: string,
): Promise<Measured> {
  const running = await client.start(server, direction, ...(direction === "read" ? [SOURCE] : [name, bytes]));
  const measured = await running.measure();
  await running.end();
  if (measured.operations !== bytes) throw new Error(`${measured.operations} bytes were moved instead of ${bytes}`);
  await rm(join(server.directory, name), { force: true });
  return measured;
}

async function makeLargeFile({ directory }: Exported, bytes: number): Promise<void> {
  const data = Buffer.alloc(MEBIBYTE, "n");
  await using file = await open(join(directory, SOURCE), "wx");
  for (let written = 0; written < bytes; written += data.length) await file.writeFile(data);
}
