import { randomBytes } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { existsSync, rmSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CompoundMessage, ConnectionError, connectNfs, type NfsClient, OutcomeUnknownError } from "nfs-client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { describeEachServer, type TestServer } from "../../support/nfs-servers.ts";

const MEBIBYTE = 1024 * 1024;

describeEachServer("files over NFSv4.1", (start) => {
  let server: TestServer;
  let client: NfsClient;
  const at = (path: string) => `${server.root}/${path}`;
  const local = (path: string) => join(server.directory, path);
  const compoundsOf = async (operation: () => Promise<unknown>) => {
    const before = client.statistics().compounds;
    await operation();
    return client.statistics().compounds - before;
  };

  beforeAll(async () => {
    server = await start();
    client = await connectNfs({ host: server.host, port: server.port });
  });

  afterAll(async () => {
    await client?.close();
    await server?.stop();
  });

  test("writes a small file in one COMPOUND and reads it in one", async () => {
    await client.makeDirectory(at("small"));
    const data = randomBytes(4096);
    expect(await compoundsOf(() => client.writeFile(at("small/file"), data))).toBe(1);
    expect(await compoundsOf(() => client.writeFile(at("small/file"), data))).toBe(1);
    expect(await compoundsOf(() => client.readFile(at("small/file")))).toBe(1);
    expect((await client.readFile(at("small/file"))).data).toEqual(data);
    expect(await readFile(local("small/file"))).toEqual(data);
  });

  test.each([
    ["in one chunk", randomBytes(4096), undefined],
    ["in one chunk, where there is none", randomBytes(4096), "absent"],
    ["as a stream", randomBytes(3 * MEBIBYTE), undefined],
  ] as const)("tells of a file before others see it: %s", async (_name, data, when) => {
    await client.remove(at("announced")).catch(() => {});
    const body =
      data.length > MEBIBYTE
        ? (async function* () {
            yield data.subarray(0, 17);
            yield data.subarray(17);
          })()
        : data;
    const seen: unknown[] = [];
    const written = await client.writeFile(at("announced"), body, {
      ...(when && { when }),
      beforePublishing: async ({ fileId, size, modifiedAt }) => {
        seen.push({ fileId, size, modifiedAt, isThere: await client.exists(at("announced")) });
      },
    });
    const { fileId, modifiedAt } = written;
    expect(seen).toEqual([{ fileId, size: data.length, modifiedAt, isThere: false }]);
    expect((await readFile(local("announced"))).equals(data)).toBe(true);
  });

  test.each([
    ["in one chunk", randomBytes(4096)],
    ["as a stream", randomBytes(3 * MEBIBYTE)],
  ])("tells what a file is to replace: %s", async (_name, data) => {
    const body = async function* () {
      yield data;
    };
    const seen: (bigint | undefined)[] = [];
    const write = () =>
      client.writeFile(at("successor"), data.length > MEBIBYTE ? body() : data, {
        beforePublishing: async (_file, existing) => {
          seen.push(existing?.fileId);
        },
      });
    await client.remove(at("successor")).catch(() => {});
    const first = await write();
    const second = await write();
    expect(seen).toEqual([undefined, first.fileId]);
    expect((await client.stat(at("successor"))).fileId).toBe(second.fileId);
  });

  test("writes nothing, and leaves nothing, where what is to be done before fails", async () => {
    await client.writeFile(at("refused/file"), Buffer.from("before"));
    const beforePublishing = async () => {
      throw new Error("No");
    };
    for (const data of [Buffer.from("after"), randomBytes(3 * MEBIBYTE)]) {
      await expect(client.writeFile(at("refused/file"), data, { beforePublishing })).rejects.toThrow("No");
    }
    expect(await readFile(local("refused/file"), "utf8")).toBe("before");
    await vi.waitFor(async () => expect(await readdir(local("refused"))).toEqual(["file"]), { timeout: 60_000 });
  });

  test("makes the missing directories of a path, and only then takes more than one COMPOUND", async () => {
    const write = () => client.writeFile(at("parents/a/b/c"), Buffer.from("deep"));
    expect(await compoundsOf(write)).toBe(4);
    expect(await compoundsOf(write)).toBe(1);
    expect(await readFile(local("parents/a/b/c"), "utf8")).toBe("deep");
  });

  test("makes directories that others remove again before the file is in them", async () => {
    let removals = 0;
    const remove = (message: unknown) => {
      const isMade = (message as CompoundMessage).operations.includes("CREATE");
      if (!isMade || removals === 3 || !existsSync(local("removed"))) return;
      rmSync(local("removed"), { recursive: true });
      removals += 1;
    };
    subscribe("nfs-client:compound", remove);
    try {
      await client.writeFile(at("removed/a/b"), Buffer.from("there"));
    } finally {
      unsubscribe("nfs-client:compound", remove);
    }
    expect(removals).toBe(3);
    expect(await readFile(local("removed/a/b"), "utf8")).toBe("there");
  });

  test("a large file that is never read is never opened", async () => {
    await client.writeFile(at("unread"), randomBytes(3 * MEBIBYTE));
    expect(await compoundsOf(() => client.openFile(at("unread")))).toBe(1);
  });

  test("an append takes two COMPOUNDs, and a large one is whole", async () => {
    await client.writeFile(at("append"), Buffer.from("head "));
    expect(await compoundsOf(() => client.appendFile(at("append"), Buffer.from("tail")))).toBe(2);
    const large = randomBytes(2 * MEBIBYTE + 17);
    const { size } = await client.appendFile(at("append"), large);
    expect(size).toBe(9 + large.length);
    expect((await readFile(local("append"))).subarray(9).equals(large)).toBe(true);
  });

  test("64 operations at once share one session", async () => {
    const files = Array.from({ length: 64 }, (_, index) => ({ path: at(`crowd/${index}`), data: randomBytes(20_000) }));
    await Promise.all(files.map(({ path, data }) => client.writeFile(path, data)));
    const before = client.statistics().reconnects;
    for (let round = 0; round < 3; round++) {
      const reads = await Promise.all(files.map(({ path }) => client.readFile(path)));
      for (const [index, { data }] of reads.entries()) expect(data.equals(files[index]?.data ?? data)).toBe(true);
    }
    expect(client.statistics().reconnects).toBe(before);
  });

  test("a ping does not wait for the slots that others have", async () => {
    const narrow = await connectNfs({ host: server.host, port: server.port, slots: 1 });
    await narrow.writeFile(at("narrow"), Buffer.from("x"));
    let read = 0;
    const reads = Array.from({ length: 500 }, async () => {
      await narrow.readFile(at("narrow"));
      read += 1;
    });
    // Until they wait for the only slot.
    await vi.waitFor(() => expect(read).toBeGreaterThan(0), { interval: 1 });
    await narrow.ping();
    expect(read).toBeLessThan(reads.length);
    await Promise.all(reads);
    await narrow.close();
  });

  test("a write whose connection is lost never has the server's answer to something else", async () => {
    const proxy = await FaultProxy.start(server);
    await client.makeDirectory(at("unlucky"));
    for (let moment = 1, requests = 0; requests + 1 >= moment; moment++) {
      const unlucky = await connectNfs({ host: proxy.host, port: proxy.port });
      requests = 0;
      proxy.faults = () => (++requests === moment ? "cut before request" : undefined);
      const options = { when: "absent", onConnectionLoss: "fail" } as const;
      const outcome = await unlucky
        .writeFile(at(`unlucky/${moment}`), Buffer.from("x"), options)
        .catch((error) => error);
      if (outcome instanceof Error) expect([ConnectionError, OutcomeUnknownError]).toContain(outcome.constructor);
      proxy.faults = () => undefined;
      await unlucky.close();
    }
    await proxy.stop();
  });
});
