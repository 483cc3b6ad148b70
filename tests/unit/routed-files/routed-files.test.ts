import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ConnectionError,
  etagOf,
  FileChangedError,
  type NfsClient,
  NfsStatusError,
  OutcomeUnknownError,
  PreconditionError,
} from "nfs-client";
import { describe, expect, test, vi } from "vitest";
import type { PathChange } from "../../../packages/routed-files/src/changes.ts";
import type { RoutedFiles, RoutedFilesOptions } from "../../../packages/routed-files/src/routed-files.ts";
import { type DirectoryPath, directoryPath, filePath, ROOT } from "../../../packages/routed-files/src/routing/path.ts";
import { UnavailableError } from "../../../packages/routed-files/src/targets/failures.ts";
import { MemoryServer } from "../../support/memory-nfs.ts";
import { MemoryNetwork, startTestRouter as start } from "../../support/memory-router.ts";
import { readFile } from "../../support/read-file.ts";

const PATH = filePath("a/b.txt");
const OTHER_PATH = filePath("a/other.txt");

/** The first two servers that `path` prefers. */
function preferred(network: MemoryNetwork, path: string = PATH) {
  const [first, second] = network.ranked(path);
  if (!first || !second) throw new Error("There are too few servers");
  return { first, second };
}

async function namesIn(router: RoutedFiles, path: DirectoryPath, after?: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of router.list(path, { after })) names.push(name);
  return names;
}

async function* chunks(...parts: string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

describe("the file API", () => {
  test("writes, reads, appends, tells, lists and deletes", async () => {
    const { router, network } = await start();
    expect(await router.exists(PATH)).toBe(false);
    const written = await router.writeFile(PATH, Buffer.from("one"));
    expect(written).toMatchObject({ created: true, attributes: { size: 3 } });
    expect(await router.writeFile(PATH, Buffer.from("two"))).toMatchObject({ created: false });
    expect(await router.appendFile(PATH, Buffer.from("three"))).toMatchObject({ size: 8 });
    expect(await router.exists(PATH)).toBe(true);
    expect((await readFile(router, PATH)).toString()).toBe("twothree");
    expect((await readFile(router, PATH, { start: 3, length: 2 })).toString()).toBe("th");
    expect(await text((await router.openFile(PATH, { start: 1 })).body)).toBe("wothree");
    expect(await router.stat(PATH)).toMatchObject({ type: "file", size: 8 });
    expect(network.files.files).toEqual(["/data/a/b.txt"]);
    const names = await namesIn(router, directoryPath("a"));
    expect(names).toEqual(["b.txt"]);
    await router.deleteFile(PATH);
    await expect(router.stat(PATH)).rejects.toThrow("NFS4ERR_NOENT");
  });

  test("writes streams", async () => {
    const { router, network } = await start();
    await router.writeFile(PATH, chunks("one", "two"));
    expect(network.files.read("/data/a/b.txt").toString()).toBe("onetwo");
  });

  test("asks whether there was a file only where somebody wants to know", async () => {
    const { router, network } = await start();
    const { created } = await router.writeFile(PATH, Buffer.from("one"), undefined, { learnCreated: false });
    expect(created).toBeUndefined();
    expect(network.servers.flatMap(({ log }) => log)).toEqual(["writeFile /data/a/b.txt"]);
  });

  test("writes on conditions", async () => {
    const { router } = await start();
    const { attributes } = await router.writeFile(PATH, Buffer.from("one"), "absent");
    await expect(router.writeFile(PATH, Buffer.from("two"), "absent")).rejects.toThrow(PreconditionError);
    const second = await router.writeFile(PATH, Buffer.from("two"), { etag: etagOf(attributes) });
    expect(second).toMatchObject({ created: false });
    await expect(router.writeFile(PATH, Buffer.from("three"), { etag: etagOf(attributes) })).rejects.toThrow(
      PreconditionError,
    );
  });

  test("lists from a cursor on, without files that are still being written", async () => {
    const { router, network } = await start();
    for (const name of ["1", "2", ".nfs-tmp-3", "4"]) network.files.write(`/data/${name}`, Buffer.alloc(0));
    expect(await namesIn(router, ROOT)).toEqual(["1", "2", "4"]);
    for await (const { cursor } of router.list(ROOT)) {
      expect(await namesIn(router, ROOT, cursor)).toEqual(["2", "4"]);
      break;
    }
  });

  test("serves the root of the file system when that is its directory", async () => {
    const { router, network } = await start(undefined, { rootDirectory: "/" });
    await router.writeFile(PATH, Buffer.from("one"));
    expect(network.files.files).toEqual(["/a/b.txt"]);
  });

  test("sends each path to the target that the path prefers", async () => {
    const { router, network, targetOf } = await start();
    const paths = Array.from({ length: 60 }, (_, index) => filePath(`file-${index}`));
    for (const path of paths) await router.writeFile(path, Buffer.from("12345"));
    for (const server of network.servers) {
      const own = paths.filter((path) => preferred(network, path).first === server);
      expect(own.length).toBeGreaterThan(0);
      expect(targetOf(server).statistics).toMatchObject({ requests: own.length, bytesWritten: 5 * own.length });
    }
  });

  describe("many small files at once", () => {
    const paths = Array.from({ length: 60 }, (_, index) => filePath(`dir/${index}`));
    const requests = paths.map((path) => ({ path, size: path.length }));

    async function startWithFiles() {
      const started = await start();
      for (const path of paths) started.network.files.write(`/data/${path}`, Buffer.from(path));
      return started;
    }

    test("come from the targets that their paths prefer, in one request to each", async () => {
      const { router, network, targetOf } = await startWithFiles();
      const found = await router.readSmallFiles(requests);
      expect(found.map((file) => file?.data.toString())).toEqual(paths);
      for (const server of network.servers) {
        const own = paths.filter((path) => preferred(network, path).first === server);
        expect(server.log.filter((line) => line.startsWith("readSmallFiles"))).toHaveLength(1);
        const bytesRead = own.join("").length;
        expect(targetOf(server).statistics).toMatchObject({ requests: own.length, bytesRead, errors: 0 });
        expect(targetOf(server).meter.inFlight).toBe(0);
      }
    });

    test("are left to be read alone where their target is lost, which is noticed", async () => {
      const { router, network, targetOf } = await startWithFiles();
      const { first } = preferred(network, paths[0]);
      first.scheduled.push("lose-reply");
      const found = await router.readSmallFiles(requests);
      for (const [index, path] of paths.entries()) {
        const isLost = preferred(network, path).first === first;
        expect(found[index]?.data.toString()).toBe(isLost ? undefined : path);
      }
      expect(targetOf(first).isConnected).toBe(false);
      for (const server of network.servers) server.state = "down";
      expect((await router.readSmallFiles(requests)).every((file) => file === undefined)).toBe(true);
    });
  });

  test("counts requests, bytes and errors of the target that did them; no such file is no error", async () => {
    const { router, network, targetOf } = await start();
    await router.writeFile(PATH, Buffer.from("12345"));
    await text((await router.openFile(PATH)).body);
    await readFile(router, PATH);
    await expect(router.stat(filePath("missing"))).rejects.toThrow(NfsStatusError);
    const target = targetOf(preferred(network).first);
    expect(target.statistics).toMatchObject({ bytesWritten: 5, bytesRead: 10 });
    expect(router.targets.map(({ statistics }) => statistics.errors)).toEqual([0, 0, 0]);
    expect(target.statistics.latency.p99).toBeGreaterThan(0);
    expect(target.compounds).toBeGreaterThanOrEqual(3);
  });

  test("counts nothing but COMPOUNDs for the routers' own files", async () => {
    const operations: string[] = [];
    const { router } = await start(undefined, { onOperation: (_, operation) => operations.push(operation) });
    const compounds = () => router.targets.reduce((sum, target) => sum + target.compounds, 0);
    const before = compounds();
    const own = router.ownFiles("own");
    await own.write("a", 0, Buffer.from("12345"));
    expect((await own.read("a", 0, 10)).toString()).toBe("12345");
    expect((await own.list()).map(({ name }) => name)).toEqual(["a"]);
    await own.remove("a");
    for (const { statistics } of router.targets) {
      expect(statistics).toMatchObject({ requests: 0, bytesRead: 0, bytesWritten: 0 });
    }
    expect(operations).toEqual([]);
    expect(compounds()).toBeGreaterThan(before);
  });
});

describe("starting", () => {
  test("skips targets that cannot be connected to, with an ERROR each, and takes them up when they come", async () => {
    const network = new MemoryNetwork(3);
    const { first, second } = preferred(network);
    first.state = "down";
    second.state = "frozen";
    const { router, lines, targetOf } = await start(network);
    const errors = lines.filter(({ level }) => level === "ERROR");
    expect(errors.map(({ target }) => target).sort()).toEqual([network.idOf(first), network.idOf(second)].sort());
    await router.writeFile(PATH, Buffer.from("one"));

    first.state = "up";
    await vi.waitFor(() => expect(targetOf(first).state).toBe("connected"));
    await readFile(router, PATH);
    expect(targetOf(first).statistics.requests).toBe(1);
  });

  test("fails when no target can be connected to, and leaves nothing running", async () => {
    const network = new MemoryNetwork(2);
    for (const server of network.servers) server.state = "down";
    await expect(start(network)).rejects.toThrow(
      new UnavailableError("None of the 2 mount targets could be connected to"),
    );
    for (const server of network.servers) server.state = "up";
    await sleep(250);
    expect(network.servers.map(({ clients }) => clients.size)).toEqual([0, 0]);
  });

  test("gives all sessions its memory", async () => {
    const network = new MemoryNetwork(3);
    const memories: unknown[] = [];
    const { router } = await start(network, {
      connect: (options) => {
        memories.push(options.memory);
        return network.connect(options);
      },
    });
    expect(memories.map((memory) => memory === router.memory)).toEqual([true, true, true]);
  });

  test("gives every session back on close", async () => {
    const { router, network } = await start();
    expect(network.servers.map(({ clients }) => clients.size)).toEqual([1, 1, 1]);
    await router.close();
    expect(network.servers.map(({ clients }) => clients.size)).toEqual([0, 0, 0]);
  });
});

describe.each(["down", "frozen"] as const)("when a target is %s", (failure) => {
  test("reads, writes, deletes, stats and lists go on at the next one", async () => {
    const { router, network, targetOf } = await start(undefined, { operationTimeout: 60_000 });
    const { first, second } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    first.state = failure;
    expect((await readFile(router, PATH)).toString()).toBe("one");
    expect(targetOf(first).state).not.toBe("connected");
    await router.writeFile(PATH, Buffer.from("two"));
    expect(await text((await router.openFile(PATH)).body)).toBe("two");
    expect(await router.stat(PATH)).toMatchObject({ size: 3 });
    expect(await namesIn(router, directoryPath("a"))).toEqual(["b.txt"]);
    await router.deleteFile(PATH);
    expect(await router.exists(PATH)).toBe(false);
    expect(targetOf(second).statistics.requests).toBeGreaterThan(4);
  });

  test("in-flight operations go on at the next one", async () => {
    const { router, network } = await start();
    await router.writeFile(PATH, Buffer.from("one"));
    const { first } = preferred(network);
    first.state = "frozen";
    const reads = Array.from({ length: 20 }, () => readFile(router, PATH));
    await sleep(10);
    first.state = failure;
    const results = await Promise.all(reads);
    expect(results.every((data) => data.toString() === "one")).toBe(true);
  });

  test("it comes back by itself, gets its paths again, and its old session ends", async () => {
    const { router, network, lines, targetOf } = await start();
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    first.state = failure;
    await readFile(router, PATH);
    first.state = "up";
    await vi.waitFor(() => expect(targetOf(first).state).toBe("connected"), { timeout: 60_000 });
    const before = targetOf(first).statistics.requests;
    await readFile(router, PATH);
    expect(targetOf(first).statistics.requests).toBe(before + 1);
    expect(first.clients.size).toBe(1);
    const changes = lines.filter(({ target }) => target === network.idOf(first)).map(({ level }) => level);
    expect(changes.slice(0, 3)).toEqual(["INFO", "ERROR", "DEBUG"]);
    expect(changes.at(-1)).toBe("INFO");
  });

  test("a stream that is being read goes on at the next one", async () => {
    const { router, network } = await start(new MemoryNetwork(3, { chunkSize: 2 }));
    await router.writeFile(PATH, Buffer.from("0123456789"));
    const { body } = await router.openFile(PATH, { start: 1, length: 8 });
    let read = "";
    for await (const chunk of body) {
      read += chunk.toString();
      if (read.length === 4) preferred(network).first.state = failure;
    }
    expect(read).toBe("12345678");
  });

  test("a stream of a file that was replaced meanwhile fails instead of mixing the two", async () => {
    const { router, network } = await start(new MemoryNetwork(3, { chunkSize: 2 }));
    await router.writeFile(PATH, Buffer.from("0123456789"));
    const { body } = await router.openFile(PATH);
    const read = async () => {
      for await (const _ of body) {
        network.files.write("/data/a/b.txt", Buffer.from("abcdefghij"));
        preferred(network).first.state = failure;
      }
    };
    await expect(read()).rejects.toThrow(FileChangedError);
  });

  test("a stream that is being written fails, and the old content stays", async () => {
    const { router, network } = await start();
    await router.writeFile(PATH, Buffer.from("old"));
    const source = async function* () {
      yield Buffer.from("new");
      preferred(network).first.state = failure;
      yield Buffer.from("newer");
    };
    await expect(router.writeFile(PATH, source())).rejects.toThrow();
    expect((await readFile(router, PATH)).toString()).toBe("old");
  });

  test("an in-flight listing goes on at the next one", async () => {
    const { router, network } = await start();
    for (let index = 0; index < 10; index++) network.files.write(`/data/a/${index}`, Buffer.alloc(0));
    const names: string[] = [];
    for await (const { name } of router.list(directoryPath("a"))) {
      names.push(name);
      if (names.length === 5) preferred(network, "a").first.state = failure;
    }
    expect(names).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  });
});

describe("an outcome that is not known", () => {
  test("a delete that was done before its reply was lost succeeds", async () => {
    const { router, network } = await start();
    await router.writeFile(PATH, Buffer.from("one"));
    preferred(network).first.scheduled.push("lose-reply");
    await router.deleteFile(PATH);
    expect(network.files.files).toEqual([]);
  });

  test("a delete of what is not there fails, also at the next target", async () => {
    const { router, network } = await start();
    preferred(network).first.scheduled.push("NFS4ERR_GRACE");
    await expect(router.deleteFile(PATH)).rejects.toThrow("NFS4ERR_NOENT");
  });

  test("a write that was done before its reply was lost is retried", async () => {
    const { router, network } = await start();
    await router.writeFile(PATH, Buffer.from("old"), "absent");
    const current = etagOf(network.files.stat("/data/a/b.txt"));
    preferred(network).first.scheduled.push("lose-request");
    await router.writeFile(PATH, Buffer.from("new"), { etag: current });
    expect((await readFile(router, PATH)).toString()).toBe("new");
  });

  test("a conditional write that may have been done says that nobody knows", async () => {
    const { router, network } = await start();
    preferred(network).first.scheduled.push("lose-reply");
    await expect(router.writeFile(PATH, Buffer.from("one"), "absent")).rejects.toThrow(OutcomeUnknownError);
  });

  test("an append says so, and is not retried at another target", async () => {
    const { router, network } = await start();
    await router.writeFile(PATH, Buffer.from("one"));
    const { first, second } = preferred(network);
    first.scheduled.push("lose-reply");
    await expect(router.appendFile(PATH, Buffer.from("two"))).rejects.toThrow(OutcomeUnknownError);
    expect(second.log).not.toContain("appendFile /data/a/b.txt");
    expect(network.files.read("/data/a/b.txt").toString()).toBe("onetwo");
  });

  test("an append that was not done goes on at the next target", async () => {
    const { router, network } = await start();
    preferred(network).first.state = "frozen";
    expect(await router.appendFile(PATH, Buffer.from("one"))).toMatchObject({ size: 3 });
    expect(network.files.read("/data/a/b.txt").toString()).toBe("one");
  });
});

describe("when the target is there, but busy", () => {
  test("the next one is asked, and the target stays connected", async () => {
    const { router, network, targetOf } = await start();
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    first.scheduled.push("NFS4ERR_DELAY");
    expect((await readFile(router, PATH)).toString()).toBe("one");
    expect(targetOf(first).state).toBe("connected");
    expect(targetOf(first).statistics.errors).toBe(1);
  });

  test("the error is passed on when all of them are", async () => {
    const { router, network } = await start();
    for (const server of network.servers) server.scheduled.push("NFS4ERR_GRACE");
    await expect(readFile(router, PATH)).rejects.toThrow("NFS4ERR_GRACE");
  });
});

describe("when no target is there", () => {
  test("an operation waits for one that comes back soon", async () => {
    const { router, network } = await start(undefined, { detectionTimeout: 1_000 });
    await router.writeFile(PATH, Buffer.from("one"));
    for (const server of network.servers) server.state = "down";
    const reading = readFile(router, PATH);
    await sleep(50);
    for (const server of network.servers) server.state = "up";
    expect((await reading).toString()).toBe("one");
  });

  test("it fails when none does", async () => {
    const { router, network } = await start();
    for (const server of network.servers) server.state = "down";
    await expect(readFile(router, PATH)).rejects.toThrow(new UnavailableError("No mount target can be reached"));
    expect(router.ready).toBe(false);
  });

  test("a stream that loses every target is given up", async () => {
    const network = new MemoryNetwork(3);
    let opened = 0;
    const { router } = await start(network, {
      connect: async (options) => {
        const client = await network.connect(options);
        const openFile: NfsClient["openFile"] = async (path) => {
          opened += 1;
          const body = new Readable({
            read() {
              this.destroy(new ConnectionError("The connection was lost"));
            },
          });
          return { attributes: await client.stat(path), body };
        };
        return Object.assign(client, { openFile });
      },
    });
    await router.writeFile(PATH, Buffer.from("one"));
    const { body } = await router.openFile(PATH);
    await expect(text(body)).rejects.toThrow(ConnectionError);
    expect(opened).toBe(4);
  });
});

test("a target whose connection is lost every few seconds is back at once each time", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const { router, network } = await start(new MemoryNetwork(1), { detectionTimeout: 1_000 });
    await router.writeFile(PATH, Buffer.from("one"));
    for (let loss = 0; loss < 8; loss++) {
      vi.setSystemTime(Date.now() + 5_000);
      network.servers[0]?.scheduled.push("lose-request");
      // It waits for a target for as long as the detection timeout.
      expect((await readFile(router, PATH)).toString()).toBe("one");
    }
  } finally {
    vi.useRealTimers();
  }
});

test("a target whose connections do not live is waited for longer and longer", async () => {
  const { router, network, lines } = await start(new MemoryNetwork(1));
  const { scheduled } = network.servers[0] ?? { scheduled: [] };
  await router.writeFile(PATH, Buffer.from("one"));
  const losses = async () => {
    const until = performance.now() + 2_000;
    while (performance.now() < until) {
      scheduled.splice(0, scheduled.length, "lose-request");
      await router.stat(PATH).catch(() => {});
    }
  };
  await losses();
  const connected = lines.filter(({ msg }) => msg.endsWith("is connected")).length;
  // 50 to 100 ms, then twice as long each time.
  expect(connected).toBeGreaterThan(2);
  expect(connected).toBeLessThan(8);
});

describe("a target that hangs is given up in time", () => {
  const DETECTION_TIMEOUT = 400;
  /** Timers are late on a busy machine; without a detection it would take the operation timeout. */
  const MAX_WAIT = 10 * DETECTION_TIMEOUT;
  const timeouts = { detectionTimeout: DETECTION_TIMEOUT, operationTimeout: 60_000 };

  test.each([0, 100, 200, 300])("whenever the operations begin: every %i ms", async (pause) => {
    const { router, network, targetOf } = await start(undefined, timeouts);
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    const reads: Promise<unknown>[] = [readFile(router, PATH)];
    first.state = "frozen";
    const frozenAt = performance.now();
    while (targetOf(first).state === "connected") {
      reads.push(readFile(router, PATH));
      await sleep(pause + 10);
    }
    expect(performance.now() - frozenAt).toBeLessThan(MAX_WAIT);
    await Promise.all(reads);
  });

  test("after it was idle, by the first operation", async () => {
    const { router, network } = await start(undefined, timeouts);
    await router.writeFile(PATH, Buffer.from("one"));
    preferred(network).first.state = "frozen";
    await sleep(2 * DETECTION_TIMEOUT);
    const begin = performance.now();
    await readFile(router, PATH);
    expect(performance.now() - begin).toBeLessThan(MAX_WAIT);
  });

  test("while a stream is read slowly", async () => {
    const network = new MemoryNetwork(3, { chunkSize: 2 });
    const { router, targetOf } = await start(network, timeouts);
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("0123"));
    let read = "";
    for await (const chunk of (await router.openFile(PATH)).body) {
      read += chunk.toString();
      first.state = "frozen";
      await vi.waitFor(() => expect(targetOf(first).state).not.toBe("connected"), { timeout: MAX_WAIT });
    }
    expect(read).toBe("0123");
  });
});

/** What all the servers are asked for from now on, in one order. */
function recordOrder(network: MemoryNetwork): string[] {
  const all: string[] = [];
  for (const { log } of network.servers) log.push = (...lines) => all.push(...lines);
  return all;
}

describe("what a lost target still may do", () => {
  const fencings = (server: { readonly log: readonly string[] }) =>
    server.log.filter((each) => each.startsWith("fence"));

  test.each(["down", "frozen"] as const)(
    "is ended through the next one before a write is retried there: %s",
    async (state) => {
      const { router, network } = await start();
      const { first } = preferred(network);
      await router.writeFile(PATH, Buffer.from("one"));
      const [client] = first.clients;
      first.state = state;
      const log = recordOrder(network);
      await router.writeFile(PATH, Buffer.from("two"));
      const fencing = log.indexOf(`fence ${client?.name}`);
      expect(fencing).toBeGreaterThanOrEqual(0);
      expect(fencing).toBeLessThan(log.lastIndexOf("writeFile /data/a/b.txt"));
    },
  );

  test("is ended before what was removed with others is removed by itself", async () => {
    const { router, network } = await start();
    // One that prefers, as its second, not the target that is asked first to end a session.
    const isSuited = (path: string) => {
      const [, second, third] = network.ranked(path).map((server) => network.servers.indexOf(server));
      return (third ?? 0) < (second ?? 0);
    };
    const path = Array.from({ length: 100 }, (_, index) => filePath(`a/${index}`)).find(isSuited) ?? PATH;
    const [first, , third] = network.ranked(path);
    network.files.write(`/data/${path}`, Buffer.from("one"));
    const [client] = first?.clients ?? [];
    first?.scheduled.push("lose-request");
    if (third) third.state = "frozen";
    const log = recordOrder(network);
    expect(await router.deleteFiles([path])).toEqual([{ status: "fulfilled", value: undefined }]);
    const fencing = `fence ${client?.name}`;
    const done = ["removeFiles", fencing, `remove /data/${path}`];
    expect(log.filter((each) => done.includes(each))).toEqual([
      "removeFiles",
      fencing,
      fencing,
      `remove /data/${path}`,
    ]);
  });

  test("is not waited for longer than the operation may take, and its outcome is unknown then", async () => {
    const { router, network, targetOf } = await start(undefined, { operationTimeout: 400, detectionTimeout: 60_000 });
    const { first, second } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    for (const server of network.servers) if (server !== first) server.state = "frozen";
    first.scheduled.push("lose-request");
    await expect(router.deleteFile(PATH)).rejects.toThrow(OutcomeUnknownError);
    expect(targetOf(second).state).toBe("connected");
  });

  test("may have removed what no target can be asked for: whoever follows the changes learns it", async () => {
    const { router, network } = await start(undefined, { operationTimeout: 400 });
    const { first } = preferred(network);
    const changes: PathChange[] = [];
    router.recordChanges({ record: async (change) => void changes.push(change) });
    network.files.write("/data/a/b.txt", Buffer.from("one"));
    const removeFile = network.files.remove.bind(network.files);
    network.files.remove = (path, options) => {
      for (const server of network.servers) server.state = "down";
      return removeFile(path, options);
    };
    first.scheduled.push("lose-reply");
    expect(await router.deleteFiles([PATH])).toEqual([{ status: "rejected", reason: expect.any(OutcomeUnknownError) }]);
    expect(changes).toEqual([{ kind: "uncertain", path: PATH }]);
  });

  test("is ended as soon as any target is back", async () => {
    const { router, network } = await start();
    await router.writeFile(PATH, Buffer.from("one"));
    for (const server of network.servers) server.state = "down";
    await expect(router.writeFile(PATH, Buffer.from("two"))).rejects.toThrow(UnavailableError);
    for (const server of network.servers) {
      server.log.length = 0;
      server.state = "up";
    }
    await vi.waitFor(() => expect(new Set(network.servers.flatMap(fencings)).size).toBe(3), { timeout: 60_000 });
  });
});

/** Each server knows only the clients that came to it. */
function unsharedNetwork(): MemoryNetwork {
  const network = new MemoryNetwork(3);
  for (const [index, server] of network.servers.entries()) server.serverOwner = `owner-${index}`;
  return network;
}

describe("when no target knows the clients of another one", () => {
  test("a change that may have been done is repeated once its own target is back, and has ended the lost session", async () => {
    const { router, network } = await start(unsharedNetwork());
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    const [client] = first.clients;
    first.scheduled.push("lose-request");
    const log = recordOrder(network);
    await router.deleteFile(PATH);
    expect(log).toEqual(["remove /data/a/b.txt", `fence ${client?.name}`, "remove /data/a/b.txt"]);
    expect(network.files.files).toEqual([]);
  });

  test("its outcome is unknown where not even that one knows it", async () => {
    const { router, network } = await start(unsharedNetwork());
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    first.scheduled.push("lose-reply");
    first.serverOwner = "another";
    await expect(router.deleteFile(PATH)).rejects.toThrow(OutcomeUnknownError);
  });

  test("reads, and writes of which nothing was sent, go on at the next one at once", async () => {
    const { router, network } = await start(unsharedNetwork());
    await router.writeFile(PATH, Buffer.from("one"));
    preferred(network).first.state = "down";
    expect((await readFile(router, PATH)).toString()).toBe("one");
    await router.writeFile(PATH, Buffer.from("two"));
    expect(network.files.read("/data/a/b.txt").toString()).toBe("two");
  });

  test("a delete waits at a target that hangs", async () => {
    const { router, network, targetOf } = await start(unsharedNetwork());
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    first.state = "frozen";
    const deleting = router.deleteFile(PATH);
    await vi.waitFor(() => expect(targetOf(first).connection).toBeUndefined());
    await sleep(300);
    first.state = "up";
    await deleting;
    expect(network.servers.flatMap(({ log }) => log).filter((line) => line.startsWith("remove"))).toHaveLength(1);
  });

  test("removals of many files wait at a target that hangs", async () => {
    const { router, network, targetOf } = await start(unsharedNetwork());
    const { first } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    first.state = "frozen";
    const deleting = router.deleteFiles([PATH]);
    await vi.waitFor(() => expect(targetOf(first).connection).toBeUndefined());
    first.state = "up";
    expect(await deleting).toEqual([{ status: "fulfilled", value: undefined }]);
    const removals = network.servers.flatMap(({ log }) => log).filter((line) => line.startsWith("remove"));
    expect(removals).toEqual(["removeFiles"]);
  });
});

describe("a write of unknown outcome, where no target knows the clients of another one", () => {
  const when = (path: string, condition: "absent" | "etag", { files }: MemoryNetwork) =>
    condition === "absent" ? condition : { etag: etagOf(files.stat(path)) };

  /** A router, the servers that the path prefers, and a condition that holds. */
  async function startConditional(condition: "absent" | "etag") {
    const { router, network } = await start(unsharedNetwork());
    await router.writeFile(OTHER_PATH, Buffer.from("other"));
    if (condition === "etag") await router.writeFile(PATH, Buffer.from("old"));
    return { router, network, ...preferred(network), when: when("/data/a/b.txt", condition, network) };
  }

  test.each(["absent", "etag"] as const)("is found out at the next target: %s", async (condition) => {
    for (const fault of ["lose-request", "lose-reply"] as const) {
      const { router, network, first, second, when } = await startConditional(condition);
      first.scheduled.push(fault);
      const written = await router.writeFile(PATH, Buffer.from("new"), when);
      expect(written.attributes).toEqual(network.files.stat("/data/a/b.txt"));
      expect(written.created).toBe(condition === "absent");
      expect(network.files.read("/data/a/b.txt").toString()).toBe("new");
      expect(network.files.files).toEqual(["/data/a/b.txt", "/data/a/other.txt"]);
      expect(second.log.includes("writeFile /data/a/b.txt")).toBe(fault === "lose-request");
    }
  });

  test.each(["absent", "etag"] as const)(
    "stays unknown when what would have found it out was lost, too: %s",
    async (condition) => {
      const { router, network, first, second, when } = await startConditional(condition);
      first.scheduled.push("lose-reply");
      second.scheduled.push("lose-request");
      await expect(router.writeFile(PATH, Buffer.from("new"), when)).rejects.toThrow(OutcomeUnknownError);
      expect(network.files.read("/data/a/b.txt").toString()).toBe("new");
    },
  );

  test("is done again where nothing stands against it", async () => {
    const network = unsharedNetwork();
    const { first, second } = preferred(network);
    const connect: RoutedFilesOptions["connect"] = async (options) => {
      const client = await network.connect(options);
      const exists = client.exists.bind(client);
      // The write asks this first.
      client.exists = (...args) => exists(...args).finally(() => first.scheduled.push("lose-reply"));
      return client;
    };
    const { router } = await start(network, { connect });
    second.scheduled.push("lose-request");
    await router.writeFile(PATH, Buffer.from("new"));
    const requests = network.servers.flatMap(({ log }) => log);
    expect(requests.filter((each) => each === "writeFile /data/a/b.txt")).toHaveLength(2);
    expect(network.files.files).toEqual(["/data/a/b.txt"]);
  });

  /** A write that was done, and its reply lost; `then` happens when it is known that it was done. */
  async function writeLosingReply(then: (at: { network: MemoryNetwork; server: MemoryServer }) => void) {
    const network = unsharedNetwork();
    const { first, second } = preferred(network);
    const connect: RoutedFilesOptions["connect"] = async (options) => {
      const client = await network.connect(options);
      const remove = client.remove.bind(client);
      client.remove = (...args) => remove(...args).finally(() => then({ network, server: second }));
      return client;
    };
    const { router } = await start(network, { connect });
    first.scheduled.push("lose-reply");
    return { network, writing: router.writeFile(PATH, Buffer.from("new"), "absent") };
  }

  test("stays unknown when the file was removed before its attributes were known", async () => {
    const { writing } = await writeLosingReply(({ network }) => network.files.remove("/data/a/b.txt"));
    await expect(writing).rejects.toThrow(OutcomeUnknownError);
  });

  test("stays unknown, rather than having the attributes of a file that has replaced it since", async () => {
    const { writing, network } = await writeLosingReply(({ network }) =>
      network.files.write("/data/a/b.txt", Buffer.from("of somebody else")),
    );
    await expect(writing).rejects.toThrow(OutcomeUnknownError);
    expect(network.files.read("/data/a/b.txt").toString()).toBe("of somebody else");
  });

  test.each(["lose-request", "NFS4ERR_GRACE"] as const)(
    "is not done again when a target has found it out, and does not tell its attributes: %s",
    async (fault) => {
      const { writing, network } = await writeLosingReply(({ server }) => server.scheduled.push(fault));
      expect((await writing).attributes).toEqual(network.files.stat("/data/a/b.txt"));
      const requests = network.servers.flatMap(({ log }) => log);
      expect(requests.filter((each) => each === "writeFile /data/a/b.txt")).toHaveLength(1);
      expect(requests.filter((each) => each.startsWith("remove "))).toHaveLength(1);
    },
  );

  test.each(["NFS4ERR_GRACE", "NFS4ERR_ACCESS"] as const)(
    "stays unknown when no target would find it out: %s",
    async (status) => {
      const { router, network, first } = await startConditional("absent");
      first.scheduled.push("lose-reply");
      for (const server of network.servers) if (server !== first) server.scheduled.push(status);
      await expect(router.writeFile(PATH, Buffer.from("new"), "absent")).rejects.toThrow(OutcomeUnknownError);
    },
  );
});

describe("when all targets stall", () => {
  const freeze = (network: MemoryNetwork) => {
    for (const server of network.servers) server.state = "frozen";
  };
  const silent = (router: RoutedFiles) =>
    vi.waitFor(() => expect(router.targets.every(({ connection }) => connection === undefined)).toBe(true));

  test("requests wait, are done once, and at the targets where they were", async () => {
    let connects = 0;
    const network = new MemoryNetwork(3);
    const connect: RoutedFilesOptions["connect"] = (options) => {
      connects += 1;
      return network.connect(options);
    };
    const { router, lines } = await start(network, { connect, connectTimeout: 5_000, operationTimeout: 10_000 });
    const paths = Array.from({ length: 30 }, (_, index) => filePath(`file-${index}`));
    for (const path of paths) await router.writeFile(path, Buffer.from("old"));
    const before = connects;
    freeze(network);
    const inFlight = paths.map((path) => router.writeFile(path, Buffer.from("new")));
    await silent(router);
    expect(router.ready).toBe(true);
    const waiting = paths.map((path) => readFile(router, path));
    await sleep(500);
    expect(router.ready).toBe(true);
    for (const server of network.servers) server.log.length = 0;
    for (const server of network.servers) server.state = "up";
    await Promise.all(inFlight);
    expect((await Promise.all(waiting)).map((data) => data.toString())).toEqual(paths.map(() => "new"));
    const writes = network.servers.flatMap(({ log }) => log).filter((line) => line.startsWith("writeFile"));
    expect(writes).toEqual([]);
    // One to each, in case it was only the connection.
    expect(connects - before).toBeLessThanOrEqual(3);
    expect(lines.filter(({ level }) => level === "ERROR")).toEqual([]);
    expect(lines.filter(({ level }) => level === "WARN").map(({ msg }) => msg)).toEqual([
      "No mount target answers: requests wait",
      expect.stringMatching(/^A mount target answers again, after [\d.]+ s in which none did$/),
    ]);
  });

  test("they go on at the first that answers, and the others are given up for it", async () => {
    const { router, network, targetOf } = await start(undefined, { operationTimeout: 30_000 });
    const { first, second } = preferred(network);
    await router.writeFile(PATH, Buffer.from("one"));
    freeze(network);
    const writing = router.writeFile(PATH, Buffer.from("two"));
    await silent(router).catch(() => {});
    const reading = readFile(router, PATH);
    second.state = "up";
    await writing;
    expect((await reading).length).toBe(3);
    expect(targetOf(first).connection).toBeUndefined();
  });

  test("until their deadlines: then nobody knows of a write that was sent, and one that was not was not done", async () => {
    const { router, network } = await start(undefined, { operationTimeout: 3_000 });
    const paths = [filePath("file-1"), filePath("file-2"), filePath("file-3"), filePath("file-4")];
    for (const path of paths) await router.writeFile(path, Buffer.from("old"));
    freeze(network);
    const sent = Promise.allSettled(paths.map((path) => router.writeFile(path, Buffer.from("new"))));
    await silent(router);
    const later = Promise.allSettled(paths.map((path) => router.writeFile(path, Buffer.from("newer"))));
    for (const each of await sent) expect(each).toMatchObject({ reason: { name: "OutcomeUnknownError" } });
    for (const each of await later) expect(each).toMatchObject({ reason: { name: "UnavailableError" } });
  });

  test("but no more than a certain number of them", async () => {
    const { router, network } = await start(new MemoryNetwork(1), { operationTimeout: 30_000 });
    await router.writeFile(PATH, Buffer.from("one"));
    for (const server of network.servers) server.state = "down";
    const exists = () => router.exists(PATH).catch(() => "failed");
    const waiting = [exists()];
    await vi.waitFor(() => expect(router.targets[0]?.connection).toBeUndefined());
    while (waiting.length < 10_000) waiting.push(exists());
    const begin = performance.now();
    await expect(router.exists(PATH)).rejects.toThrow(UnavailableError);
    expect(performance.now() - begin).toBeLessThan(10_000);
    for (const server of network.servers) server.state = "up";
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([true]));
  });
});

test("a connection that nothing arrives over is replaced by one that the same target answers", async () => {
  const network = new MemoryNetwork(1);
  const stuck = new MemoryServer(network.files);
  let connects = 0;
  const { router, targetOf } = await start(network, {
    connect: (options) => (connects++ === 0 ? stuck.connect(options) : network.connect(options)),
  });
  await router.writeFile(PATH, Buffer.from("one"));
  stuck.state = "frozen";
  expect((await readFile(router, PATH)).toString()).toBe("one");
  expect(connects).toBe(2);
  for (const server of network.servers) expect(targetOf(server).state).toBe("connected");
});

test("a target that is given up while it is probed comes back, whatever becomes of that probe", async () => {
  const { router, network, targetOf } = await start();
  const { first } = preferred(network);
  first.state = "frozen";
  const asking = router.exists(PATH);
  await vi.waitFor(() => expect(targetOf(first).state).toBe("failed"), { interval: 1 });
  first.state = "down";
  expect(await asking).toBe(false);
  await sleep(100);
  first.state = "up";
  await vi.waitFor(() => expect(targetOf(first).state).toBe("connected"));
});
