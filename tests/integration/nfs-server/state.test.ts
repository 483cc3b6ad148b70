import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import {
  ANONYMOUS_STATEID,
  CURRENT_STATEID,
  close,
  getFileHandle,
  lookup,
  openByHandle,
  putFileHandle,
  putRootFileHandle,
  read,
  remove,
  rename,
  ShareAccess,
  type Stateid,
  saveFileHandle,
  setSize,
  write,
} from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import type { RawSession } from "./driver.ts";
import { freeStateid, lock, lockMore, open, openDowngrade, testLock, testStateids, unlock } from "./operations.ts";
import { temporaryDirectory, temporaryServer, temporarySession } from "./temporary.ts";

const inRoot = putRootFileHandle;
const BYPASS: Stateid = { seqid: 0xffff_ffff, other: Buffer.alloc(12, 0xff) };
const INVALID: Stateid = { seqid: 0xffff_ffff, other: Buffer.alloc(12) };

const owner = (session: RawSession, name = "owner") => ({ clientId: session.clientId, name });

/** Opens a file in the root, and tells its handle. */
async function openFile(
  session: RawSession,
  name: string,
  access: number = ShareAccess.BOTH,
): Promise<{ stateid: Stateid; at: readonly ReturnType<typeof putFileHandle>[] }> {
  const opening = open({ owner: owner(session), name, create: "unchecked", access });
  const handle = getFileHandle();
  const reply = (await session.run([inRoot, opening, handle])).orThrow();
  return { stateid: reply.of(opening), at: [putFileHandle(reply.of(handle))] };
}

const text = (data: string) => ({ offset: 0, data: [Buffer.from(data)], durable: true });
const all = { offset: 0, length: 1000 };

describe("opens", () => {
  test("write, read and close through the current stateid in one COMPOUND", async () => {
    const directory = await temporaryDirectory();
    const session = await temporarySession(await temporaryServer({ directory }));
    const opening = open({ owner: owner(session), name: "file", create: "guarded" });
    const status = await session.status([
      inRoot,
      saveFileHandle,
      opening,
      write(CURRENT_STATEID, text("hello")),
      close(CURRENT_STATEID),
    ]);
    expect(status).toBe("NFS4_OK");
    expect(await readFile(join(directory, "file"), "utf8")).toBe("hello");
  });

  test("allow what they were opened for, and what the same owner opened as well", async () => {
    const session = await temporarySession(await temporaryServer());
    const { at, stateid } = await openFile(session, "file", ShareAccess.READ);
    expect(await session.status([...at, write(stateid, text("x"))])).toBe("NFS4ERR_OPENMODE");
    expect(await session.status([...at, setSize(stateid, 0)])).toBe("NFS4ERR_OPENMODE");
    const again = await openFile(session, "file", ShareAccess.WRITE);
    expect(again.stateid.other).toEqual(stateid.other);
    expect(again.stateid.seqid).toBe(stateid.seqid + 1);
    expect(await session.status([...at, write(again.stateid, text("hello"))])).toBe("NFS4_OK");
    expect((await session.result([...at], read(again.stateid, all))).data.toString()).toBe("hello");
    expect(await session.status([...at, read(stateid, all)])).toBe("NFS4ERR_OLD_STATEID");
    expect(await session.status([...at, read({ ...stateid, seqid: 0 }, all)])).toBe("NFS4_OK");
  });

  test("are downgraded to what they were opened for before", async () => {
    const session = await temporarySession(await temporaryServer());
    await openFile(session, "file", ShareAccess.READ);
    const { at, stateid } = await openFile(session, "file", ShareAccess.WRITE);
    expect(await session.status([...at, openDowngrade(stateid, ShareAccess.READ)])).toBe("NFS4_OK");
    const newest = { ...stateid, seqid: 0 };
    expect(await session.status([...at, write(newest, text("x"))])).toBe("NFS4ERR_OPENMODE");
    expect(await session.status([...at, openDowngrade(newest, ShareAccess.WRITE)])).toBe("NFS4ERR_INVAL");
  });

  test("keep a file readable that was removed, or replaced, until they are closed", async () => {
    const session = await temporarySession(await temporaryServer());
    for (const loss of [
      [inRoot, remove("file")],
      [inRoot, saveFileHandle, rename("other", "file")],
    ]) {
      const { at, stateid } = await openFile(session, "file");
      await session.run([...at, write(stateid, text("still here"))]);
      await openFile(session, "other");
      expect(await session.status(loss)).toBe("NFS4_OK");
      expect((await session.result(at, read(stateid, all))).data.toString()).toBe("still here");
      expect(await session.status([...at, write(stateid, text("and written"))])).toBe("NFS4_OK");
      expect(await session.status([...at, close(stateid)])).toBe("NFS4_OK");
      expect(await session.status([...at, read(ANONYMOUS_STATEID, all)])).toBe("NFS4ERR_STALE");
    }
  });

  test("belong to one client and one file", async () => {
    const server = await temporaryServer();
    const [mine, other] = [await temporarySession(server), await temporarySession(server)];
    const file = await openFile(mine, "file");
    const { at } = await openFile(mine, "other");
    expect(await other.status([...file.at, read(file.stateid, all)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await mine.status([...at, read(file.stateid, all)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await mine.status([...file.at, close(file.stateid), close(file.stateid)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await mine.status([...file.at, read(file.stateid, all)])).toBe("NFS4ERR_BAD_STATEID");
  });

  test("are not needed to read and write, with the special stateids", async () => {
    const session = await temporarySession(await temporaryServer());
    const { at, stateid } = await openFile(session, "file");
    await session.run([...at, close(stateid)]);
    expect(await session.status([...at, write(ANONYMOUS_STATEID, text("hello"))])).toBe("NFS4_OK");
    expect((await session.result(at, read(BYPASS, all))).data.toString()).toBe("hello");
    expect((await session.result(at, read(CURRENT_STATEID, all))).data.toString()).toBe("hello");
    expect(await session.status([...at, read(INVALID, all)])).toBe("NFS4ERR_BAD_STATEID");
  });

  test("create a file once, however often the same exclusive creation is sent", async () => {
    const session = await temporarySession(await temporaryServer());
    const create = (verifier: string) =>
      open({ owner: owner(session), name: "file", create: { exclusive: Buffer.from(verifier) } });
    expect(await session.status([inRoot, create("verifier")])).toBe("NFS4_OK");
    expect(await session.status([inRoot, create("verifier")])).toBe("NFS4_OK");
    expect(await session.status([inRoot, create("another!")])).toBe("NFS4ERR_EXIST");
  });

  test("truncate, guard, or deny nothing to others, as asked and as on Amazon EFS", async () => {
    const directory = await temporaryDirectory();
    const session = await temporarySession(await temporaryServer({ directory }));
    await writeFile(join(directory, "file"), "content");
    const opening = (more: object) => [inRoot, open({ owner: owner(session), name: "file", ...more })];
    expect(await session.status(opening({ create: "guarded" }))).toBe("NFS4ERR_EXIST");
    expect(await session.status(opening({ create: "unchecked", size: 3 }))).toBe("NFS4_OK");
    expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
    expect(await session.status(opening({ create: "unchecked", size: 0 }))).toBe("NFS4_OK");
    expect(await readFile(join(directory, "file"), "utf8")).toBe("");
    expect(await session.status(opening({ deny: 1 }))).toBe("NFS4ERR_NOTSUPP");
    expect(await session.status(opening({ access: 0 }))).toBe("NFS4ERR_INVAL");
  });
});

describe("byte-range locks", () => {
  async function twoClients(): Promise<{ servers: NfsServer[]; holder: RawSession; other: RawSession }> {
    const directory = await temporaryDirectory();
    const servers = [await temporaryServer({ directory }), await temporaryServer({ directory })] as const;
    return {
      servers: [...servers],
      holder: await temporarySession(servers[0]),
      other: await temporarySession(servers[1]),
    };
  }

  test("that are taken through one mount target are seen through another", async () => {
    const { holder, other } = await twoClients();
    const mine = await openFile(holder, "file");
    const theirs = await openFile(other, "file");
    expect(theirs.at).toHaveLength(1);
    const held = await holder.result(mine.at, lock(mine.stateid, owner(holder), { offset: 10n, length: 10n }));
    const wanted = (offset: bigint) => lock(theirs.stateid, owner(other), { offset, length: 5n });
    expect(await other.status([...theirs.at, wanted(15n)])).toBe("NFS4ERR_DENIED");
    expect(await other.status([...theirs.at, testLock(owner(other), { offset: 19n })])).toBe("NFS4ERR_DENIED");
    expect(await other.status([...theirs.at, wanted(20n)])).toBe("NFS4_OK");
    expect(await holder.status([...mine.at, unlock(held, { offset: 10n, length: 5n })])).toBe("NFS4_OK");
    expect(await other.status([...theirs.at, wanted(10n)])).toBe("NFS4_OK");
    expect(await other.status([...theirs.at, wanted(15n)])).toBe("NFS4ERR_DENIED");
  });

  test("end with the open, with the client's lease, and with nothing else of their holder's", async () => {
    const directory = await temporaryDirectory();
    const server = await temporaryServer({ directory, leaseSeconds: 2 });
    const [holder, other] = [await temporarySession(server), await temporarySession(server)];
    const mine = await openFile(holder, "file");
    const theirs = await openFile(other, "file");
    const take = () => other.status([...theirs.at, testLock(owner(other))]);
    await holder.result(mine.at, lock(mine.stateid, owner(holder)));
    expect(await take()).toBe("NFS4ERR_DENIED");
    await holder.run([...mine.at, close(mine.stateid)]);
    expect(await take()).toBe("NFS4_OK");
    const again = await openFile(holder, "file");
    await holder.result(again.at, lock(again.stateid, owner(holder)));
    expect(await take()).toBe("NFS4ERR_DENIED");
    holder.close();
    for (let round = 0; round < 8; round++) {
      await sleep(500);
      await other.status([]);
    }
    expect(await take()).toBe("NFS4_OK");
  });

  test("are shared by readers, and do not keep anybody from reading or writing", async () => {
    const { holder, other } = await twoClients();
    const mine = await openFile(holder, "file");
    const theirs = await openFile(other, "file");
    await holder.result(mine.at, lock(mine.stateid, owner(holder), { exclusive: false }));
    expect(await other.status([...theirs.at, lock(theirs.stateid, owner(other), { exclusive: false })])).toBe(
      "NFS4_OK",
    );
    expect(await other.status([...theirs.at, lock(theirs.stateid, owner(other, "third"))])).toBe("NFS4ERR_DENIED");
    expect(await other.status([...theirs.at, write(theirs.stateid, text("advisory"))])).toBe("NFS4_OK");
  });

  test("have one stateid for an owner and a file, that goes once nothing is locked", async () => {
    const session = await temporarySession(await temporaryServer());
    const { at, stateid } = await openFile(session, "file");
    const first = await session.result(at, lock(stateid, owner(session), { offset: 0n, length: 10n }));
    const second = await session.result(at, lockMore(first, { offset: 20n, length: 10n }));
    expect(second).toEqual({ other: first.other, seqid: first.seqid + 1 });
    const newest = { ...first, seqid: 0 };
    expect(await session.result([], testStateids(stateid, first, second, INVALID))).toEqual([
      "NFS4_OK",
      "NFS4ERR_OLD_STATEID",
      "NFS4_OK",
      "NFS4ERR_BAD_STATEID",
    ]);
    expect(await session.status([freeStateid(newest)])).toBe("NFS4ERR_LOCKS_HELD");
    expect(await session.status([...at, unlock(newest), freeStateid(newest)])).toBe("NFS4_OK");
    expect(await session.status([freeStateid(newest)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await session.status([freeStateid(stateid)])).toBe("NFS4ERR_LOCKS_HELD");
  });

  test("are bounded in number, on a file and of a client", async () => {
    const server = await temporaryServer({ dialect: { locksPerClient: 768 } });
    const session = await temporarySession(server);
    const { at, stateid } = await openFile(session, "file");
    const first = await session.result(at, lock(stateid, owner(session, "0"), { offset: 0n, length: 1n }));
    const newest = { ...first, seqid: 0 };
    const statuses = new Map<number, string>();
    for (let index = 1; index <= 512; index++) {
      const range = { offset: BigInt(2 * index), length: 1n };
      statuses.set(index, await session.status([...at, lockMore(newest, range)]));
    }
    expect([statuses.get(511), statuses.get(512)]).toEqual(["NFS4_OK", "NFS4ERR_DQUOT"]);
    const other = await openFile(session, "other");
    for (let index = 1; index <= 257; index++) {
      const another = lock(other.stateid, owner(session, `${index}`), { offset: BigInt(2 * index), length: 1n });
      statuses.set(index, await session.status([...other.at, another]));
    }
    expect([statuses.get(256), statuses.get(257)]).toEqual(["NFS4_OK", "NFS4ERR_DQUOT"]);
    await session.result(at, unlock(newest));
    const more = lock(other.stateid, owner(session, "more"), { offset: 0n, length: 1n });
    expect(await session.status([...other.at, more])).toBe("NFS4_OK");
    expect(await session.status([...at, close(stateid)])).toBe("NFS4_OK");
    const again = await openFile(session, "file");
    expect(await session.status([...again.at, lock(again.stateid, owner(session))])).toBe("NFS4_OK");
  });

  test("need a file that is open for what they protect, and a range that can be", async () => {
    const session = await temporarySession(await temporaryServer());
    const { at, stateid } = await openFile(session, "file", ShareAccess.READ);
    const attempt = (range: object) => session.status([...at, lock(stateid, owner(session), range)]);
    expect(await attempt({ exclusive: true })).toBe("NFS4ERR_OPENMODE");
    expect(await attempt({ exclusive: false, length: 0n })).toBe("NFS4ERR_INVAL");
    expect(await attempt({ exclusive: false, offset: 2n ** 64n - 5n, length: 10n })).toBe("NFS4ERR_INVAL");
    expect(await attempt({ exclusive: false, offset: 2n ** 64n - 5n, length: 5n })).toBe("NFS4_OK");
    expect(
      await session.status([inRoot, lookup("file"), openByHandle(owner(session), "read"), close(CURRENT_STATEID)]),
    ).toBe("NFS4_OK");
  });
});
