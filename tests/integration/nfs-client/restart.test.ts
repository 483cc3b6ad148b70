import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectNfs, type NfsClient, NfsError } from "nfs-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GaneshaServer, ganesha } from "../../support/ganesha.ts";
import { describeRequiring } from "../../support/requirements.ts";

const MEBIBYTE = 1024 * 1024;

describeRequiring([ganesha], "a server that is killed and restarted (nfs-ganesha)", ([command]) => {
  let server: GaneshaServer;
  let client: NfsClient;
  const at = (path: string) => `${server.root}/${path}`;

  beforeEach(async () => {
    server = await GaneshaServer.start(command);
    client = await connectNfs({ host: server.host, port: server.port });
  });

  afterEach(async () => {
    await client?.close();
    await server?.stop();
  });

  test("64 readers and writers of small files notice nothing", async () => {
    const files = Array.from({ length: 64 }, (_, index) => ({ path: at(`small/${index}`), data: randomBytes(4096) }));
    for (const { path, data } of files) await client.writeFile(path, data);
    let done = 0;
    let stop = false;
    const work = files.map(async ({ path, data }, index) => {
      while (!stop) {
        if (index % 2 === 0) expect((await client.readFile(path)).data.equals(data)).toBe(true);
        else await client.writeFile(path, data);
        done += 1;
      }
    });
    for (let round = 0; round < 2; round++) {
      await sleep(300);
      await server.kill();
      await sleep(200);
      await server.restart();
      const before = done;
      while (done < before + 200) await sleep(20);
    }
    stop = true;
    await Promise.all(work);
    expect(client.statistics().reconnects).toBeGreaterThanOrEqual(2);
    for (const { path, data } of files) expect((await client.readFile(path)).data.equals(data)).toBe(true);
  });

  test("a large file is written whole, although the server lost what it had not stored", async () => {
    const parts = Array.from({ length: 96 }, () => randomBytes(MEBIBYTE));
    async function* source() {
      for (const [index, part] of parts.entries()) {
        if (index === 40) {
          await server.kill();
          await server.restart();
        }
        yield part;
      }
    }
    await client.writeFile(at("large"), source());
    expect((await readFile(join(server.directory, "large"))).equals(Buffer.concat(parts))).toBe(true);
    expect(await readdir(server.directory)).toEqual(["large"]);
  });

  test("a large file is read whole", async () => {
    const data = randomBytes(64 * MEBIBYTE);
    await client.writeFile(at("large"), data);
    const { body } = await client.openFile(at("large"));
    const chunks: Buffer[] = [];
    for await (const chunk of body) {
      chunks.push(chunk);
      if (chunks.length === 10) {
        await server.kill();
        await server.restart();
      }
    }
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
  });

  test("every append that succeeded is there once", async () => {
    const succeeded: string[] = [];
    const uncertain: string[] = [];
    let stop = false;
    const appending = (async () => {
      for (let index = 0; !stop; index++) {
        const line = `line ${index}\n`;
        try {
          await client.appendFile(at("log"), Buffer.from(line));
          succeeded.push(line);
        } catch (error) {
          expect(error).toBeInstanceOf(NfsError);
          uncertain.push(line);
        }
      }
    })();
    await sleep(500);
    await server.kill();
    await sleep(100);
    await server.restart();
    const before = succeeded.length;
    while (succeeded.length < before + 50) await sleep(20);
    stop = true;
    await appending;
    const lines = (await readFile(join(server.directory, "log"), "utf8")).split(/(?<=\n)/);
    expect(uncertain.length).toBeLessThanOrEqual(1);
    expect(lines.filter((line) => !uncertain.includes(line))).toEqual(succeeded);
  });

  test("an operation that the server does not come back for ends at its deadline", async () => {
    await client.writeFile(at("file"), Buffer.from("x"));
    await server.kill();
    const start = performance.now();
    await expect(client.readFile(at("file"), { timeout: 700 })).rejects.toThrow(NfsError);
    expect(performance.now() - start).toBeLessThan(2000);
    const immediately = client.readFile(at("file"), { onConnectionLoss: "fail" });
    await expect(immediately).rejects.toThrow("Cannot connect");
  });

  test("a server that answers nothing is given up at the deadline, and used again afterwards", async () => {
    await client.writeFile(at("file"), Buffer.from("x"));
    await server.freeze();
    const reads = Array.from({ length: 100 }, () => client.readFile(at("file"), { timeout: 500 }));
    const outcomes = await Promise.allSettled(reads);
    server.thaw();
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
    expect((await client.readFile(at("file"))).data.toString()).toBe("x");
  });
});
