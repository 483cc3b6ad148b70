/** What single refusals and limits of a server come to. That all of them together work: tests/reliability/dialects. */
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dialect, type NfsServer, type Profile, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import {
  BusyError,
  connectNfs,
  DeadlineError,
  etagOf,
  type NfsClient,
  OutcomeUnknownError,
  onDiagnostics,
  PreconditionError,
  ProtocolError,
  TEMPORARY_PREFIX,
} from "nfs-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { Gate } from "../../support/gate.ts";

const DATA = Buffer.from("data");

let directory: string;
let server: NfsServer;
let client: NfsClient | undefined;

async function start(dialect: Partial<Dialect>, profile: Profile = "full", leaseSeconds = 90): Promise<NfsServer> {
  directory = await mkdtemp(join(tmpdir(), "dialects-"));
  server = await startNfsServer({ directory, profile, dialect, leaseSeconds, durable: false });
  return server;
}

async function connect(dialect: Partial<Dialect>, profile?: Profile): Promise<NfsClient> {
  const { host, port } = await start(dialect, profile);
  client = await connectNfs({ host, port });
  return client;
}

/** Some files are closed when nobody waits for it any more. */
async function expectNothingOpen(): Promise<void> {
  await vi.waitFor(() => expect(server.statistics()).toMatchObject({ opens: 0, locks: 0 }), {
    timeout: 60_000,
    interval: 2,
  });
}

/** Freezes the network as soon as the client has a lock, before its next request leaves. Returns what waits for that. */
function freezeAfterLock(gate: Gate, { name }: NfsClient): () => Promise<void> {
  let isLocked = false;
  const end = onDiagnostics("nfs-client:compound", ({ client, operations }) => {
    if (client !== name || !operations.includes("LOCK")) return;
    void gate.set("frozen");
    isLocked = true;
  });
  return async () => {
    await vi.waitFor(() => expect(isLocked).toBe(true), { timeout: 60_000, interval: 2 });
    end();
  };
}

afterEach(async () => {
  await client?.close();
  client = undefined;
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

describe("a server that no file operation can work with is refused with the reason", () => {
  test.each<[string, Partial<Dialect>]>([
    ["grants 7 operations in a COMPOUND: the client needs at least 8", { maximumOperations: 7 }],
    ["grants 16384 bytes in a request: the client needs at least 32768", { maximumMessageBytes: 16 * 1024 }],
    ["does not have the attributes fileId", { unsupportedAttributes: ["FILEID"] }],
  ])("%s", async (reason, dialect) => {
    const connecting = connect(dialect);
    await expect(connecting).rejects.toBeInstanceOf(ProtocolError);
    await expect(connecting).rejects.toThrow(reason);
  });
});

describe("COMPOUNDs of a file that is two directories deep", () => {
  const compoundsOf = async (connected: NfsClient, operation: () => Promise<unknown>) => {
    await connected.makeDirectory("/a/b", { recursive: true });
    // The first time may be when the client learns what the server refuses.
    await operation();
    const before = connected.statistics().compounds;
    await operation();
    return connected.statistics().compounds - before;
  };

  test.each<[string, Partial<Dialect>, Profile, { write: number; read: number; append: number }]>([
    ["everything", {}, "full", { write: 1, read: 1, append: 2 }],
    ["8 operations", { maximumOperations: 8 }, "full", { write: 2, read: 1, append: 3 }],
    ["no VERIFY", { unsupportedOperations: ["VERIFY"] }, "full", { write: 2, read: 1, append: 3 }],
    ["no current stateid", { currentStateid: false }, "full", { write: 3, read: 1, append: 3 }],
    ["no anonymous READ", { anonymousRead: false }, "full", { write: 1, read: 1, append: 2 }],
    ["what EFS may grant", {}, "efs", { write: 2, read: 1, append: 3 }],
    ["as little as possible", {}, "strictest", { write: 3, read: 2, append: 4 }],
  ])("where the server has %s", async (_, dialect, profile, expected) => {
    const connected = await connect(dialect, profile);
    const write = await compoundsOf(connected, () => connected.writeFile("/a/b/file", DATA));
    const read = await compoundsOf(connected, () => connected.readFile("/a/b/file"));
    const append = await compoundsOf(connected, () => connected.appendFile("/a/b/file", DATA));
    expect({ write, read, append }).toEqual(expected);
    await expectNothingOpen();
  });
});

describe("limits of open files and locks", () => {
  test("are errors that say: busy, retry; and leave nothing open", async () => {
    const connected = await connect({ openFilesPerClient: 0 });
    const writing = connected.writeFile("/file", DATA);
    await expect(writing).rejects.toBeInstanceOf(BusyError);
    await expect(writing).rejects.toMatchObject({ reason: "limit", retryAfter: 1 });
    expect(await readdir(directory)).toEqual([]);
    server.setDialect({ openFilesPerClient: 100, locksPerClient: 0 });
    const written = await connected.writeFile("/file", DATA);
    await expect(connected.appendFile("/file", DATA)).rejects.toBeInstanceOf(BusyError);
    const when = { etag: etagOf(written) };
    await expect(connected.writeFile("/file", DATA, { when })).rejects.toBeInstanceOf(BusyError);
    await expect(connected.remove("/file", { when })).rejects.toBeInstanceOf(BusyError);
    await expectNothingOpen();
    expect(await readdir(directory)).toEqual(["file"]);
    server.setDialect({ locksPerClient: 1 });
    expect((await connected.appendFile("/file", DATA)).size).toBe(2 * DATA.length);
  });
});

describe("a server without LINK", () => {
  test("keeps nothing of a file that could not be published", async () => {
    const connected = await connect({ unsupportedOperations: ["LINK"], locksPerClient: 0 });
    await expect(connected.writeFile("/file", DATA, { when: "absent" })).rejects.toBeInstanceOf(BusyError);
    await connected.writeFile("/taken", DATA);
    const taken = connected.writeFile("/taken", Buffer.from("other"), { when: "absent" });
    await expect(taken).rejects.toBeInstanceOf(PreconditionError);
    await vi.waitFor(async () => expect(await readdir(directory)).toEqual(["taken"]), { timeout: 60_000, interval: 2 });
    await expectNothingOpen();
  });
});

describe("a file that somebody replaces without its lock, after it was locked to be changed", () => {
  let gate: Gate | undefined;

  afterEach(() => gate?.close());

  const CHANGES: Readonly<Record<string, (client: NfsClient, etag: string) => Promise<unknown>>> = {
    "replaced under a condition": (one, etag) => one.writeFile("/file", DATA, { when: { etag } }),
    "removed under a condition": (one, etag) => one.remove("/file", { when: { etag } }),
  };
  const cases = Object.keys(CHANGES).flatMap((change) => [
    { change, dialect: {}, name: "VERIFY" },
    { change, dialect: { unsupportedOperations: ["VERIFY"] } as const, name: "no VERIFY" },
    { change, dialect: { maximumOperations: 8 }, name: "8 operations" },
  ]);

  test.each(cases)("is not $change, where the server has $name", async ({ change, dialect }) => {
    const { host, port } = await start(dialect);
    gate = await Gate.open({ host, port });
    client = await connectNfs({ host: gate.host, port: gate.port, silenceLimit: 60_000 });
    const other = await connectNfs({ host, port });
    const etag = etagOf(await other.writeFile("/file", DATA));
    const locked = freezeAfterLock(gate, client);
    const changing = CHANGES[change]?.(client, etag);
    changing?.catch(() => {});
    await locked();
    await other.writeFile("/file", Buffer.from("other"));
    await gate.set("open");
    await expect(changing).rejects.toBeInstanceOf(PreconditionError);
    expect((await other.readFile("/file")).data.toString()).toBe("other");
    await other.close();
    await expectNothingOpen();
  });
});

test("without the time of the last change, no temporary file is taken for an orphan", async () => {
  const connected = await connect({ unsupportedAttributes: ["TIME_MODIFY"] });
  const orphan = `${TEMPORARY_PREFIX}${crypto.randomUUID()}`;
  await writeFile(join(directory, orphan), "");
  await utimes(join(directory, orphan), 0, 0);
  const report = await connected.removeOrphans("/", { olderThan: 1, maximum: 10, duration: 1_000 });
  expect(report).toMatchObject({ removed: 0, complete: false });
  expect(await readdir(directory)).toEqual([orphan]);
});

test("a directory below as many as the server allows is refused by that name", async () => {
  const connected = await connect({ directoryDepth: 3 });
  const making = connected.makeDirectory("/1/2/3/4", { recursive: true });
  await expect(making).rejects.toThrow(/NFS4ERR_NAMETOOLONG.*255 bytes.*deeper/);
});

describe("a server that knows a client only over its connection", () => {
  let proxy: FaultProxy | undefined;

  afterEach(() => proxy?.stop());

  async function connectThroughProxy(leaseSeconds: number) {
    const { host, port } = await start({ clientRecords: "connection" }, "full", leaseSeconds);
    proxy = await FaultProxy.start({ host, port });
    client = await connectNfs({ host: proxy.host, port: proxy.port, silenceLimit: 300 });
    return { proxy, client };
  }

  test("keeps a lock that was lost with it until the lease ends: until then, busy, with the time to wait", async () => {
    const leaseSeconds = 5;
    const { proxy, client } = await connectThroughProxy(leaseSeconds);
    await client.writeFile("/log", DATA);
    let requests = 0;
    // LOCK is done, WRITE is not.
    proxy.faults = () => (++requests === 2 ? "cut before request" : undefined);
    await expect(client.appendFile("/log", DATA)).rejects.toBeInstanceOf(OutcomeUnknownError);
    await client.stat("/log");
    const start = performance.now();
    const again = client.appendFile("/log", DATA, { timeout: 3_500 });
    await expect(again).rejects.toMatchObject({ name: "BusyError", reason: "locked", retryAfter: leaseSeconds });
    expect(performance.now() - start).toBeLessThan(3_000);
    // Who may wait long enough waits.
    expect((await client.appendFile("/log", DATA, { timeout: 20_000 })).size).toBe(2 * DATA.length);
    await expectNothingOpen();
  });

  test("loses no lock when it loses a connection without one: others are waited for as ever", async () => {
    const { proxy, client } = await connectThroughProxy(90);
    await client.writeFile("/log", DATA);
    let requests = 0;
    proxy.faults = () => (++requests === 1 ? "cut before reply" : undefined);
    await client.stat("/log");
    await client.appendFile("/log", DATA);
    const gate = await Gate.open(server);
    const holder = await connectNfs({ host: gate.host, port: gate.port, silenceLimit: 60_000 });
    const held = freezeAfterLock(gate, holder);
    const holding = holder.appendFile("/log", DATA);
    await held();
    await expect(client.appendFile("/log", DATA, { timeout: 200 })).rejects.toBeInstanceOf(DeadlineError);
    await gate.set("open");
    await holding;
    await holder.close();
    await gate.close();
  });

  test("is left with nothing open when the client is closed", async () => {
    const { host, port } = await start({}, "efs");
    client = await connectNfs({ host, port });
    await client.writeFile("/file", Buffer.alloc(4 * 1024 * 1024));
    const { body } = await client.openFile("/file");
    for await (const _ of body) {
      expect(server.statistics().opens).toBe(1);
      await client.close();
      break;
    }
    expect(server.statistics().opens).toBe(0);
  });
});

test("an OPEN whose caller has gone before its reply leaves nothing open", async () => {
  const connected = await connect({ anonymousRead: false, currentStateid: false });
  const content = Buffer.alloc(3 * 1024 * 1024);
  await connected.writeFile("/file", content);
  const timeout = 500;
  const { body } = await connected.openFile("/file", { timeout });
  const inVain: Readonly<Record<string, () => Promise<unknown>>> = {
    read: () => connected.readFile("/file", { length: 10, timeout }),
    stream: async () => {
      for await (const _ of body) break;
    },
    write: () => connected.writeFile("/file", content, { timeout }),
  };
  for (const operation of Object.values(inVain)) {
    let closes = 0;
    const end = onDiagnostics("nfs-client:compound", ({ client, operations }) => {
      if (client === connected.name && operations.includes("CLOSE")) closes += 1;
    });
    server.stall(60_000);
    await expect(operation()).rejects.toBeInstanceOf(DeadlineError);
    server.stall(0);
    await vi.waitFor(() => expect(closes).toBe(1), { timeout: 60_000, interval: 2 });
    end();
    await expectNothingOpen();
    await vi.waitFor(async () => expect(await readdir(directory)).toEqual(["file"]), { timeout: 60_000, interval: 2 });
  }
});

test("paths are long, and COMPOUNDs short", async () => {
  const connected = await connect({ maximumOperations: 8 });
  const deep = `/${Array.from({ length: 40 }, (_, index) => `directory-${index}`).join("/")}`;
  await connected.writeFile(`${deep}/file`, DATA);
  await connected.rename(`${deep}/file`, `${deep}/other`);
  await mkdir(join(directory, deep, "sub"));
  await connected.rename(`${deep}/other`, `${deep}/sub/file`);
  expect((await connected.readFile(`${deep}/sub/file`)).data).toEqual(DATA);
  await expect(connected.readFile(`${deep}/none/file`)).rejects.toThrow("NFS4ERR_NOENT");
  await expect(connected.readFile(`${deep}/sub/file/below`)).rejects.toThrow("NFS4ERR_NOTDIR");
});
