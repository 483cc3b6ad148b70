/** Several connections to one partition of a server: opened when there is traffic for them, and never needed. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dialect, type NfsServer, type Profile, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { connectNfs, type NfsClient, type NfsClientOptions } from "nfs-client";
import { NFS_PROGRAM, RecordAssembler, recordHeader } from "nfs-client/wire";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const MEBIBYTE = 1024 * 1024;

/** The server measures over a second. */
const PATIENCE = { timeout: 20_000, interval: 50 };

/** Where the number of the program is in a call. */
const PROGRAM_AT = 12;

/** So little that any traffic is enough. */
const EAGER: Partial<Dialect> = { partitions: 3, partitionConnections: 5, scaleUpBytesPerSecond: 1 };

let folder: string;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "extra-connections-"));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await rm(folder, { recursive: true, force: true });
});

async function startServer(profile: Profile, dialect: Partial<Dialect> = {}): Promise<NfsServer> {
  const server = await startNfsServer({ directory: folder, profile, dialect, durable: false });
  ends.push(() => server.close());
  return server;
}

async function startClient(
  { port }: { readonly port: number },
  connections = 5,
  options: Partial<NfsClientOptions> = {},
): Promise<NfsClient> {
  const client = await connectNfs({ ...options, host: "127.0.0.1", port, connections });
  ends.push(() => client.close());
  return client;
}

/** Reads and writes until it is told to stop; fails as soon as something is not as it was written. */
function keepBusy(client: NfsClient) {
  let stopping = false;
  const work = async (name: string) => {
    for (let round = 0; !stopping; round++) {
      const content = Buffer.alloc(MEBIBYTE + round, `${name} ${round} `);
      await client.writeFile(`/${name}`, content);
      expect((await client.readFile(`/${name}`)).data.equals(content)).toBe(true);
    }
  };
  const workers = Promise.all(["one", "two", "three", "four"].map(work));
  return async () => {
    stopping = true;
    await workers;
  };
}

describe("a server with partitions", () => {
  test("gets as many connections as it wants, all of one partition, once there is traffic", async () => {
    const server = await startServer("efs", EAGER);
    const client = await startClient(server);
    expect(server.statistics().connections).toBe(1);
    const rest = keepBusy(client);
    // A session is known in one partition only: a request that went elsewhere would have to begin another session.
    await vi.waitFor(() => expect(server.statistics().connections).toBe(5), PATIENCE);
    await rest();
    expect(client.statistics().reconnects).toBe(0);
  });

  test("gets no more than the client is to have", async () => {
    const server = await startServer("efs", EAGER);
    const client = await startClient(server, 2);
    const rest = keepBusy(client);
    await vi.waitFor(() => expect(server.statistics().connections).toBe(2), PATIENCE);
    await rest();
    expect(server.statistics().connections).toBe(2);
  });

  test("gets one connection while there is little traffic", async () => {
    const server = await startServer("efs", { ...EAGER, scaleUpBytesPerSecond: 2 ** 31 });
    const client = await startClient(server);
    const begin = performance.now();
    while (performance.now() - begin < 2_500) await client.stat("/");
    expect(server.statistics().connections).toBe(1);
  });

  test("loses nothing with some of the connections, or with all of them", async () => {
    const server = await startServer("efs", EAGER);
    const proxy = await startProxy(server.port);
    const client = await startClient(proxy);
    const rest = keepBusy(client);
    await vi.waitFor(() => expect(server.statistics().connections).toBe(5), PATIENCE);
    for (const each of [...proxy.sockets].slice(-2)) each.destroy();
    await client.writeFile("/after-some", Buffer.from("still there"));
    expect(client.statistics().reconnects).toBe(0);
    for (const each of proxy.sockets) each.destroy();
    await client.writeFile("/after-all", Buffer.from("there again"));
    expect(client.statistics().reconnects).toBe(1);
    await rest();
  });
});

describe("connections that nothing arrives over any more", () => {
  const silenceLimit = 400;

  test("are given up where the first one is answered, and nothing fails", async () => {
    const server = await startServer("efs", EAGER);
    const proxy = await startProxy(server.port);
    const client = await startClient(proxy, 5, { silenceLimit });
    const rest = keepBusy(client);
    await vi.waitFor(() => expect(server.statistics().connections).toBe(5), PATIENCE);
    for (const each of [...proxy.sockets].slice(1)) proxy.silence(each);
    // Those that nothing was sent over are not missed.
    await vi.waitFor(() => expect(server.statistics().connections).toBeLessThan(5), PATIENCE);
    await rest();
    expect(client.statistics().reconnects).toBe(0);
  });

  test("stay while the server stalls, for a caller who waits", async () => {
    const server = await startServer("efs", EAGER);
    const silences: string[] = [];
    const onSilence = ({ message }: Error) => {
      silences.push(message);
      return "wait";
    };
    const client = await startClient(server, 5, { silenceLimit, onSilence });
    const rest = keepBusy(client);
    await vi.waitFor(() => expect(server.statistics().connections).toBe(5), PATIENCE);
    server.stall(60_000);
    await vi.waitFor(() => expect(silences).toHaveLength(1), PATIENCE);
    server.stall(0);
    await rest();
    expect(server.statistics().connections).toBe(5);
    expect(client.statistics().reconnects).toBe(0);
  });
});

describe("a server that knows no partitions", () => {
  test.each(["full", "strictest"] as const)("is used over one connection (%s)", async (profile) => {
    const server = await startServer(profile, { partitions: 0 });
    const client = await startClient(server);
    await client.writeFile("/file", Buffer.from("content"));
    expect((await client.readFile("/file")).data.toString()).toBe("content");
    expect(server.statistics().connections).toBe(1);
  });

  test.each(["hangs up", "says nothing"] as const)("and %s is connected to again, and not asked", async (then) => {
    const server = await startServer("full");
    const proxy = await startProxy(server.port, then);
    const client = await startClient(proxy);
    await client.writeFile("/file", Buffer.from("content"));
    expect((await client.readFile("/file")).data.toString()).toBe("content");
  });
});

/** A proxy that passes everything, or does something else with what is not NFS. */
async function startProxy(port: number, otherwise: "pass" | "hangs up" | "says nothing" = "pass") {
  const sockets = new Set<Socket>();
  const silenced = new WeakSet<Socket>();
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    const end = () => {
      client.destroy();
      server.destroy();
      sockets.delete(client);
    };
    sockets.add(client);
    const calls = new RecordAssembler(4 * MEBIBYTE, (call) => {
      const isForUs = otherwise === "pass" || call.readUInt32BE(PROGRAM_AT) === NFS_PROGRAM;
      if (isForUs) for (const part of [recordHeader(call.length), call]) server.write(part);
      else if (otherwise === "hangs up") end();
    });
    client.on("data", (chunk: Buffer) => calls.push(chunk));
    server.on("data", (chunk: Buffer) => {
      if (!silenced.has(client)) client.write(chunk);
    });
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  ends.push(async () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
    await once(proxy, "close");
  });
  const silence = (socket: Socket) => void silenced.add(socket);
  return { port: (proxy.address() as AddressInfo).port, sockets, silence };
}
