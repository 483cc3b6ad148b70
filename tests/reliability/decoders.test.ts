/** What comes from outside is decoded, or refused with a typed error, in little memory: replies of servers, and mount tables. */
import { MountTableError, parseMountTable, serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import fc from "fast-check";
import { connectNfs, NfsError } from "nfs-client";
import {
  AcceptStatus,
  ANONYMOUS_STATEID,
  close,
  commit,
  createDirectory,
  createSession,
  DIRECTORY_START,
  decodeCompound,
  exchangeId,
  getAttributes,
  getFileHandle,
  getServerAttributes,
  link,
  lockFile,
  MAX_OPAQUE_SIZE,
  MessageType,
  nothing,
  type Operation,
  type Operations,
  openByName,
  query,
  ReplyStatus,
  read,
  readDirectory,
  readReplyHeader,
  remove,
  rename,
  sequence,
  setSize,
  statusName,
  unlockFile,
  write,
  XdrReader,
  XdrWriter,
} from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { MemoryNetwork } from "../support/memory-router.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";

interface Captured {
  readonly reply: Buffer;
  readonly operations: Operations;
}

const XID_SIZE = 4;

const owner = { clientId: 1n, name: "owner" };
const channel = {
  maximumRequestSize: 1,
  maximumResponseSize: 1,
  maximumCachedResponseSize: 1,
  maximumOperations: 1,
  maximumRequests: 1,
};

/** One of each operation whose result has a structure. */
const OPERATIONS = [
  sequence({ sessionId: Buffer.alloc(16), sequenceId: 1, slotId: 0, highestSlotId: 0, cacheThis: false }),
  getAttributes(),
  getServerAttributes(),
  read(ANONYMOUS_STATEID, { offset: 0, length: 100 }),
  write(ANONYMOUS_STATEID, { offset: 0, data: [], durable: true }),
  getFileHandle(),
  lockFile(ANONYMOUS_STATEID, owner),
  createDirectory("name", 0o755),
  readDirectory(DIRECTORY_START, 1000),
  rename("from", "to"),
  openByName({ owner, access: "read", name: "name" }),
  close(ANONYMOUS_STATEID),
  exchangeId({ name: "client", verifier: Buffer.alloc(8) }),
  createSession({ clientId: 1n, sequenceId: 1 }, channel),
  commit(),
  link("name"),
  remove("name"),
  unlockFile(ANONYMOUS_STATEID),
  setSize(ANONYMOUS_STATEID, 0),
];

const SAMPLES: ReadonlyMap<number, Operation<unknown>> = new Map(OPERATIONS.map((each) => [each.code, each]));

/** The operations that a reply answers: each result begins with the number of its operation. */
function operationsOf(reply: Buffer): Operations {
  const reader = new XdrReader(reply);
  expect(readReplyHeader(reader)).toBeUndefined();
  reader.uint32();
  reader.opaque(MAX_OPAQUE_SIZE);
  return Array.from({ length: reader.uint32() }, () => {
    const code = reader.uint32();
    const operation = SAMPLES.get(code) ?? query(code, nothing, nothing);
    if (statusName(reader.uint32()) === "NFS4_OK") operation.decode(reader);
    return operation;
  });
}

/** Words as a server might send them: mostly small numbers, so that lengths, counts and flags are often plausible. */
const words = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.nat({ max: 3 }) },
    { weight: 2, arbitrary: fc.nat({ max: 64 }) },
    { weight: 1, arbitrary: fc.nat({ max: 0xffff_ffff }) },
  ),
  { maxLength: 60 },
);

const counts = { decoded: 0, refused: 0, "with another error": 0, "most memory for data, MiB": 0 };

reportAtEnd("decoders", () => counts);

/** Counts what becomes of one attempt. */
function attempt(decode: () => unknown, Refusal: abstract new (...args: never[]) => Error): void {
  try {
    decode();
    counts.decoded += 1;
  } catch (error) {
    if (!(error instanceof Refusal)) {
      counts["with another error"] += 1;
      throw error;
    }
    counts.refused += 1;
  }
}

/** Mebibytes of buffers that are alive, or not collected yet. */
function noteMemory(): void {
  const mebibytes = Math.ceil(process.memoryUsage().arrayBuffers / 2 ** 20);
  counts["most memory for data, MiB"] = Math.max(counts["most memory for data, MiB"], mebibytes);
}

describe("a server's reply", () => {
  test("made of random words is decoded or refused", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(fc.constantFrom(...OPERATIONS), words, (operation, body) => {
        const writer = new XdrWriter();
        writer.uint32(MessageType.REPLY).uint32(ReplyStatus.ACCEPTED).uint32(0).uint32(0).uint32(AcceptStatus.SUCCESS);
        writer.uint32(0).string("").uint32(1).uint32(operation.code).uint32(0);
        for (const word of body) writer.uint32(word);
        attempt(() => decodeCompound(new XdrReader(writer.toBuffer()), [operation]).of(operation), NfsError);
      }),
      { numRuns: rounds(10_000, 100_000), seed },
    );
    noteMemory();
    expect(counts.decoded).toBeGreaterThan(100);
    expect(counts.refused).toBeGreaterThan(100);
  });

  test("that was damaged is decoded or refused", { timeout: 300_000 }, async () => {
    const replies = await repliesOfARealServer();
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const before = counts.decoded;
    for (let round = 0; round < rounds(30_000, 850_000); round++) {
      const { reply, operations } = replies[below(replies.length)] ?? { reply: Buffer.alloc(0), operations: [] };
      const length = random() < 0.2 ? below(reply.length + 1) : reply.length;
      const damaged = Buffer.from(reply.subarray(0, length));
      for (let flips = below(4); flips > 0 && length >= 4; flips--) {
        const word = 4 * below(Math.floor(length / 4));
        if (random() < 0.5) damaged[below(length)] = below(256);
        else damaged.writeUInt32BE(random() < 0.5 ? below(8) : below(2 ** 32), word);
      }
      attempt(() => decodeCompound(new XdrReader(damaged), operations), NfsError);
      if (round % 1000 === 0) noteMemory();
    }
    expect(counts.decoded - before).toBeGreaterThan(1000);
    // a length that is a lie is found out before anything is allocated for it
    expect(counts["most memory for data, MiB"]).toBeLessThan(256);
  });

  test("that is none is refused", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        attempt(() => decodeCompound(new XdrReader(Buffer.from(bytes)), OPERATIONS).orThrow(), NfsError);
      }),
      { numRuns: rounds(5000, 50_000), seed },
    );
  });
});

/** One of each kind that a client gets in its life. */
async function repliesOfARealServer(): Promise<Captured[]> {
  const replies: Captured[] = [];
  const temporary = await makeTemporaryDirectory("decoders-");
  const server = await startNfsServer({ directory: temporary.path, durable: false });
  const proxy = await FaultProxy.start(server, undefined, (record) => {
    const reply = Buffer.from(record.subarray(XID_SIZE));
    replies.push({ reply, operations: operationsOf(reply) });
  });
  const client = await connectNfs({ host: proxy.host, port: proxy.port });
  const etag = { etag: "0-0" };
  await client.writeFile("/directory/file", Buffer.from("content"));
  await client.writeFile("/directory/other", Buffer.from("content"), { when: "absent" });
  await client.appendFile("/directory/file", Buffer.from("more"));
  await client.readFile("/directory/file");
  for await (const _ of client.readDirectory("/directory"));
  await client.rename("/directory/other", "/directory/renamed");
  await expect(client.remove("/directory/file", { when: etag })).rejects.toBeInstanceOf(NfsError);
  await client.remove("/directory/file");
  await expect(client.stat("/directory/file")).rejects.toBeInstanceOf(NfsError);
  await client.close();
  await proxy.stop();
  await server.close();
  await temporary.remove();
  expect(replies.length).toBeGreaterThan(15);
  return replies;
}

describe("a mount table", () => {
  const document = serializeMountTable(new MemoryNetwork(3).table);

  test("that is any JSON, or none, is read or refused, and what is read can be written again", {
    timeout: 300_000,
  }, () => {
    const read = (text: string) => {
      const table = parseMountTable(text);
      expect(parseMountTable(serializeMountTable(table))).toEqual({
        ...table,
        mount_targets: expect.arrayContaining(table.mount_targets),
      });
    };
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => attempt(() => read(text), MountTableError)),
      { numRuns: rounds(2000, 20_000), seed },
    );
    const random = seededRandom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const pieces = [
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "null",
      "-1",
      "1e999",
      "\\u0000",
      "__proto__",
      "fsmt-",
      "2049",
      "",
    ];
    for (let round = 0; round < rounds(3000, 30_000); round++) {
      let text = document;
      for (let changes = below(3); changes >= 0; changes--) {
        const at = below(text.length);
        text = text.slice(0, at) + (pieces[below(pieces.length)] ?? "") + text.slice(at + below(8));
      }
      attempt(() => read(text), MountTableError);
    }
  });
});
