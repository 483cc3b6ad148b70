/** Streams whose peers are slow, go away, or are many; files larger than 4 GiB; and disks that are full. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import { MemoryBudget, type NfsClient, TEMPORARY_PREFIX } from "nfs-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { peakMemoryOf } from "../../bench/peak-memory.ts";
import type { TaskMetadata } from "../../local/ecs/task-metadata.ts";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { clientNames } from "../support/client-names.ts";
import { connectNfs, startNfsServer } from "../support/nfs.ts";
import { describeEachServer, type TestServer } from "../support/nfs-servers.ts";
import { reportAtEnd, rounds, strategies } from "../support/reliability.ts";
import { type RouterProcess, startRouter, tableOf, WORKERS } from "../support/router-bundle.ts";
import { startZoneMetadata } from "../support/task-metadata.ts";
import { childrenOf } from "../support/worker-processes.ts";

const MEBIBYTE = 1024 * 1024;
const GIBIBYTE = 1024 * MEBIBYTE;

describeEachServer("streams", (start) => {
  let server: TestServer;
  const at = (path: string) => `${server.root}/${path}`;
  const local = (path: string) => join(server.directory, path);
  const connect = (options: object = {}): Promise<NfsClient> =>
    connectNfs({ host: server.host, port: server.port, ...options });

  beforeAll(async () => {
    server = await start();
  });

  afterAll(async () => {
    await server?.stop();
  });

  test("readers that stop reading hold half of the memory and no slot: everything else goes on", async () => {
    const memory = new MemoryBudget(16 * MEBIBYTE);
    const client = await connect({ memory, slots: 4, operationTimeout: 60_000 });
    const content = randomBytes(12 * MEBIBYTE);
    await client.writeFile(at("large"), content);
    const stopped = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const iterator = (await client.openFile(at("large"))).body[Symbol.asyncIterator]();
        await iterator.next();
        return iterator;
      }),
    );
    expect(memory.reserved).toBeLessThanOrEqual(8 * MEBIBYTE);
    async function* source() {
      for (let index = 0; index < 20; index++) yield Buffer.alloc(MEBIBYTE, index);
    }
    const [written, read] = await Promise.all([
      client.writeFile(at("beside"), source()),
      client.readFile(at("large")),
      ...Array.from({ length: 50 }, (_, index) => client.writeFile(at(`small-${index}`), Buffer.from("x"))),
    ]);
    expect(written.size).toBe(20 * MEBIBYTE);
    expect(read.data.equals(content)).toBe(true);
    await Promise.all(stopped.map((iterator) => iterator.return?.()));
    expect(memory.reserved).toBe(0);
    await client.close();
  });

  test("a slow writer does not hold what it has sent, and a small one does not starve behind large ones", async () => {
    const memory = new MemoryBudget(4 * MEBIBYTE);
    const client = await connect({ memory });
    let release = () => {};
    const pause = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow() {
      yield randomBytes(1.5 * MEBIBYTE);
      await pause;
      yield randomBytes(100);
    }
    async function* large() {
      for (let index = 0; index < rounds(10, 100); index++) yield Buffer.alloc(MEBIBYTE, index);
    }
    async function* small() {
      yield Buffer.from("small");
    }
    const slowly = [client.writeFile(at("slow-1"), slow()), client.writeFile(at("slow-2"), slow())];
    const many = Promise.all(Array.from({ length: 8 }, (_, index) => client.writeFile(at(`large-${index}`), large())));
    expect((await client.writeFile(at("small"), small())).size).toBe(5);
    await many;
    await expect.poll(() => memory.reserved, { timeout: 60_000 }).toBe(0);
    release();
    expect((await Promise.all(slowly)).map(({ size }) => size)).toEqual(Array(2).fill(1.5 * MEBIBYTE + 100));
    expect(memory.reserved).toBe(0);
    await client.close();
  });

  test("a sparse file of 10 GiB is read and appended to anywhere", async () => {
    const client = await connect();
    const mark = (offset: number) => `@${offset}`.padEnd(8).slice(0, 8);
    const size = 10 * GIBIBYTE + 3;
    const marks = [0, 2 * GIBIBYTE - 4, 4 * GIBIBYTE - 4, 4 * GIBIBYTE + 4, 8 * GIBIBYTE + 1, size - 8];
    const file = await open(local("sparse"), "w");
    await file.truncate(size);
    for (const offset of marks) await file.write(mark(offset), offset);
    await file.close();
    expect((await client.stat(at("sparse"))).size).toBe(size);
    for (const offset of marks) {
      const { data, attributes } = await client.readFile(at("sparse"), { start: offset, length: 8 });
      expect([data.toString(), attributes.size]).toEqual([mark(offset), size]);
    }
    const across = await client.readFile(at("sparse"), { start: 4 * GIBIBYTE - 2 * MEBIBYTE, length: 4 * MEBIBYTE });
    expect(across.data.subarray(2 * MEBIBYTE - 4, 2 * MEBIBYTE + 4).toString()).toBe("@4294967");
    const appended = await client.appendFile(at("sparse"), Buffer.from("the end"));
    expect(appended.size).toBe(size + 7);
    const tail = await client.readFile(at("sparse"), { start: size - 8 });
    expect(tail.data.toString()).toBe(`${mark(size - 8)}the end`);
    expect((await stat(local("sparse"))).blocks * 512).toBeLessThan(MEBIBYTE);
    await client.close();
  });
});

describe.each(strategies)("streams over HTTP (%s)", (strategy) => {
  let temporary: TemporaryDirectory;
  let directory: string;
  let servers: NfsServer[];
  let metadata: TaskMetadata;
  let router: RouterProcess;
  let full: "NFS4ERR_NOSPC" | "NFS4ERR_DQUOT" | undefined;
  const counts = {
    "parallel uploads": 0,
    "failed uploads": 0,
    "uploads refused and repeated": 0,
    "most memory of the router, MiB": 0,
  };
  const names = () => clientNames(join(directory, "data"));

  reportAtEnd(`streams over HTTP (${strategy})`, () => counts);

  beforeEach(async () => {
    full = undefined;
    temporary = await makeTemporaryDirectory("streams-");
    directory = temporary.path;
    servers = await Promise.all(
      [0, 1, 2].map(() => startNfsServer({ directory, durable: false, refuseWrite: () => full })),
    );
    metadata = await startZoneMetadata();
    router = await startRouter({
      AWS_ENDPOINT_URL: "http://127.0.0.1:9",
      DEFAULT_MOUNT_TARGETS: JSON.stringify(tableOf(servers)),
      ROUTING_STRATEGY: strategy,
      ECS_CONTAINER_METADATA_URI_V4: metadata.uri("ap-northeast-1a"),
      // A busy machine takes longer than the defaults allow for all that is sent at once here.
      NFS_DETECTION_TIMEOUT_SECONDS: "20",
      NFS_OPERATION_TIMEOUT_SECONDS: "200",
    });
    expect(await put("kept", Buffer.from("old"))).toBe(201);
  });

  afterEach(async () => {
    router.child.kill("SIGKILL");
    await router.exited;
    await metadata.close();
    await Promise.all(servers.map((server) => server.close()));
    await temporary.remove();
  });

  interface Upload {
    readonly upload: ClientRequest;
    /** The status. */
    readonly answered: Promise<number | undefined>;
  }

  /** On a connection of its own: an upload that is refused early may end with its connection. */
  function beginUpload(path: string, method = "PUT"): Upload {
    const upload = request(`${router.url}/files/${path}`, { method, agent: false });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      upload.once("response", (answer) => resolve(answer.resume().statusCode));
      upload.on("error", reject);
    });
    answered.catch(() => {});
    return { upload, answered };
  }

  async function put(path: string, body: Buffer, method?: string): Promise<number | undefined> {
    const { upload, answered } = beginUpload(path, method);
    upload.end(body);
    return answered;
  }

  async function send(upload: ClientRequest, bytes: number): Promise<void> {
    const part = Buffer.alloc(64 * 1024, 7);
    for (let sent = 0; sent < bytes; sent += part.length) if (!upload.write(part)) await once(upload, "drain");
  }

  test("of an upload whose client goes away nothing stays, and the old content does", async () => {
    for (const bytes of [200_000, 3 * MEBIBYTE, 9 * MEBIBYTE]) {
      const { upload } = beginUpload("kept");
      await send(upload, bytes);
      if (bytes > MEBIBYTE) await expect.poll(async () => (await names()).length).toBe(2);
      upload.destroy();
      await expect.poll(names).toEqual(["kept"]);
      expect(await readFile(join(directory, "data/kept"), "utf8")).toBe("old");
    }
  });

  test.for(["NFS4ERR_NOSPC", "NFS4ERR_DQUOT"] as const)(
    "a full disk (%s) is 507, and changes nothing",
    async (status) => {
      full = status;
      expect(await put("kept", Buffer.alloc(1000))).toBe(507);
      expect(await put("kept", Buffer.alloc(5 * MEBIBYTE))).toBe(507);
      expect(await put("new", Buffer.alloc(1000))).toBe(507);
      expect(await put("kept?append", Buffer.from("more"), "POST")).toBe(507);
      // one whose length is not known beforehand, and which fills the disk on the way
      full = undefined;
      const { upload, answered } = beginUpload("kept");
      await send(upload, 3 * MEBIBYTE);
      await expect.poll(async () => (await names()).length).toBe(2);
      full = status;
      upload.end(Buffer.alloc(1000));
      expect(await answered).toBe(507);
      expect(await names()).toEqual(["kept"]);
      expect(await readFile(join(directory, "data/kept"), "utf8")).toBe("old");
      full = undefined;
      expect(await put("kept", Buffer.from("new"))).toBe(204);
    },
  );

  test("200 uploads at once are all written, in a bounded memory", { timeout: 240_000 }, async () => {
    const size = rounds(1.25, 8) * MEBIBYTE;
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        for (;;) {
          const { upload, answered } = beginUpload(`many/${index}`);
          await send(upload, size);
          upload.end();
          const status = await answered;
          if (status !== 503) return status;
          // a busy machine makes the router's event loop late, and then it sheds load
          counts["uploads refused and repeated"] += 1;
          await sleep(500);
        }
      }),
    );
    counts["parallel uploads"] = statuses.length;
    counts["failed uploads"] = statuses.filter((status) => status !== 201).length;
    counts["most memory of the router, MiB"] = await mostMemory(router);
    const written = await readdir(join(directory, "data/many"));
    expect(statuses.filter((status) => status !== 201)).toEqual([]);
    expect(written).toHaveLength(200);
    expect(written.filter((name) => name.startsWith(TEMPORARY_PREFIX))).toEqual([]);
    for (const name of written) expect((await stat(join(directory, "data/many", name))).size).toBe(size);
    // 12 MiB for each of them would be 2.4 GiB
    expect(counts["most memory of the router, MiB"]).toBeLessThan(800 + (WORKERS - 1) * PROCESS_MEMORY);
  });

  test("downloads that nobody reads let an upload pass", { timeout: 120_000 }, async () => {
    const size = rounds(12, 24) * MEBIBYTE;
    await put("large", Buffer.alloc(size, 1));
    const downloads = await Promise.all(
      Array.from({ length: rounds(60, 200) }, async () => {
        const download = request(`${router.url}/files/large`).end();
        const [answer] = await once(download, "response");
        answer.pause();
        return download;
      }),
    );
    expect(await put("beside", Buffer.alloc(8 * MEBIBYTE, 2))).toBe(201);
    expect(await mostMemory(router)).toBeLessThan(600 + (WORKERS - 1) * PROCESS_MEMORY);
    for (const download of downloads) download.destroy();
    const response = await fetch(`${router.url}/files/large`);
    expect((await response.arrayBuffer()).byteLength).toBe(size);
  });
});

/** MiB of all its processes, as Linux counts it. */
async function mostMemory({ child }: RouterProcess): Promise<number> {
  const processes = [child.pid, ...(await childrenOf(child.pid))];
  const bytes = processes.map(peakMemoryOf);
  return Math.round(bytes.reduce((sum, each) => sum + each, 0) / MEBIBYTE);
}

/** MiB that a process takes without any file data, and that each worker beyond the first adds. */
const PROCESS_MEMORY = 150;
