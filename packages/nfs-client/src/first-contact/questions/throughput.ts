/** How much goes through 1 to 8 connections, to one mount target and to all of them? */
import { commit, read, write } from "../../wire/operations/data.ts";
import { putFileHandle } from "../../wire/operations/file-handles.ts";
import type { Client } from "../client.ts";
import { type Lab, type OpenedFile, openIn, type Target } from "../lab.ts";
import type { Throughput, Throughputs } from "../report.ts";
import { handleOf } from "../workspace.ts";

/** Requests in flight on each connection, each in a part of the file of its own. */
const IN_FLIGHT = 4;

const MEBIBYTE = 1024 * 1024;
const ENVELOPE = 4096;

interface Stream {
  readonly client: Client;
  readonly reader: OpenedFile;
  readonly writer: OpenedFile;
}

export async function askThroughput(lab: Lab): Promise<Throughputs> {
  const { targets } = lab;
  const deals = targets.length === 1 ? [targets.slice(0, 1)] : [targets.slice(0, 1), targets];
  const results: Throughput[][] = [];
  let chunk = lab.effort.throughputChunk;
  for (const dealt of deals) {
    const streams: Stream[] = [];
    const rows: Throughput[] = [];
    const { throughputConnections } = lab.effort;
    for (const [index, connections] of throughputConnections.entries()) {
      const done = (results.length + index / throughputConnections.length) / deals.length;
      lab.onProgress(done, `${connections} connections`);
      // None is opened before it is used: its lease would run out.
      while (streams.length < connections) {
        const stream = await openStream(lab, dealt[streams.length % dealt.length] ?? lab.targets[0]);
        chunk = Math.min(chunk, largestData(stream.client));
        await fill(stream, chunk);
        streams.push(stream);
      }
      rows.push(await measure(lab, streams, chunk));
    }
    results.push(rows);
    await lab.release();
  }
  const [oneTarget = [], allTargets = []] = results;
  return { chunk, oneTarget, allTargets };
}

async function openStream(lab: Lab, target: Target): Promise<Stream> {
  const client = await lab.connectClient(target);
  const name = lab.newName();
  const directory = await handleOf(client, lab.workspace.names);
  const create = { how: "unchecked", mode: lab.workspace.fileMode } as const;
  const writer = await openIn(client, directory, name, { owner: "writer", access: "write", create });
  const reader = await openIn(client, directory, name, { owner: "reader", access: "read" });
  return { client, reader, writer };
}

/** Bytes of data that fit into one request, and one reply. */
function largestData({ session: { channel } }: Client): number {
  return Math.min(channel.maximumRequestSize, channel.maximumResponseSize) - ENVELOPE;
}

async function fill({ client, writer }: Stream, chunk: number): Promise<void> {
  const data = [Buffer.alloc(chunk)];
  for (let part = 0; part < IN_FLIGHT; part++) {
    const writing = write(writer.stateid, { offset: part * chunk, data, durable: false });
    (await client.run([putFileHandle(writer.handle), writing])).orThrow();
  }
  (await client.run([putFileHandle(writer.handle), commit()])).orThrow();
}

async function measure(lab: Lab, streams: readonly Stream[], chunk: number): Promise<Throughput> {
  const data = [Buffer.alloc(chunk)];
  const reading = async ({ client, reader }: Stream, part: number) => {
    const operation = read(reader.stateid, { offset: part * chunk, length: chunk });
    const reply = await client.run([putFileHandle(reader.handle), operation], { slotId: part });
    return reply.orThrow().of(operation).data.length;
  };
  const writing = async ({ client, writer }: Stream, part: number) => {
    const operation = write(writer.stateid, { offset: part * chunk, data, durable: false });
    const reply = await client.run([putFileHandle(writer.handle), operation], { slotId: part });
    return reply.orThrow().of(operation).count;
  };
  const committing = async ({ client, writer }: Stream) => {
    (await client.run([putFileHandle(writer.handle), commit()])).orThrow();
  };
  return {
    connections: streams.length,
    read: await rateOf(lab, streams, reading, async () => {}),
    write: await rateOf(lab, streams, writing, committing),
  };
}

/** MiB per second, with `finish` of each stream. */
async function rateOf(
  { effort }: Lab,
  streams: readonly Stream[],
  transfer: (stream: Stream, part: number) => Promise<number>,
  finish: (stream: Stream) => Promise<void>,
): Promise<number> {
  let bytes = 0;
  const begin = performance.now();
  const isOver = () => performance.now() - begin > effort.throughputTime || bytes > effort.throughputBytes;
  const work = async (stream: Stream, part: number) => {
    do {
      // Not `+= await`: others add meanwhile.
      const transferred = await transfer(stream, part);
      bytes += transferred;
    } while (!isOver());
  };
  await Promise.all(
    streams.map(async (stream) => {
      const slots = Math.min(IN_FLIGHT, stream.client.session.channel.maximumRequests);
      await Promise.all(Array.from({ length: slots }, (_, part) => work(stream, part)));
      await finish(stream);
    }),
  );
  return bytes / MEBIBYTE / ((performance.now() - begin) / 1000);
}
