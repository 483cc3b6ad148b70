/** A server that accepts everything and answers nothing is found out, and one that is only slow is not. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { ConnectionError, connectNfs, DeadlineError, type NfsClient } from "nfs-client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { Gate } from "../../support/gate.ts";
import { describeEachServer, type TestServer } from "../../support/nfs-servers.ts";

const SILENCE_LIMIT = 400;

/** Timers are late on a busy machine; without a watch it would take the operation timeout. */
const PATIENCE = 10 * SILENCE_LIMIT;

const MEBIBYTE = 1024 * 1024;

describeEachServer("a server that has stopped answering", (start) => {
  let server: TestServer;
  let gate: Gate;
  let client: NfsClient;
  let silences: ConnectionError[];

  beforeEach(async () => {
    server = await start();
    gate = await Gate.open(server);
    silences = [];
    client = await connectNfs({
      host: gate.host,
      port: gate.port,
      silenceLimit: SILENCE_LIMIT,
      onSilence: (reason) => silences.push(reason),
    });
    await client.writeFile(`${server.root}/file`, Buffer.from("content"));
  });

  afterEach(async () => {
    await client?.close();
    await gate?.close();
    await server?.stop();
  });

  test("fails the operations of callers who have another way", async () => {
    await gate.set("frozen");
    const begin = performance.now();
    const reads = Array.from({ length: 10 }, () =>
      client.readFile(`${server.root}/file`, { onConnectionLoss: "fail" }),
    );
    for (const each of await Promise.allSettled(reads)) {
      expect(each).toMatchObject({ status: "rejected", reason: expect.any(ConnectionError) });
    }
    expect(performance.now() - begin).toBeLessThan(PATIENCE);
    expect(silences).toHaveLength(1);
    expect(silences[0]?.message).toContain(`has been silent for ${SILENCE_LIMIT} ms`);
  });

  test("does so over a new connection, too", async () => {
    const path = `${server.root}/file`;
    await gate.set("shut");
    // The client learns of it meanwhile.
    await sleep(100);
    await gate.set("frozen");
    const begin = performance.now();
    await expect(client.readFile(path, { onConnectionLoss: "fail" })).rejects.toBeInstanceOf(ConnectionError);
    expect(performance.now() - begin).toBeLessThan(PATIENCE);
    await gate.set("open");
    expect((await client.readFile(path)).data.toString()).toBe("content");
  });

  test("does so also where it does not say what became of the last request", async () => {
    const path = `${server.root}/file`;
    const timeouts = { connectTimeout: SILENCE_LIMIT, silenceLimit: SILENCE_LIMIT };
    const impatient = await connectNfs({ host: gate.host, port: gate.port, ...timeouts });
    await gate.set("frozen");
    await expect(impatient.stat(path, { timeout: 20 })).rejects.toBeInstanceOf(DeadlineError);
    await gate.set("shut");
    // The client learns of it meanwhile.
    await sleep(100);
    await gate.set("frozen");
    const begin = performance.now();
    await expect(impatient.stat(path, { onConnectionLoss: "fail" })).rejects.toBeInstanceOf(ConnectionError);
    expect(performance.now() - begin).toBeLessThan(PATIENCE);
    await gate.set("open");
    expect(await impatient.exists(path)).toBe(true);
    await impatient.close();
  });

  test("is asked again over another connection for those who have none", async () => {
    await gate.set("frozen");
    const read = client.readFile(`${server.root}/file`);
    await vi.waitFor(() => expect(silences).toHaveLength(1), { timeout: PATIENCE });
    await gate.set("open");
    expect((await read).data.toString()).toBe("content");
    expect(client.statistics().reconnects).toBeGreaterThan(0);
  });

  test("is found out while a stream is read slowly, before more of it is wanted", async () => {
    const data = Buffer.alloc(8 * MEBIBYTE, "x");
    await client.writeFile(`${server.root}/large`, data);
    const { body } = await client.openFile(`${server.root}/large`);
    let bytes = 0;
    for await (const chunk of body) {
      if (bytes === 0) {
        await sleep(100);
        await gate.set("frozen");
        await vi.waitFor(() => expect(silences).toHaveLength(1), { timeout: PATIENCE });
        await gate.set("open");
      }
      bytes += chunk.length;
    }
    expect(bytes).toBe(data.length);
  });

  test("is not asked while nothing is in flight", async () => {
    const before = client.statistics().bytesSent;
    await gate.set("frozen");
    await sleep(3 * SILENCE_LIMIT);
    expect(client.statistics().bytesSent).toBe(before);
    expect(silences).toEqual([]);
    await gate.set("open");
    expect(await client.exists(`${server.root}/file`)).toBe(true);
    expect(client.statistics().reconnects).toBe(0);
  });
});

describe("a server is not given up", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "silence-"));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  test("while it answers pings, however long nothing else is asked of it", async () => {
    const server = await startNfsServer({ directory, durable: false });
    let requests = 0;
    const proxy = await FaultProxy.start(server, () => {
      requests += 1;
      return undefined;
    });
    const onSilence = vi.fn();
    const client = await connectNfs({ host: proxy.host, port: proxy.port, silenceLimit: SILENCE_LIMIT, onSilence });
    let whilePaused = 0;
    async function* slowly() {
      yield Buffer.alloc(2 * MEBIBYTE);
      // By then the first part is sent.
      await sleep(2_000);
      const before = requests;
      await sleep(3 * SILENCE_LIMIT);
      whilePaused = requests - before;
      yield Buffer.alloc(1);
    }
    await client.writeFile("/file", slowly());
    expect(whilePaused).toBeGreaterThan(0);
    expect(onSilence).not.toHaveBeenCalled();
    expect(client.statistics().reconnects).toBe(0);
    await client.close();
    await proxy.stop();
    await server.close();
  });

  test("for pings that are held up behind an answer that keeps coming", async () => {
    await writeFile(join(directory, "file"), Buffer.alloc(4096));
    // A kilobyte takes longer than half the limit, and less than all of it.
    const server = await startNfsServer({ directory, durable: false, bytesPerSecond: 1_500 });
    const onSilence = vi.fn();
    const timeouts = { connectTimeout: 30_000, silenceLimit: 1_000 };
    const client = await connectNfs({ host: server.host, port: server.port, ...timeouts, onSilence });
    const { compounds } = client.statistics();
    const { requests } = server.statistics();
    expect((await client.readFile("/file")).data).toHaveLength(4096);
    await vi.waitFor(
      () => {
        const pings = server.statistics().requests - requests - (client.statistics().compounds - compounds);
        expect(pings).toBeGreaterThan(0);
      },
      { timeout: 60_000 },
    );
    expect(onSilence).not.toHaveBeenCalled();
    expect(client.statistics().reconnects).toBe(0);
    await client.close();
    await server.close();
  });

  test("when it stalls for those who wait, and every slot can be used after that", async () => {
    const server = await startNfsServer({ directory, durable: false, leaseSeconds: 3, dialect: { maximumSlots: 1 } });
    const timeouts = { connectTimeout: 500, silenceLimit: SILENCE_LIMIT };
    const client = await connectNfs({ host: server.host, port: server.port, ...timeouts, onSilence: () => "wait" });
    // Meanwhile the lease is renewed, and what that asks is not answered in time.
    server.stall(2_500);
    await sleep(3_500);
    expect(await client.exists("/file", { timeout: 2_000 })).toBe(false);
    await client.close();
    await server.close();
  });
});
