import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import {
  AcceptStatus,
  ANONYMOUS_STATEID,
  encodeCompound,
  putRootFileHandle,
  read,
  recordHeader,
  writeCallHeader,
  type XdrReader,
  XdrWriter,
} from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { RawConnection, splitRecord } from "./driver.ts";
import { lookup, raw } from "./operations.ts";
import { temporaryConnection, temporaryDirectory, temporaryServer, temporarySession } from "./temporary.ts";

const CREDENTIAL = { machineName: "test", uid: 0, gid: 0, gids: [] };

/** The words of a reply behind its xid. */
function words(reply: XdrReader): number[] {
  return Array.from({ length: reply.remaining / 4 }, () => reply.uint32());
}

describe("RPC messages", () => {
  test("that cannot be executed are answered as RFC 5531 says", async () => {
    const connection = await temporaryConnection(await temporaryServer());
    const call = (...body: number[]) => {
      const writer = new XdrWriter();
      for (const word of [7, 0, ...body]) writer.uint32(word);
      return connection.call(writer.toBuffer()).then(words);
    };
    const noAuth = [0, 0, 0, 0];
    const accepted = [1, 0, 0, 0];
    expect(await call(2, 100_003, 4, 0, ...noAuth)).toEqual([...accepted, AcceptStatus.SUCCESS]);
    expect(await call(2, 100_003, 4, 9, ...noAuth)).toEqual([...accepted, AcceptStatus.PROC_UNAVAIL]);
    expect(await call(2, 100_003, 3, 0, ...noAuth)).toEqual([...accepted, AcceptStatus.PROG_MISMATCH, 4, 4]);
    expect(await call(2, 100_005, 3, 0, ...noAuth)).toEqual([...accepted, AcceptStatus.PROG_UNAVAIL]);
    expect(await call(2, 100_003, 4, 1, ...noAuth)).toEqual([...accepted, AcceptStatus.GARBAGE_ARGS]);
    const [denied, rpcMismatch, authError, badCredential, tooWeak] = [1, 0, 1, 1, 5];
    expect(await call(3, 100_003, 4, 0, ...noAuth)).toEqual([1, denied, rpcMismatch, 2, 2]);
    expect(await call(2, 100_003, 4, 0, 6, 0, 0, 0)).toEqual([1, denied, authError, tooWeak]);
    expect(await call(2, 100_003, 4, 0, 1, 4, 0, 0, 0)).toEqual([1, denied, authError, badCredential]);
  });

  test("that are no calls, or longer than any, end the connection and nothing else", async () => {
    const server = await temporaryServer();
    const session = await temporarySession(server);
    const bad = [
      Buffer.concat([recordHeader(4), Buffer.alloc(4)]),
      Buffer.concat([recordHeader(8), new XdrWriter().uint32(1).uint32(1).toBuffer()]),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
      Buffer.alloc(8192),
    ];
    for (const bytes of bad) {
      const connection = await temporaryConnection(server);
      connection.write(bytes);
      await connection.closedByServer();
    }
    expect(await session.status([putRootFileHandle])).toBe("NFS4_OK");
  });

  test("may come in any pieces", async () => {
    const connection = await temporaryConnection(await temporaryServer());
    const [, message] = splitRecord(Buffer.concat(encodeCompound(1, CREDENTIAL, [])));
    const half = message.length >> 1;
    const fragments = Buffer.concat([
      Buffer.from([0, 0, 0, half]),
      message.subarray(0, half),
      recordHeader(message.length - half),
      message.subarray(half),
    ]);
    const replied = connection.call(message);
    for (const byte of fragments) connection.write(Buffer.from([byte]));
    expect(words(await replied).slice(0, 6)).toEqual([1, 0, 0, 0, AcceptStatus.SUCCESS, 0]);
  });
});

describe("COMPOUNDs", () => {
  test("with another minor version, or a tag that is not UTF-8, are refused as a whole", async () => {
    const connection = await temporaryConnection(await temporaryServer());
    const call = async (tag: Buffer, minorVersion: number) => {
      const writer = new XdrWriter();
      writeCallHeader(writer, 1, 1, CREDENTIAL);
      const reply = words(await connection.call(writer.opaque(tag).uint32(minorVersion).uint32(0).toBuffer()));
      return reply[5];
    };
    expect(await call(Buffer.from("tag"), 1)).toBe(0);
    expect(await call(Buffer.from("tag"), 0)).toBe(10_021);
    expect(await call(Buffer.from("tag"), 2)).toBe(10_021);
    expect(await call(Buffer.from([0xff]), 1)).toBe(22);
  });

  test("that end in the middle of an operation fail at that operation", async () => {
    const session = await temporarySession(await temporaryServer());
    expect(await session.status([putRootFileHandle, raw(15, Buffer.from([0, 0, 0, 200]))])).toBe("NFS4ERR_BADXDR");
    expect(await session.status([putRootFileHandle, raw(22, Buffer.from([0, 0, 4, 0]))])).toBe("NFS4ERR_BADXDR");
  });

  test("of any bytes never harm the server", { timeout: 180_000 }, async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "content");
    const server = await temporaryServer({ directory });
    const session = await temporarySession(server);
    const word = fc.oneof(
      fc.nat({ max: 64 }),
      fc.constantFrom(0xffff_ffff, 0x8000_0000, 1024, 4096),
      fc.integer({ min: 0, max: 0xffff_ffff }),
    );
    const operation = fc.tuple(fc.integer({ min: 0, max: 75 }), fc.array(word, { maxLength: 24 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (operations, inFile) => {
          const writer = new XdrWriter();
          writeCallHeader(writer, 1, 1, CREDENTIAL);
          const path = inFile ? [putRootFileHandle, lookup("file")] : [putRootFileHandle];
          writer
            .string("")
            .uint32(1)
            .uint32(1 + path.length + operations.length);
          for (const each of [session.sequence(), ...path]) {
            writer.uint32(each.code);
            each.encode(writer);
          }
          for (const [code, args] of operations) {
            writer.uint32(code);
            for (const arg of args) writer.uint32(arg);
          }
          const reply = words(await session.connection.call(writer.toBuffer()));
          expect([AcceptStatus.SUCCESS, AcceptStatus.GARBAGE_ARGS]).toContain(reply[4]);
        },
      ),
      { numRuns: 1500 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const connection = await RawConnection.open(server);
        connection.write(Buffer.concat([recordHeader(bytes.length), bytes]));
        connection.close();
      }),
      { numRuns: 100 },
    );
    expect(await session.status([putRootFileHandle])).toBe("NFS4_OK");
  });
});

test("a client that asks for much and reads nothing takes a bounded amount of memory", async () => {
  const directory = await temporaryDirectory();
  const MEBIBYTE = 1024 * 1024;
  await writeFile(join(directory, "file"), randomBytes(MEBIBYTE));
  const server = await temporaryServer({ directory, dialect: { maximumSlots: 1024 } });
  const session = await temporarySession(server, { channel: { maximumRequests: 1024 } });
  const before = process.memoryUsage().arrayBuffers;
  session.connection.pause();
  for (let slotId = 0; slotId < 1024; slotId++) {
    const operations = [
      session.sequence({ slotId }),
      putRootFileHandle,
      lookup("file"),
      read(ANONYMOUS_STATEID, { offset: 0, length: MEBIBYTE }),
    ];
    session.connection.write(Buffer.concat(encodeCompound(slotId, CREDENTIAL, operations)));
  }
  let last = server.statistics();
  for (let quietRounds = 0; quietRounds < 10 || last.bytesSent < MEBIBYTE; ) {
    await sleep(50);
    const now = server.statistics();
    quietRounds = now.requests === last.requests && now.bytesSent === last.bytesSent ? quietRounds + 1 : 0;
    last = now;
  }
  expect(last.requests).toBeLessThan(200);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150 * MEBIBYTE);
});
