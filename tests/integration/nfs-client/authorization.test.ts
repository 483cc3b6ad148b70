/** A right to mount that goes in mid-life: what a server says of the client is not taken for an answer about a file. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { ConnectionError, connectNfs, DeadlineError, type NfsClient, onDiagnostics } from "nfs-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

describe("a server that no longer accepts the client", () => {
  let directory: string;
  let server: NfsServer;
  let client: NfsClient;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "authorization-"));
    server = await startNfsServer({ directory, durable: false, dialect: { maximumSlots: 2 } });
    client = await connectNfs({ host: server.host, port: server.port });
    await client.writeFile("/file", Buffer.from("one"));
  });

  afterEach(async () => {
    server.setDialect({ authorization: "granted" });
    await client.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const operations = {
    read: () => client.readFile("/file", { onConnectionLoss: "fail" }),
    write: () => client.writeFile("/file", Buffer.from("two"), { onConnectionLoss: "fail" }),
    append: () => client.appendFile("/file", Buffer.from("two"), { onConnectionLoss: "fail" }),
    remove: () => client.remove("/file", { onConnectionLoss: "fail" }),
    ping: () => client.ping({ onConnectionLoss: "fail" }),
    fence: () => client.fence({ name: "other", serverOwner: client.serverOwner }, { onConnectionLoss: "fail" }),
  };

  test.each(Object.keys(operations) as (keyof typeof operations)[])(
    "is lost for a %s, which was not done, and is there again when it accepts it",
    async (name) => {
      server.setDialect({ authorization: "revoked" });
      for (let times = 0; times < 5; times++) await expect(operations[name]()).rejects.toThrow(ConnectionError);
      server.setDialect({ authorization: "granted" });
      // All slots can be used, and in the session of before: their sequence ids are right.
      const sessions: unknown[] = [];
      const end = onDiagnostics("nfs-client:session:created", (message) => sessions.push(message));
      const reads = await Promise.all(Array.from({ length: 8 }, () => client.readFile("/file")));
      end();
      expect(reads.map(({ data }) => data.toString())).toEqual(reads.map(() => "one"));
      expect(sessions).toEqual([]);
    },
  );

  test("is connected to anew, with new credentials, by operations that wait", async () => {
    server.setDialect({ authorization: "revoked-until-reconnect" });
    const results = await Promise.all([
      client.readFile("/file"),
      client.writeFile("/other", Buffer.from("two")),
      client.appendFile("/log", Buffer.from("three")),
    ]);
    expect(results).toMatchObject([{ data: Buffer.from("one") }, { size: 3 }, { size: 5 }]);
    expect(client.statistics().reconnects).toBe(1);
  });

  test("is not asked without pause, nor for longer than an operation may take", async () => {
    server.setDialect({ authorization: "revoked" });
    const before = server.statistics().requests;
    await expect(client.readFile("/file", { timeout: 1_000 })).rejects.toThrow(DeadlineError);
    expect(server.statistics().requests - before).toBeLessThan(40);
  });

  test("cannot be connected to", async () => {
    server.setDialect({ authorization: "revoked" });
    await expect(connectNfs({ host: server.host, port: server.port })).rejects.toThrow(
      expect.objectContaining({ name: "ConnectionError", message: expect.stringContaining("NFS4ERR_ACCESS") }),
    );
  });
});
