/** What operators see of a client, on channels of `node:diagnostics_channel`. */
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import {
  ClosedError,
  ConnectionError,
  connectNfs,
  type NfsClient,
  type NfsDiagnostics,
  NfsError,
  onDiagnostics,
  type StatusName,
} from "nfs-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Fault, FaultProxy } from "../../support/fault-proxy.ts";
import { Gate } from "../../support/gate.ts";

type Name = keyof NfsDiagnostics;

const SMALL_READ = ["SEQUENCE", "PUTROOTFH", "LOOKUP", "GETATTR", "READ"];

describe("a client's diagnostics", () => {
  let directory: string;
  let server: NfsServer;
  let gate: Gate;
  let client: NfsClient;
  let refuseWrite: () => StatusName | undefined;
  const ends: (() => void)[] = [];

  /** The messages of a channel, from now on. */
  function listen<Channel extends Name>(name: Channel): NfsDiagnostics[Channel][] {
    const messages: NfsDiagnostics[Channel][] = [];
    ends.push(onDiagnostics(name, (message) => messages.push(message)));
    return messages;
  }

  const about = () => ({ client: client.name, server: `${gate.host}:${gate.port}` });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "diagnostics-"));
    refuseWrite = () => undefined;
    server = await startNfsServer({ directory, durable: false, refuseWrite: () => refuseWrite() });
    gate = await Gate.open(server);
    client = await connectNfs({ host: gate.host, port: gate.port, silenceLimit: 300 });
    await client.writeFile("/file", Buffer.from("content"));
  });

  afterEach(async () => {
    for (const end of ends.splice(0)) end();
    await client?.close();
    await gate?.close();
    await server?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("tell of a connection and its session, from beginning to end", async () => {
    const connects = listen("nfs-client:connect");
    const sessions = listen("nfs-client:session:created");
    const disconnects = listen("nfs-client:disconnect");
    const other = await connectNfs({ host: gate.host, port: gate.port, slots: 7 });
    const common = { client: other.name, server: `${gate.host}:${gate.port}` };
    expect(connects).toEqual([{ ...common, tls: false, duration: expect.any(Number) }]);
    expect(sessions).toEqual([
      {
        ...common,
        slots: 7,
        leaseTime: 90,
        maximumRead: expect.any(Number),
        maximumWrite: expect.any(Number),
        duration: expect.any(Number),
      },
    ]);
    expect(disconnects).toEqual([]);
    await other.close();
    expect(disconnects).toEqual([{ ...common, reason: expect.any(ClosedError) }]);
  });

  test("tell why a connection could not be made", async () => {
    const connects = listen("nfs-client:connect");
    await gate.set("shut");
    await expect(connectNfs({ host: gate.host, port: gate.port })).rejects.toThrow(ConnectionError);
    expect(connects).toMatchObject([{ error: expect.any(ConnectionError) }]);
  });

  test("tell of each COMPOUND what was in it, how it ended, and how many bytes it took", async () => {
    const compounds = listen("nfs-client:compound");
    const before = client.statistics();
    await client.readFile("/file");
    await expect(client.readFile("/missing")).rejects.toThrow(NfsError);
    const after = client.statistics();
    const numbers = { startTime: expect.any(Number), duration: expect.any(Number) };
    const bytes = { bytesSent: expect.any(Number), bytesReceived: expect.any(Number) };
    expect(compounds).toEqual([
      { ...about(), operations: SMALL_READ, status: "NFS4_OK", ...numbers, ...bytes },
      {
        ...about(),
        operations: SMALL_READ,
        status: "NFS4ERR_NOENT",
        failedOperation: "LOOKUP",
        ...numbers,
        ...bytes,
      },
    ]);
    const sum = (name: "bytesSent" | "bytesReceived") => compounds.reduce((total, each) => total + each[name], 0);
    expect(sum("bytesSent")).toBe(after.bytesSent - before.bytesSent);
    expect(sum("bytesReceived")).toBe(after.bytesReceived - before.bytesReceived);
  });

  test("come in the asynchronous context of the operation", async () => {
    const storage = new AsyncLocalStorage<number>();
    const contexts: (number | undefined)[] = [];
    ends.push(onDiagnostics("nfs-client:compound", () => contexts.push(storage.getStore())));
    await Promise.all([1, 2, 3].map((context) => storage.run(context, () => client.readFile("/file"))));
    expect(contexts.sort()).toEqual([1, 2, 3]);
  });

  test("tell of a lost connection, and of what is sent again over the next one", async () => {
    const disconnects = listen("nfs-client:disconnect");
    const compounds = listen("nfs-client:compound");
    const retries = listen("nfs-client:retry");
    await gate.set("frozen");
    const read = client.readFile("/file");
    await gate.set("shut");
    await expect.poll(() => disconnects).toMatchObject([{ ...about(), reason: expect.any(ConnectionError) }]);
    expect(compounds).toMatchObject([{ operations: SMALL_READ, error: expect.any(ConnectionError), bytesReceived: 0 }]);
    await gate.set("open");
    await read;
    expect(retries).toEqual([{ ...about(), operations: SMALL_READ, reason: "connection-lost" }]);
  });

  test("tell of what is done again because its reply is lost", async () => {
    const retries = listen("nfs-client:retry");
    const proxy = await FaultProxy.start(server);
    const other = await connectNfs({ host: proxy.host, port: proxy.port });
    const faults: Fault[] = ["cut before reply"];
    proxy.faults = () => faults.shift();
    await other.readFile("/file");
    // The server has done the first one, and keeps no reply to a READ.
    expect(retries.map(({ reason }) => reason)).toEqual(["connection-lost", "reply-lost"]);
    await other.close();
    await proxy.stop();
  });

  test("tell of fencing, and of the session that was lost by it", async () => {
    const fences = listen("nfs-client:fence");
    const losses = listen("nfs-client:session:lost");
    const retries = listen("nfs-client:retry");
    const sessions = listen("nfs-client:session:created");
    const other = await connectNfs({ host: server.host, port: server.port });
    await other.fence(client);
    expect(fences).toEqual([
      {
        client: other.name,
        server: `${server.host}:${server.port}`,
        fenced: client.name,
        duration: expect.any(Number),
      },
    ]);
    sessions.length = 0;
    await client.readFile("/file");
    expect(losses).toEqual([{ ...about(), reason: "NFS4ERR_BADSESSION" }]);
    expect(retries).toMatchObject([{ ...about(), reason: "session-lost" }]);
    expect(sessions).toMatchObject([about()]);
    await other.close();
  });

  test("tell why another client could not be fenced", async () => {
    const fences = listen("nfs-client:fence");
    await gate.set("shut");
    await expect(
      client.fence({ name: "other", serverOwner: client.serverOwner }, { onConnectionLoss: "fail" }),
    ).rejects.toThrow(ConnectionError);
    expect(fences).toMatchObject([{ fenced: "other", error: expect.any(ConnectionError) }]);
  });

  test("tell that the server asked for time, and for how long it gets it", async () => {
    const delays = listen("nfs-client:delay");
    const answers: (StatusName | undefined)[] = ["NFS4ERR_DELAY"];
    refuseWrite = () => answers.shift();
    await client.writeFile("/file", Buffer.from("other"));
    expect(delays).toMatchObject([{ ...about(), status: "NFS4ERR_DELAY", wait: expect.any(Number) }]);
    expect(delays[0]?.operations).toContain("WRITE");
    expect(delays[0]?.wait).toBeGreaterThan(0);
  });

  test("end when nobody wants them any more", async () => {
    const compounds = listen("nfs-client:compound");
    for (const end of ends.splice(0)) end();
    await client.readFile("/file");
    expect(compounds).toEqual([]);
  });
});

test("a client is disposed of like any other resource", async () => {
  const directory = await mkdtemp(join(tmpdir(), "disposal-"));
  const server = await startNfsServer({ directory, durable: false });
  let used: NfsClient | undefined;
  {
    await using client = await connectNfs({ host: server.host, port: server.port });
    used = client;
    await client.writeFile("/file", Buffer.from("x"));
  }
  await expect(used.stat("/file")).rejects.toMatchObject({ code: "ERR_NFS_CLOSED" });
  await server.close();
  await rm(directory, { recursive: true, force: true });
});
