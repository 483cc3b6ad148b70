import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { connectNfs } from "nfs-client";
import { createDirectory, destroyClientId, destroySession, putRootFileHandle, sequence } from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { RawConnection, type RawSession } from "./driver.ts";
import { temporaryConnection, temporaryDirectory, temporaryServer, temporarySession } from "./temporary.ts";

const MEBIBYTE = 1024 * 1024;

describe("a mount target", () => {
  test("lets no more bytes through than its interface has room for, in both directions together", async () => {
    const data = randomBytes(MEBIBYTE);
    const bytesPerSecond = 8 * MEBIBYTE;
    const server = await temporaryServer({ bytesPerSecond });
    const client = await connectNfs(server);
    const start = performance.now();
    await client.writeFile("/file", data);
    expect((await client.readFile("/file")).data.equals(data)).toBe(true);
    const seconds = (performance.now() - start) / 1000;
    await client.close();
    const { bytesReceived, bytesSent } = server.statistics();
    expect(bytesReceived).toBeGreaterThan(MEBIBYTE);
    expect(bytesSent).toBeGreaterThan(MEBIBYTE);
    const credit = 0.05;
    expect((bytesReceived + bytesSent) / bytesPerSecond).toBeLessThan(seconds + credit);
  });

  test("makes every request take longer, side by side", async () => {
    const server = await temporaryServer({ operationDelayMs: 100 });
    const session = await temporarySession(server, { channel: { maximumRequests: 32 } });
    const start = performance.now();
    await Promise.all(Array.from({ length: 32 }, (_, slotId) => session.status([], { slotId })));
    const milliseconds = performance.now() - start;
    expect(milliseconds).toBeGreaterThanOrEqual(99);
    expect(milliseconds).toBeLessThan(32 * 100);
  });

  test("that is closed leaves the state to the others; the last one takes it along", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "content");
    const [first, second] = [await temporaryServer({ directory }), await temporaryServer({ directory })];
    const session = await temporarySession(first);
    await first.close();
    await expect(session.status([])).rejects.toThrow("closed");
    const { id, clientId } = session;
    const moved = await temporarySession(second);
    const mine = sequence({ sessionId: id, sequenceId: 2, slotId: 0, highestSlotId: 0, cacheThis: false });
    expect((await moved.connection.compound([mine])).succeeded).toBe(true);
    expect((await moved.connection.compound([destroySession(id)])).succeeded).toBe(true);
    await second.close();
    const third = await temporaryServer({ directory });
    const after = await temporarySession(third);
    expect((await after.connection.compound([destroyClientId(clientId)])).failedWith("NFS4ERR_STALE_CLIENTID")).toBe(
      true,
    );
  });

  test("that stalls answers nothing, and does what it was asked when it goes on", async () => {
    const directory = await temporaryDirectory();
    const server = await temporaryServer({ directory });
    const session = await temporarySession(server);
    const lost = await temporarySession(server);
    server.stall(60_000);
    let answers = 0;
    const requests = [1, 2].map((slotId) => session.status([], { slotId }).then(() => answers++));
    const makeDirectory = [putRootFileHandle, createDirectory("late", 0o755)];
    lost.run(makeDirectory).catch(() => {});
    await sleep(100);
    lost.close();
    const connection = await temporaryConnection(server);
    expect([answers, await readdir(directory)]).toEqual([0, []]);
    server.stall(0);
    await Promise.all(requests);
    await connection.compound([destroyClientId(0n)]);
    await expect.poll(() => readdir(directory)).toEqual(["late"]);
  });

  test("stalls for as long as it is told, each one for itself", async () => {
    const directory = await temporaryDirectory();
    const servers = [await temporaryServer({ directory }), await temporaryServer({ directory })];
    const sessions = await Promise.all(servers.map((server) => temporarySession(server)));
    const stalls = [400, 150];
    const start = performance.now();
    for (const [index, server] of servers.entries()) server.stall(stalls[index] ?? 0);
    const answered: number[] = [];
    const ask = async (session: RawSession, index: number) => {
      await session.status([]);
      answered.push(index);
      expect(performance.now() - start).toBeGreaterThanOrEqual((stalls[index] ?? 0) - 5);
    };
    await Promise.all(sessions.map(ask));
    expect(answered).toEqual([1, 0]);
  });

  test("that is closed while it stalls does nothing late", async () => {
    const directory = await temporaryDirectory();
    const server = await temporaryServer({ directory });
    const session = await temporarySession(server);
    server.stall(60_000);
    const request = session.run([putRootFileHandle, createDirectory("late", 0o755)]);
    request.catch(() => {});
    await sleep(100);
    await server.close();
    await expect(request).rejects.toThrow("closed the connection");
    expect(await readdir(directory)).toEqual([]);
  });

  test("refuses connections at first, or later, and then takes them", async () => {
    const server = await temporaryServer({ refuseConnectionsMs: 300 });
    await expect(RawConnection.open(server)).rejects.toThrow("ECONNREFUSED");
    const connect = async () => {
      await (await temporaryConnection(server)).compound([destroyClientId(0n)]);
    };
    await expect.poll(() => connect().then(() => "taken"), { interval: 50 }).toBe("taken");
    const session = await temporarySession(server);
    server.refuseConnections(300);
    await expect(RawConnection.open(server)).rejects.toThrow("ECONNREFUSED");
    expect(await session.status([])).toBe("NFS4_OK");
    await expect.poll(() => connect().then(() => "taken"), { interval: 50 }).toBe("taken");
    server.refuseConnections(60_000);
    await server.close();
  });

  test("says why it cannot be started", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "");
    await expect(startNfsServer({ directory: join(directory, "none") })).rejects.toThrow("ENOENT");
    await expect(startNfsServer({ directory: join(directory, "file") })).rejects.toThrow("not a directory");
    const { port } = await temporaryServer({ directory });
    await expect(startNfsServer({ directory, port })).rejects.toThrow("EADDRINUSE");
  });
});
