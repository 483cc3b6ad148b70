/** A directory with very many entries, listed and counted over NFS. */
import { join } from "node:path";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { interleave } from "../interleave.ts";
import { type ClientProgram, libnfs, type Measured, ourClient } from "../nfs/clients.ts";
import { type Exported, startGanesha, startLocalServer } from "../nfs/servers.ts";
import { overTransports, type Reached, TRANSPORTS } from "../nfs/tls.ts";
import { type Bench, boundedFigure, type Figure, type Row, ratioAtLeast, valueAtMost } from "../row.ts";

export const listing: Row = {
  name: "listing",
  what: "A directory of 100,000 and one of 1,000,000 entries, listed and counted",
  seconds: 36,
  parts: TRANSPORTS,
  check,
  measure,
};

const SIZES = [100_000, 1_000_000];
const MAX_ENTRIES_OVER_TLS = 100_000;
const CHECKED_SIZES = [2_000, 50_000] as const;
const ROUNDS = 2;
const MEGABYTE = 1e6;
/** For any number of entries. */
const MAX_MEGABYTES = 64;

async function check(bench: Bench): Promise<Figure[]> {
  if (!bench.wants("plain")) return [];
  const server = await startLocalServer(bench);
  const client = await ourClient(bench);
  const figures: Figure[] = [];
  for (const entries of CHECKED_SIZES) {
    bench.progress(`memory for ${entries} entries`);
    const lister = await startListing(client, await makeDirectory(server, entries), entries);
    const { compounds, peakBytes } = await lister.list();
    await lister.end();
    const of = `of ${entries.toLocaleString("en-US")}`;
    figures.push(
      boundedFigure(`COMPOUNDs per 1,000 entries, ${of}`, compounds / (entries / 1000), 1),
      boundedFigure(`peak memory above idle, ${of}`, peakBytes / MEGABYTE, MAX_MEGABYTES, "MB"),
    );
  }
  return figures;
}

async function measure(bench: Bench): Promise<Figure[]> {
  const server = await startGanesha(bench);
  if (server === undefined) return [];
  const client = await ourClient(bench);
  const peer = await libnfs(bench);
  const figures: Figure[] = [];
  const directories: { readonly entries: number; readonly directory: Exported }[] = [];
  for (const entries of SIZES) {
    bench.progress(`making ${named(entries)}`);
    directories.push({ entries, directory: await makeDirectory(server, entries) });
  }
  for (const reached of await overTransports(bench, server)) {
    for (const { entries, directory } of directories) {
      // Over TLS, a million would say what the others say, and takes a minute.
      if (reached.server.tls !== undefined && entries > MAX_ENTRIES_OVER_TLS) continue;
      const there = { ...reached, server: { ...reached.server, path: directory.path } };
      figures.push(...(await measureListing(bench, there, client, peer, entries)));
    }
  }
  return figures;
}

const named = (entries: number) => `${entries.toLocaleString("en-US")} entries`;

async function measureListing(
  bench: Bench,
  { server, suffix }: Reached,
  client: ClientProgram,
  peer: ClientProgram | undefined,
  entries: number,
): Promise<Figure[]> {
  const name = named(entries) + suffix;
  const ours = await startListing(client, server, entries);
  const other = peer && (await startListing(peer, server, entries));
  bench.progress(`${name}, to warm up`);
  await ours.list();
  await other?.list();
  const samples = await interleave<{ ours: Measured; libnfs: Measured }>(bench, name, ROUNDS, {
    ours: () => ours.list(),
    libnfs: other && (() => other.list()),
  });
  await Promise.all([ours.end(), other?.end()]);
  const figure = (of: (measured: Measured) => number) => ({
    ours: samples.ours.map(of),
    peer: { name: "libnfs", values: samples.libnfs.map(of) },
  });
  return [
    {
      name,
      unit: "/s",
      better: "higher",
      ...figure(({ operations, seconds }) => operations / seconds),
      goal: ratioAtLeast(2),
    },
    {
      name: `${name}, peak memory above idle`,
      unit: "MB",
      better: "lower",
      ...figure(({ peakBytes }) => peakBytes / MEGABYTE),
      goal: valueAtMost(MAX_MEGABYTES),
    },
  ];
}

async function startListing(client: ClientProgram, directory: Exported, entries: number) {
  const running = await client.start(directory, "list");
  return {
    /** @throws {Error} when it found another number of entries than there are. */
    async list(): Promise<Measured> {
      const measured = await running.measure();
      if (measured.operations !== entries)
        throw new Error(`${measured.operations} entries were listed instead of ${entries}`);
      return measured;
    },
    end: () => running.end(),
  };
}

/** The entries are links to a few files, so that the server's cache of inodes, which is small, is not what is measured. */
async function makeDirectory(parent: Exported, entries: number): Promise<Exported> {
  const name = `entries-${entries}`;
  const directory = join(parent.directory, name);
  await makeFileTree(directory, { files: entries });
  return { ...parent, path: `${parent.path}/${name}`, directory };
}
