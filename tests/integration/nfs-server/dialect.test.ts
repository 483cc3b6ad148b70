import { link as linkLocally, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Dialect, type NfsServer, PROFILES } from "@efs-mount-autoscaling/nfs-server";
import {
  ANONYMOUS_STATEID,
  Attribute,
  CURRENT_STATEID,
  close,
  createDirectory,
  destroyClientId,
  exchangeId,
  fromBitmap,
  getAttributes,
  getFileHandle,
  link,
  Op,
  putFileHandle,
  putRootFileHandle,
  read,
  readBitmap,
  remove,
  rename,
  ShareAccess,
  type Stateid,
  saveFileHandle,
  toBitmap,
  verifySize,
  write,
  writeBitmap,
  XdrWriter,
} from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { type RawSession, statusOf } from "./driver.ts";
import {
  access,
  freeStateid,
  getAttributesOf,
  listModes,
  lock,
  lookup,
  open,
  raw,
  serverOwner,
  setModeAndTime,
  testLock,
  testStateids,
} from "./operations.ts";
import { temporaryConnection, temporaryDirectory, temporaryServer, temporarySession } from "./temporary.ts";

const inRoot = putRootFileHandle;
const all = { offset: 0, length: 1000 };
const text = (data: string) => ({ offset: 0, data: [Buffer.from(data)], durable: true });
const owner = (session: RawSession, name = "owner") => ({ clientId: session.clientId, name });

const speaking = async (dialect: Partial<Dialect>, directory?: string): Promise<NfsServer> =>
  temporaryServer({ dialect, ...(directory === undefined ? {} : { directory }) });

/** A fattr4. */
function attributes(numbers: readonly number[], values: Buffer): Buffer {
  const writer = new XdrWriter();
  writeBitmap(writer, toBitmap(numbers));
  return writer.opaque(values).toBuffer();
}

async function openFile(session: RawSession, name: string): Promise<{ stateid: Stateid; handle: Buffer }> {
  const opening = open({ owner: owner(session), name, create: "unchecked" });
  const handle = getFileHandle();
  const reply = (await session.run([inRoot, opening, handle])).orThrow();
  return { stateid: reply.of(opening), handle: reply.of(handle) };
}

describe("a session", () => {
  test("is granted what the dialect says, from the next one on", async () => {
    const server = await speaking(PROFILES.efs);
    const asked = { maximumOperations: 64, maximumRequests: 64, maximumRequestSize: 2 ** 21 };
    const session = await temporarySession(server, { channel: asked });
    const size = 1024 * 1024 + 4096;
    expect(session.channel).toMatchObject({
      maximumOperations: 8,
      maximumRequests: 8,
      maximumRequestSize: size,
      maximumResponseSize: size,
    });
    server.setDialect({ maximumOperations: 4, maximumSlots: 1 });
    const lookups = (count: number) => Array.from({ length: count }, () => inRoot);
    expect(await session.status(lookups(7))).toBe("NFS4_OK");
    expect(await session.status(lookups(8), { slotId: 1 })).toBe("NFS4ERR_TOO_MANY_OPS");
    const next = await temporarySession(server, { channel: asked });
    expect(next.channel).toMatchObject({ maximumOperations: 4, maximumRequests: 1 });
  });

  test("has room for one READ and one WRITE of 1 MiB in the dialect of Amazon EFS, with its long handles", async () => {
    const server = await speaking(PROFILES.efs);
    const session = await temporarySession(server, { channel: { maximumOperations: 64 } });
    const { stateid, handle } = await openFile(session, "file");
    const data = Buffer.alloc(1024 * 1024, "x");
    expect(await session.status([putFileHandle(handle), write(stateid, { ...text(""), data: [data] })])).toBe(
      "NFS4_OK",
    );
    const whole = { offset: 0, length: data.length };
    expect((await session.result([putFileHandle(handle)], read(stateid, whole))).data.equals(data)).toBe(true);
  });

  test("is refused by a limit that no server can have", async () => {
    await expect(speaking({ maximumOperations: 1 })).rejects.toThrow("maximumOperations is 1");
    const server = await temporaryServer();
    expect(() => server.setDialect({ maximumMessageBytes: 2 ** 30 })).toThrow("maximumMessageBytes is 1073741824");
    expect(server.dialect).toEqual(PROFILES.full);
  });
});

describe("an operation that the dialect is without", () => {
  test("is not supported, and the others are", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "hello");
    const server = await speaking({ unsupportedOperations: ["LINK"] }, directory);
    const session = await temporarySession(server);
    const linking = [inRoot, lookup("file"), saveFileHandle, inRoot, link("name")];
    const verifying = [inRoot, lookup("file"), verifySize(5)];
    const differing = [inRoot, lookup("file"), raw(Op.NVERIFY, attributes([Attribute.SIZE], Buffer.alloc(8)))];
    const supportsLinks = async () =>
      (await session.result([inRoot], getAttributesOf(Attribute.LINK_SUPPORT))).values.bool();
    expect(await session.status(linking)).toBe("NFS4ERR_NOTSUPP");
    expect(await session.status(verifying)).toBe("NFS4_OK");
    expect(await session.status(differing)).toBe("NFS4_OK");
    expect(await supportsLinks()).toBe(false);
    server.setDialect({ unsupportedOperations: ["VERIFY", "NVERIFY"] });
    expect(await session.status(linking)).toBe("NFS4_OK");
    expect(await session.status(verifying)).toBe("NFS4ERR_NOTSUPP");
    expect(await session.status(differing)).toBe("NFS4ERR_NOTSUPP");
    expect(await supportsLinks()).toBe(true);
  });
});

describe("an attribute that the dialect is without", () => {
  test("is left out where it is asked for, and refused where it is given", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "hello");
    const session = await temporarySession(await speaking({ unsupportedAttributes: ["MODE", "FILEID"] }, directory));
    const file = [inRoot, lookup("file")];
    const asked = getAttributesOf(Attribute.SUPPORTED_ATTRS, Attribute.SIZE, Attribute.FILEID, Attribute.MODE);
    const { given } = await session.result(file, asked);
    expect(given).toEqual([Attribute.SUPPORTED_ATTRS, Attribute.SIZE]);
    expect(await session.result(file, getAttributes())).toMatchObject({ type: "file", size: 5, mode: 0, fileId: 0n });
    expect((await session.result([inRoot], listModes()))[0]).not.toHaveProperty("mode");
    const supported = (await session.result(file, getAttributesOf(Attribute.SUPPORTED_ATTRS))).values;
    const numbers = fromBitmap(readBitmap(supported));
    expect(numbers).toContain(Attribute.SIZE);
    expect(numbers).not.toContain(Attribute.FILEID);
    expect(numbers).not.toContain(Attribute.MODE);
    expect(await session.status([...file, setModeAndTime(ANONYMOUS_STATEID, 0o600, 1)])).toBe("NFS4ERR_ATTRNOTSUPP");
    expect(await session.status([inRoot, createDirectory("made", 0o755)])).toBe("NFS4ERR_ATTRNOTSUPP");
    const [word] = toBitmap([Attribute.FILEID]);
    const sameFile = new XdrWriter()
      .uint32(1)
      .uint32(word ?? 0)
      .opaque(Buffer.alloc(8));
    expect(await session.status([...file, raw(Op.VERIFY, sameFile.toBuffer())])).toBe("NFS4ERR_ATTRNOTSUPP");
    expect(await readdir(directory)).toEqual(["file"]);
  });
});

describe("a special stateid that the dialect is without", () => {
  test("is no stateid: the current one", async () => {
    const directory = await temporaryDirectory();
    const server = await speaking({ currentStateid: false }, directory);
    const session = await temporarySession(server);
    const opening = () => open({ owner: owner(session), name: "file", create: "unchecked" });
    const atOnce = () =>
      session.status([inRoot, opening(), write(CURRENT_STATEID, text("hello")), close(CURRENT_STATEID)]);
    expect(await atOnce()).toBe("NFS4ERR_BAD_STATEID");
    expect(await session.status([inRoot, opening(), close(CURRENT_STATEID)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await session.status([inRoot, opening(), lock(CURRENT_STATEID, owner(session))])).toBe(
      "NFS4ERR_BAD_STATEID",
    );
    expect(await session.status([inRoot, opening(), read(CURRENT_STATEID, all)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await session.status([freeStateid(CURRENT_STATEID)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await readFile(join(directory, "file"), "utf8")).toBe("");
    const { stateid, handle } = await openFile(session, "file");
    const real = [putFileHandle(handle), write(stateid, text("hello")), close(stateid)];
    expect(await session.status(real)).toBe("NFS4_OK");
    server.setDialect({ currentStateid: true });
    expect(await atOnce()).toBe("NFS4_OK");
  });

  test("is none that a READ takes: those without an open", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "hello");
    const session = await temporarySession(await speaking({ anonymousRead: false }, directory));
    const bypass: Stateid = { seqid: 0xffff_ffff, other: Buffer.alloc(12, 0xff) };
    const file = [inRoot, lookup("file")];
    for (const stateid of [ANONYMOUS_STATEID, bypass, CURRENT_STATEID]) {
      expect(await session.status([...file, read(stateid, all)])).toBe("NFS4ERR_BAD_STATEID");
    }
    const opening = open({ owner: owner(session), name: "file" });
    const data = await session.result([inRoot, opening], read(CURRENT_STATEID, all));
    expect(data.data.toString()).toBe("hello");
  });
});

describe("a client", () => {
  const name = "the same client";

  test("is known to all mount targets when they share client records, so that one can end it through another", async () => {
    const directory = await temporaryDirectory();
    const [first, second] = [await speaking({}, directory), await speaking({}, directory)];
    const lost = await temporarySession(first, { name });
    const { stateid, handle } = await openFile(lost, "file");
    await lost.result([putFileHandle(handle)], lock(stateid, owner(lost)));
    await temporarySession(second, { name });
    expect(await lost.status([])).toBe("NFS4ERR_BADSESSION");
    const other = await temporarySession(second);
    expect(await other.status([inRoot, lookup("file"), testLock(owner(other))])).toBe("NFS4_OK");
  });

  test("is another one through another mount target when they do not, and keeps its locks there", async () => {
    const directory = await temporaryDirectory();
    const dialect = { clientRecords: "mount-target" } as const;
    const [first, second] = [await speaking(dialect, directory), await speaking(dialect, directory)];
    const lost = await temporarySession(first, { name });
    const { stateid, handle } = await openFile(lost, "file");
    await lost.result([putFileHandle(handle)], lock(stateid, owner(lost)));
    const fencing = await temporarySession(second, { name });
    expect(await lost.status([putFileHandle(handle), write(stateid, text("late"))])).toBe("NFS4_OK");
    expect(await fencing.status([inRoot, lookup("file"), testLock(owner(fencing))])).toBe("NFS4ERR_DENIED");
    expect(await fencing.result([], testStateids(stateid))).toEqual(["NFS4ERR_BAD_STATEID"]);
    expect(statusOf(await fencing.connection.compound([destroyClientId(lost.clientId)]))).toBe(
      "NFS4ERR_STALE_CLIENTID",
    );
    const same = await temporarySession(first, { name });
    expect(await lost.status([])).toBe("NFS4ERR_BADSESSION");
    expect(await same.status([inRoot, lookup("file"), testLock(owner(same))])).toBe("NFS4_OK");
  });

  test("is known to one connection only in the dialect of Amazon EFS: after a reconnect its session is not there", async () => {
    const server = await speaking(PROFILES.efs);
    const session = await temporarySession(server, { name });
    const { stateid, handle } = await openFile(session, "file");
    await session.result([putFileHandle(handle)], lock(stateid, owner(session)));
    const reconnected = await temporaryConnection(server);
    expect(statusOf(await reconnected.compound([session.sequence({ slotId: 1 })]))).toBe("NFS4ERR_BADSESSION");
    const again = await temporarySession(server, { name, connection: reconnected });
    expect(again.clientId).not.toBe(session.clientId);
    expect(await again.status([putFileHandle(handle), read(stateid, all)])).toBe("NFS4ERR_BAD_STATEID");
    expect(await again.status([inRoot, lookup("file"), testLock(owner(again))])).toBe("NFS4ERR_DENIED");
    expect(await session.status([])).toBe("NFS4_OK");
  });

  test("that only one connection knew loses what it had when its lease runs out", async () => {
    const server = await temporaryServer({ profile: "efs", leaseSeconds: 1 });
    const session = await temporarySession(server);
    const { stateid, handle } = await openFile(session, "file");
    await session.result([putFileHandle(handle)], lock(stateid, owner(session)));
    session.close();
    const other = await temporarySession(server);
    const isFree = () => other.status([inRoot, lookup("file"), testLock(owner(other))]);
    expect(await isFree()).toBe("NFS4ERR_DENIED");
    await expect.poll(isFree, { interval: 200 }).toBe("NFS4_OK");
  });

  test("can tell by the server's owner whether two connections lead to the same records", async () => {
    const directory = await temporaryDirectory();
    const [first, second] = [await speaking({}, directory), await speaking({}, directory)];
    const ownerOf = async (server: NfsServer) => {
      const asking = serverOwner("anyone");
      return (await (await temporaryConnection(server)).compound([asking])).orThrow().of(asking);
    };
    expect(await ownerOf(first)).toBe(await ownerOf(second));
    for (const server of [first, second]) server.setDialect({ clientRecords: "mount-target" });
    expect(await ownerOf(first)).toBe(await ownerOf(first));
    expect(await ownerOf(first)).not.toBe(await ownerOf(second));
    first.setDialect({ clientRecords: "connection" });
    expect(await ownerOf(first)).not.toBe(await ownerOf(first));
  });
});

describe("a lock", () => {
  test("that was taken through another mount target is not seen, when the dialect does not share locks", async () => {
    const directory = await temporaryDirectory();
    const [first, second] = [await speaking({}, directory), await speaking({}, directory)];
    const [holder, other] = [await temporarySession(first), await temporarySession(second)];
    const { stateid, handle } = await openFile(holder, "file");
    await holder.result([putFileHandle(handle)], lock(stateid, owner(holder)));
    const isFree = () => other.status([inRoot, lookup("file"), testLock(owner(other))]);
    expect(await isFree()).toBe("NFS4ERR_DENIED");
    second.setDialect({ locks: "mount-target" });
    expect(await isFree()).toBe("NFS4_OK");
    const theirs = await openFile(other, "file");
    expect(await other.status([putFileHandle(theirs.handle), lock(theirs.stateid, owner(other))])).toBe("NFS4_OK");
  });

  test("is one too many above the client's quota, and above the file's", async () => {
    const session = await temporarySession(await speaking({ locksPerClient: 3, locksPerFile: 2 }));
    const take = async (name: string, byte: number) => {
      const { stateid, handle } = await openFile(session, name);
      const range = { offset: BigInt(2 * byte), length: 1n };
      return session.status([putFileHandle(handle), lock(stateid, owner(session), range)]);
    };
    expect([await take("a", 0), await take("a", 1), await take("a", 2)]).toEqual([
      "NFS4_OK",
      "NFS4_OK",
      "NFS4ERR_DQUOT",
    ]);
    expect([await take("b", 0), await take("c", 0)]).toEqual(["NFS4_OK", "NFS4ERR_DQUOT"]);
  });
});

describe("a quota of", () => {
  test("open files: one more is not opened, and not created either", async () => {
    const directory = await temporaryDirectory();
    const session = await temporarySession(await speaking({ openFilesPerClient: 2 }, directory));
    const opening = (name: string) =>
      session.status([inRoot, open({ owner: owner(session), name, create: "unchecked" })]);
    expect([await opening("a"), await opening("b"), await opening("c")]).toEqual([
      "NFS4_OK",
      "NFS4_OK",
      "NFS4ERR_DQUOT",
    ]);
    expect(await opening("a")).toBe("NFS4_OK");
    expect((await readdir(directory)).sort()).toEqual(["a", "b"]);
    await writeFile(join(directory, "c"), "");
    expect(await opening("c")).toBe("NFS4ERR_DQUOT");
    const other = await temporarySession(await speaking({ openFilesPerClient: 2 }, directory));
    expect(await other.status([inRoot, open({ owner: owner(other), name: "c" })])).toBe("NFS4_OK");
  });

  test("names of a file: 177, as on Amazon EFS, and a name that is taken is that first of all", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "");
    for (let index = 2; index <= 176; index++) await linkLocally(join(directory, "file"), join(directory, `${index}`));
    const session = await temporarySession(await temporaryServer({ directory, profile: "efs" }));
    const linking = (name: string) => session.status([inRoot, lookup("file"), saveFileHandle, inRoot, link(name)]);
    expect([await linking("177"), await linking("178")]).toEqual(["NFS4_OK", "NFS4ERR_MLINK"]);
    expect(await linking("177")).toBe("NFS4ERR_EXIST");
  });

  test("directories below each other, however they get there", async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "a/b"), { recursive: true });
    await mkdir(join(directory, "moved"));
    await writeFile(join(directory, "file"), "");
    const session = await temporarySession(await speaking({ directoryDepth: 3 }, directory));
    const at = [inRoot, lookup("a"), lookup("b")];
    expect(await session.status([...at, createDirectory("c", 0o755)])).toBe("NFS4_OK");
    const below = [...at, lookup("c")];
    expect(await session.status([...below, createDirectory("d", 0o755)])).toBe("NFS4ERR_NAMETOOLONG");
    expect(await session.status([inRoot, saveFileHandle, ...below, rename("moved", "d")])).toBe("NFS4ERR_NAMETOOLONG");
    expect(await session.status([inRoot, saveFileHandle, ...below, rename("file", "d")])).toBe("NFS4_OK");
  });
});

test("a READ and a WRITE may do a part of what they are asked for", async () => {
  const session = await temporarySession(await speaking({ bytesAtOnce: 3 }));
  const { handle, stateid } = await openFile(session, "file");
  const writing = write(stateid, text("abcdef"));
  expect(await session.result([putFileHandle(handle)], writing)).toMatchObject({ count: 3 });
  const { data, endOfFile } = await session.result([putFileHandle(handle)], read(stateid, all));
  expect([String(data), endOfFile]).toEqual(["abc", true]);
  await session.status([putFileHandle(handle), write(stateid, { ...text("def"), offset: 3 })]);
  const first = await session.result([putFileHandle(handle)], read(stateid, all));
  expect([String(first.data), first.endOfFile]).toEqual(["abc", false]);
});

describe("a file handle", () => {
  test("is as long as the protocol allows in the dialect of Amazon EFS, and means the same", async () => {
    const server = await speaking(PROFILES.efs);
    const session = await temporarySession(server);
    const long = await openFile(session, "file");
    expect(long.handle).toHaveLength(128);
    server.setDialect({ longFileHandles: false });
    const short = await session.result([inRoot, lookup("file")], getFileHandle());
    expect(short.length).toBeLessThan(128);
    for (const handle of [long.handle, short]) {
      expect(await session.status([putFileHandle(handle), write(long.stateid, text("x"))])).toBe("NFS4_OK");
    }
  });
});

describe("the right to use a mount target", () => {
  test("can go while connections are open, and come back", async () => {
    const server = await temporaryServer();
    const session = await temporarySession(server);
    server.setDialect({ authorization: "revoked" });
    expect(await session.status([inRoot])).toBe("NFS4ERR_ACCESS");
    const anyone = exchangeId({ name: "anyone", verifier: Buffer.alloc(8) });
    expect(statusOf(await (await temporaryConnection(server)).compound([anyone]))).toBe("NFS4ERR_ACCESS");
    server.setDialect({ authorization: "granted" });
    expect(await session.status([inRoot], { sequenceId: 2 })).toBe("NFS4_OK");
  });

  test("can be had again by a new connection only", async () => {
    const server = await temporaryServer();
    const session = await temporarySession(server);
    server.setDialect({ authorization: "revoked-until-reconnect" });
    server.setDialect({ anonymousRead: false });
    expect(await session.status([inRoot])).toBe("NFS4ERR_ACCESS");
    const reconnected = await temporaryConnection(server);
    expect(statusOf(await reconnected.compound([session.sequence({ sequenceId: 2 }), inRoot]))).toBe("NFS4_OK");
  });
});

describe("a mount target that is read-only", () => {
  test("refuses every change with NFS4ERR_ROFS, reads on, and takes changes again when it is told to", async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "directory"));
    await writeFile(join(directory, "file"), "content");
    const server = await speaking({}, directory);
    const session = await temporarySession(server);
    const { stateid, handle } = await openFile(session, "file");
    const changes = (name: string) => [
      [inRoot, open({ owner: owner(session), name, create: "unchecked" })],
      [inRoot, open({ owner: owner(session, "writer"), name: "file", access: ShareAccess.WRITE })],
      [putFileHandle(handle), write(stateid, text("changed"))],
      [putFileHandle(handle), setModeAndTime(ANONYMOUS_STATEID, 0o600, 1)],
      [inRoot, createDirectory(`${name}-directory`, undefined)],
      [putFileHandle(handle), saveFileHandle, inRoot, link(`${name}-link`)],
      [inRoot, saveFileHandle, rename(name, `${name}-renamed`)],
      [inRoot, remove(`${name}-renamed`)],
    ];
    const before = await snapshot(directory);

    server.setDialect({ readOnly: true });
    for (const operations of changes("refused")) expect(await session.status(operations)).toBe("NFS4ERR_ROFS");
    expect(await snapshot(directory)).toEqual(before);
    const reading = open({ owner: owner(session, "reader"), name: "file", access: ShareAccess.READ });
    expect((await session.result([inRoot, reading], read(CURRENT_STATEID, all))).data.toString()).toBe("content");
    expect(await session.result([inRoot], access(ANY_RIGHT))).toBe(READ_RIGHTS);

    server.setDialect({ readOnly: false });
    for (const operations of changes("done")) expect(await session.status(operations)).toBe("NFS4_OK");
    expect(await readFile(join(directory, "file"), "utf8")).toBe("changed");
    expect(await session.result([inRoot], access(ANY_RIGHT))).toBe(ANY_RIGHT & ~EXECUTE_RIGHT);
  });
});

/** ACCESS4_READ and LOOKUP; all of ACCESS4_*; ACCESS4_EXECUTE, which directories do not have (RFC 8881 §18.1). */
const READ_RIGHTS = 0x3;
const ANY_RIGHT = 0x3f;
const EXECUTE_RIGHT = 0x20;

/** Names, contents and modes. */
async function snapshot(directory: string): Promise<unknown[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      const { mode, mtimeMs } = await stat(path);
      return [entry.name, mode, entry.isFile() ? [mtimeMs, await readFile(path, "utf8")] : "directory"];
    }),
  );
}

describe("a connection", () => {
  test("is closed at the end of its lifetime, also when that is set later", async () => {
    const server = await speaking({ connectionLifetimeMs: 100 });
    const first = await temporarySession(server);
    const start = performance.now();
    await first.connection.closedByServer();
    expect(performance.now() - start).toBeLessThan(5_000);
    server.setDialect({ connectionLifetimeMs: 0 });
    const second = await temporarySession(server);
    await sleep(300);
    expect(await second.status([inRoot])).toBe("NFS4_OK");
    server.setDialect({ connectionLifetimeMs: 50 });
    await second.connection.closedByServer();
  });
});
