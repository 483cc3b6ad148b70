import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { connectNfs } from "nfs-client";
import { destroyClientId, destroySession, sequence } from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { temporaryDirectory, temporaryServer, temporarySession } from "./temporary.ts";

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

  test("says why it cannot be started", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "file"), "");
    await expect(startNfsServer({ directory: join(directory, "none") })).rejects.toThrow("ENOENT");
    await expect(startNfsServer({ directory: join(directory, "file") })).rejects.toThrow("not a directory");
    const { port } = await temporaryServer({ directory });
    await expect(startNfsServer({ directory, port })).rejects.toThrow("EADDRINUSE");
  });
});
