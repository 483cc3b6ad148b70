import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ANONYMOUS_STATEID,
  createDirectory,
  createSession,
  destroyClientId,
  destroySession,
  exchangeId,
  getAttributes,
  lookup,
  Op,
  putRootFileHandle,
  read,
  reclaimComplete,
  rename,
  saveFileHandle,
  sequence,
} from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { statusOf } from "./driver.ts";
import { open, raw } from "./operations.ts";
import { temporaryConnection, temporaryDirectory, temporaryServer, temporarySession } from "./temporary.ts";

const inRoot = putRootFileHandle;

describe("a request that is sent again", () => {
  test("is answered from the cache, and not run twice", async () => {
    const directory = await temporaryDirectory();
    const session = await temporarySession(await temporaryServer({ directory }));
    const make = () =>
      session.status([inRoot, createDirectory("made", 0o755)], { slotId: 3, sequenceId: 1, cacheThis: true });
    expect(await make()).toBe("NFS4_OK");
    expect(await make()).toBe("NFS4_OK");
    const remake = session.status([inRoot, createDirectory("made", 0o755)], {
      slotId: 3,
      sequenceId: 2,
      cacheThis: true,
    });
    expect(await remake).toBe("NFS4ERR_EXIST");
    expect(await readdir(directory)).toEqual(["made"]);
  });

  test("over another connection is answered as well, so that a broken one loses nothing", async () => {
    const server = await temporaryServer();
    const session = await temporarySession(server);
    const request = [
      session.sequence({ slotId: 1, sequenceId: 1, cacheThis: true }),
      inRoot,
      createDirectory("made", 0o755),
    ];
    expect(statusOf(await session.connection.compound(request))).toBe("NFS4_OK");
    session.connection.close();
    const other = await temporaryConnection(server);
    expect(statusOf(await other.compound(request))).toBe("NFS4_OK");
  });

  test("is told that its reply was not kept, when that was not asked for", async () => {
    const session = await temporarySession(await temporaryServer());
    const make = () => session.run([inRoot, createDirectory("made", 0o755)], { slotId: 1, sequenceId: 1 });
    expect(statusOf(await make())).toBe("NFS4_OK");
    const retry = await make();
    expect(statusOf(retry)).toBe("NFS4ERR_RETRY_UNCACHED_REP");
    expect(retry.failure?.index).toBe(1);
  });

  test("but differs, or comes out of order, is refused", async () => {
    const session = await temporarySession(await temporaryServer());
    const at = (sequenceId: number) => ({ slotId: 1, sequenceId, cacheThis: true });
    expect(await session.status([inRoot, createDirectory("a", 0o755)], at(1))).toBe("NFS4_OK");
    expect(await session.status([inRoot, createDirectory("b", 0o755)], at(1))).toBe("NFS4ERR_SEQ_FALSE_RETRY");
    expect(await session.status([inRoot], at(3))).toBe("NFS4ERR_SEQ_MISORDERED");
    expect(await session.status([inRoot], at(0))).toBe("NFS4ERR_SEQ_MISORDERED");
    expect(await session.status([inRoot], at(2))).toBe("NFS4_OK");
  });

  test("while the first is still in flight is told to come later", async () => {
    const session = await temporarySession(await temporaryServer({ operationDelayMs: 1 }));
    const rounds = Array.from({ length: 30 }, (_, index) => index + 1);
    for (const sequenceId of rounds) {
      const request = () =>
        session.status([inRoot, createDirectory(`made-${sequenceId}`, 0o755)], {
          slotId: 1,
          sequenceId,
          cacheThis: true,
        });
      const [first, second] = await Promise.all([request(), request()]);
      expect(first).toBe("NFS4_OK");
      expect(["NFS4_OK", "NFS4ERR_DELAY"]).toContain(second);
    }
  });
});

describe("the limits of a session", () => {
  test("are those that were agreed on", async () => {
    const session = await temporarySession(
      await temporaryServer({ dialect: { maximumSlots: 4, maximumOperations: 10 } }),
      {
        channel: { maximumRequests: 100, maximumOperations: 1000, maximumRequestSize: 2000, maximumResponseSize: 1000 },
      },
    );
    expect(session.channel).toMatchObject({ maximumRequests: 4, maximumOperations: 10, maximumRequestSize: 2000 });
    expect(await session.status([], { slotId: 3 })).toBe("NFS4_OK");
    expect(await session.status([], { slotId: 4 })).toBe("NFS4ERR_BADSLOT");
    const many = Array.from({ length: 10 }, () => raw(Op.PUTROOTFH));
    expect(await session.status(many.slice(1))).toBe("NFS4_OK");
    expect(await session.status(many, { slotId: 1 })).toBe("NFS4ERR_TOO_MANY_OPS");
    expect(await session.status([inRoot, lookup("x".repeat(3000))], { slotId: 2 })).toBe("NFS4ERR_REQ_TOO_BIG");
    expect(await session.status([inRoot, ...Array.from({ length: 8 }, getAttributes)], { slotId: 3 })).toBe("NFS4_OK");
  });

  test("keep a reply that would be too big from being begun", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), randomBytes(4000));
    const session = await temporarySession(await temporaryServer({ directory }), {
      channel: { maximumResponseSize: 2000, maximumCachedResponseSize: 300 },
    });
    const readFile = (length: number) => [inRoot, lookup("file"), read(ANONYMOUS_STATEID, { offset: 0, length })];
    expect(await session.status(readFile(1000))).toBe("NFS4_OK");
    expect(await session.status(readFile(3000))).toBe("NFS4ERR_REP_TOO_BIG");
    expect(await session.status(readFile(1000), { cacheThis: true })).toBe("NFS4ERR_REP_TOO_BIG_TO_CACHE");
    const padding = Array.from({ length: 25 }, () => raw(Op.PUTROOTFH));
    const make = [...padding, createDirectory("made", 0o755)];
    expect(await session.status(make, { cacheThis: true })).toBe("NFS4ERR_REP_TOO_BIG_TO_CACHE");
    expect(await readdir(directory)).toEqual(["file"]);
  });

  test("cannot be so small that nothing fits", async () => {
    const open = temporarySession(await temporaryServer(), { channel: { maximumResponseSize: 100 } });
    await expect(open).rejects.toThrow("NFS4ERR_TOOSMALL");
  });
});

describe("clients", () => {
  test("say that they reclaim nothing before they may open a file, and say so once", async () => {
    const session = await temporarySession(await temporaryServer(), { skipReclaimComplete: true });
    const openFile = () => [
      inRoot,
      open({ owner: { clientId: session.clientId, name: "o" }, name: "f", create: "guarded" }),
    ];
    expect(await session.status(openFile())).toBe("NFS4ERR_GRACE");
    expect(await session.status([reclaimComplete()])).toBe("NFS4_OK");
    expect(await session.status([reclaimComplete()])).toBe("NFS4ERR_COMPLETE_ALREADY");
    expect(await session.status(openFile())).toBe("NFS4_OK");
  });

  test("end their earlier incarnation with their first session, not before", async () => {
    const server = await temporaryServer();
    const earlier = await temporarySession(server, { name: "client" });
    const connection = await temporaryConnection(server);
    const exchange = exchangeId({ name: "client", verifier: randomBytes(8) });
    const identity = (await connection.compound([exchange])).of(exchange);
    expect(await earlier.status([])).toBe("NFS4_OK");
    await connection.compound([createSession(identity, earlier.channel)]);
    expect(await earlier.status([])).toBe("NFS4ERR_BADSESSION");
  });

  test("that are silent for a lease lose everything; those that are not keep it", async () => {
    const server = await temporaryServer({ leaseSeconds: 2 });
    const [silent, speaking] = [await temporarySession(server), await temporarySession(server)];
    for (let round = 0; round < 8; round++) {
      await sleep(500);
      expect(await speaking.status([])).toBe("NFS4_OK");
    }
    expect(await silent.status([])).toBe("NFS4ERR_BADSESSION");
    const destroyed = await silent.connection.compound([destroyClientId(silent.clientId)]);
    expect(statusOf(destroyed)).toBe("NFS4ERR_STALE_CLIENTID");
  });

  test("give back their sessions before their client id, over a connection of the session", async () => {
    const server = await temporaryServer();
    const session = await temporarySession(server);
    const other = await temporaryConnection(server);
    expect(statusOf(await other.compound([destroyClientId(session.clientId)]))).toBe("NFS4ERR_CLIENTID_BUSY");
    expect(statusOf(await other.compound([destroySession(session.id)]))).toBe("NFS4ERR_CONN_NOT_BOUND_TO_SESSION");
    expect(statusOf(await session.connection.compound([destroySession(session.id)]))).toBe("NFS4_OK");
    expect(await session.status([])).toBe("NFS4ERR_BADSESSION");
    expect(statusOf(await other.compound([destroyClientId(session.clientId)]))).toBe("NFS4_OK");
  });
});

describe("operations in the wrong place", () => {
  test("are refused by name", async () => {
    const server = await temporaryServer();
    const session = await temporarySession(server);
    const { connection } = session;
    expect(statusOf(await connection.compound([inRoot]))).toBe("NFS4ERR_OP_NOT_IN_SESSION");
    const exchange = exchangeId({ name: "x", verifier: randomBytes(8) });
    expect(statusOf(await connection.compound([exchange, inRoot]))).toBe("NFS4ERR_NOT_ONLY_OP");
    const again = sequence({ sessionId: session.id, sequenceId: 9, slotId: 0, highestSlotId: 0, cacheThis: false });
    expect(await session.status([again])).toBe("NFS4ERR_SEQUENCE_POS");
    expect(await session.status([getAttributes()])).toBe("NFS4ERR_NOFILEHANDLE");
    expect(await session.status([inRoot, rename("a", "b")])).toBe("NFS4ERR_NOFILEHANDLE");
    expect(await session.status([saveFileHandle])).toBe("NFS4ERR_NOFILEHANDLE");
    expect(await session.status([raw(Op.RESTOREFH)])).toBe("NFS4ERR_NOFILEHANDLE");
    const layoutGet = 50;
    expect(await session.status([raw(layoutGet)])).toBe("NFS4ERR_NOTSUPP");
    expect(await session.status([raw(Op.ILLEGAL)])).toBe("NFS4ERR_OP_ILLEGAL");
  });
});
