/** What crashed writers leave behind goes away, and nothing else does. */
import { randomUUID } from "node:crypto";
import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, readdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type NfsClient, TEMPORARY_PREFIX } from "nfs-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { OrphanSweep, type OrphanSweepOptions } from "../../fargate-app/src/orphan-sweep.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { memoryLog } from "../support/memory-router.ts";
import { connectNfs, startNfsServer } from "../support/nfs.ts";
import { describeEachServer, type TestServer } from "../support/nfs-servers.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { startRouter, tableOf } from "../support/router-bundle.ts";

/** As the client names the files that it is writing. */
const newTemporaryName = () => `${TEMPORARY_PREFIX}${randomUUID()}`;

const DAY = 24 * 3600 * 1000;
const MEBIBYTE = 1024 * 1024;
const LIMITS = { olderThan: DAY, maximum: 1000, duration: 60_000 };

/** What a router serves at `root`, with the orphans of `directory`. */
function sweptFiles(client: NfsClient, root: string, directory: string): OrphanSweepOptions["files"] {
  return {
    openFile: (path, range) => client.openFile(`${root}/${path}`, range),
    writeFile: async (path, data, when) => {
      const attributes = await client.writeFile(`${root}/${path}`, data, when === undefined ? {} : { when });
      return { attributes, created: when === "absent" };
    },
    removeOrphans: (options) => client.removeOrphans(directory, options),
  };
}

describeEachServer("unfinished files that were left behind", (start, kind) => {
  const random = seededRandom(seed);
  let server: TestServer;
  let client: NfsClient;
  const counts = { looked: 0, "left behind": 0, removed: 0, "removed that were not left behind": 0 };
  const local = (path: string) => join(server.directory, path);

  reportAtEnd(`unfinished files (${kind})`, () => counts);

  beforeAll(async () => {
    server = await start();
    client = await connectNfs({ host: server.host, port: server.port });
  });

  afterAll(async () => {
    await client?.close();
    await server?.stop();
  });

  /** A file whose last byte was written so many milliseconds ago; it is so old when the server first sees it. */
  async function make(path: string, age: number): Promise<void> {
    const elsewhere = local("in-the-making");
    await writeFile(elsewhere, "x");
    const then = (Date.now() - age) / 1000;
    await utimes(elsewhere, then, then);
    await rename(elsewhere, local(path));
  }

  test("are removed wherever they are; young ones, and other old files, stay", async () => {
    const staying: string[] = [];
    const leftBehind: string[] = [];
    const directories = ["tree", "tree/a", "tree/a/b", "tree/a/b/c", "tree/d"];
    for (const directory of directories) await mkdir(local(directory));
    for (let index = 0; index < rounds(200, 3000); index++) {
      const directory = directories[Math.floor(random() * directories.length)];
      const old = random() < 0.5;
      const temporary = random() < 0.5;
      const path = `${directory}/${temporary ? newTemporaryName() : `file-${index}`}`;
      await make(path, old ? DAY + 60_000 : DAY - 60_000);
      (old && temporary ? leftBehind : staying).push(path);
    }
    await make(`tree/${TEMPORARY_PREFIX}of-somebody-else`, 2 * DAY);
    await mkdir(local("elsewhere"));
    await make(`elsewhere/${newTemporaryName()}`, 2 * DAY);
    await symlink("../elsewhere", local("tree/link"));
    staying.push(`tree/${TEMPORARY_PREFIX}of-somebody-else`, "tree/link", ...directories.slice(1));

    const report = await client.removeOrphans(`${server.root}/tree`, { ...LIMITS, maximum: 100_000 });

    expect(await readdir(local("elsewhere"))).toHaveLength(1);
    await rm(local("elsewhere"), { recursive: true });
    const there = (await readdir(local("tree"), { recursive: true })).map((name) => `tree/${name}`);
    counts.looked += report.examined;
    counts["left behind"] += leftBehind.length;
    counts.removed += report.removed;
    counts["removed that were not left behind"] += staying.filter((path) => !there.includes(path)).length;
    expect(there.sort()).toEqual(staying.sort());
    expect(report).toMatchObject({ removed: leftBehind.length, complete: true });
  });

  test("are removed when their writer was cut off, and that is long enough ago", async () => {
    const proxy = await FaultProxy.start(server);
    const writer = await connectNfs({ host: proxy.host, port: proxy.port });
    const names = () => readdir(local("cut-off"));
    async function* source() {
      yield Buffer.alloc(3 * MEBIBYTE);
      await expect.poll(() => names()).toHaveLength(1);
      proxy.faults = () => "cut before request";
      void writer.close();
      yield Buffer.alloc(3 * MEBIBYTE);
    }
    await expect(writer.writeFile(`${server.root}/cut-off/file`, source())).rejects.toThrow();
    await proxy.stop();
    expect(await client.removeOrphans(`${server.root}/cut-off`, LIMITS)).toMatchObject({ examined: 1, removed: 0 });
    const soon = { ...LIMITS, olderThan: 1_000 };
    await expect
      .poll(() => client.removeOrphans(`${server.root}/cut-off`, soon), { timeout: 60_000 })
      .toMatchObject({ removed: 1 });
    expect(await names()).toEqual([]);
  });

  test("are removed so many at a time, for so long", async () => {
    await mkdir(local("limits"));
    for (let index = 0; index < 30; index++) await make(`limits/${newTemporaryName()}`, 2 * DAY);
    const sweep = (limits: object) => client.removeOrphans(`${server.root}/limits`, { ...LIMITS, ...limits });
    expect(await sweep({ maximum: 10 })).toMatchObject({ removed: 10, complete: false });
    expect(await sweep({ duration: 0 })).toMatchObject({ removed: 0, complete: false });
    expect(await sweep({})).toMatchObject({ removed: 20, complete: true });
    expect(await readdir(local("limits"))).toEqual([]);
  });

  test.each([
    ["nothing", () => {}],
    ["a file", (path: string) => writeFileSync(path, "")],
    ["a link", (path: string) => symlinkSync("elsewhere", path)],
  ])("are removed from one directory when another becomes %s meanwhile, whenever that is", async (what, become) => {
    const proxy = await FaultProxy.start(server);
    const sweeper = await connectNfs({ host: proxy.host, port: proxy.port });
    let moment = 0;
    let requests: number;
    do {
      moment += 1;
      const directory = `replaced-by-${what.replace(" ", "-")}-${moment}`;
      for (const each of ["", "/changing", "/staying"]) await mkdir(local(directory + each));
      for (const each of ["changing", "staying"]) await make(`${directory}/${each}/${newTemporaryName()}`, 2 * DAY);
      requests = 0;
      proxy.faults = () => {
        requests += 1;
        if (requests === moment) {
          renameSync(local(`${directory}/changing`), local(`${directory}-before`));
          become(local(`${directory}/changing`));
        }
        return undefined;
      };
      expect(await sweeper.removeOrphans(`${server.root}/${directory}`, LIMITS)).toMatchObject({ complete: true });
      expect(await readdir(local(`${directory}/staying`))).toEqual([]);
    } while (requests >= moment);
    expect(moment).toBeGreaterThan(5);
    await sweeper.close();
    await proxy.stop();
  });

  test("are not the files that are being written, however long that takes", async () => {
    const path = `${server.root}/uploads/slow`;
    const hour = 3600;
    let swept = 0;
    async function* source() {
      for (let part = 0; part < 4; part++) {
        yield Buffer.alloc(3 * MEBIBYTE, part);
        // until the first bytes are on the server, which renews the file's time
        await expect.poll(() => readdir(local("uploads"))).toHaveLength(1);
        await sleep(1200);
        const { removed } = await client.removeOrphans(`${server.root}/uploads`, { ...LIMITS, olderThan: hour });
        swept += removed;
      }
    }
    const { size } = await client.writeFile(path, source());
    expect([size, swept, await readdir(local("uploads"))]).toEqual([12 * MEBIBYTE, 0, ["slow"]]);
  });

  test("are looked for again and again, and the log says how many there were", async () => {
    await mkdir(local("daily"));
    const { log, lines } = memoryLog();
    const sweep = new OrphanSweep({
      interval: 50,
      olderThan: DAY,
      files: sweptFiles(client, server.root, `${server.root}/daily`),
      log,
    });
    for (let round = 0; round < 2; round++) {
      await make(`daily/${newTemporaryName()}`, 2 * DAY);
      await expect.poll(() => readdir(local("daily")), { timeout: 60_000 }).toEqual([]);
    }
    await expect.poll(() => lines.filter(({ msg }) => msg.startsWith("Removed 1 orphaned temporary")).length).toBe(2);
    sweep.stop();
  });
});

describe("an entry that the server refuses to handle", () => {
  test("does not keep the sweep from the others, and the log names it", async () => {
    const temporary = await makeTemporaryDirectory("orphans-");
    const inside = (...bytes: number[]) => Buffer.concat([Buffer.from(`${temporary.path}/`), Buffer.from(bytes)]);
    const server = await startNfsServer({ directory: temporary.path, durable: false, dialect: { utf8Names: true } });
    const client = await connectNfs({ host: server.host, port: server.port });
    const old = async (directory: string | Buffer) => {
      await mkdir(directory);
      const path = Buffer.concat([Buffer.from(directory), Buffer.from(`/${newTemporaryName()}`)]);
      await writeFile(path, "x");
      await utimes(path, 0, 0);
    };
    const notUtf8 = inside(...Buffer.alloc(90, 0xe9));
    await old(join(temporary.path, "a"));
    await old(notUtf8);
    await old(join(temporary.path, "z"));

    const { log, lines } = memoryLog();
    const sweep = new OrphanSweep({
      interval: 50,
      olderThan: DAY,
      files: sweptFiles(client, "", "/"),
      log,
    });
    await expect
      .poll(() => lines.map(({ msg }) => msg))
      .toContain("Removed 2 orphaned temporary files among 6 names, and passed over 1");
    sweep.stop();
    expect(JSON.stringify(lines)).toContain("NFS4ERR_INVAL");
    expect([await readdir(notUtf8), await readdir(join(temporary.path, "z"))]).toEqual([[expect.any(String)], []]);

    server.setDialect({ utf8Names: false });
    const report = await client.removeOrphans("/", LIMITS);
    expect(report).toMatchObject({ removed: 1, passedOver: { count: 0, examples: [] }, complete: true });
    await client.close();
    await server.close();
    await temporary.remove();
  });
});

describe("the router", () => {
  test("removes what was left behind in the directory that it serves, while it runs", async () => {
    const temporary = await makeTemporaryDirectory("orphans-");
    const data = join(temporary.path, "data");
    await mkdir(join(data, "directory"), { recursive: true });
    const old = join(data, "directory", newTemporaryName());
    await writeFile(old, "x");
    await utimes(old, 0, 0);
    const server = await startNfsServer({ directory: temporary.path, durable: false });
    const router = await startRouter({
      AWS_ENDPOINT_URL: "http://127.0.0.1:9",
      DEFAULT_MOUNT_TARGETS: JSON.stringify(tableOf([server])),
      ORPHAN_SWEEP_INTERVAL_SECONDS: "0.1",
    });
    const patience = { timeout: 60_000 };
    await expect.poll(() => readdir(join(data, "directory")), patience).toEqual([]);
    const log = () => router.lines.map(({ msg }) => msg).join();
    await expect.poll(log, patience).toContain("Removed 1 orphaned temporary files");
    expect(await router.stop()).toBe(0);
    await server.close();
    await temporary.remove();
  });
});
