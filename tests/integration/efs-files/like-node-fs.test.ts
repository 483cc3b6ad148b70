/**
 * Where `efs-files` claims to be shaped like `node:fs`: one contract, which both halves of the package and `node:fs` itself
 * fulfil. What is tested is what Node.js tests of its own (test/parallel/test-fs-*), as far as it applies.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import * as promises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, type Writable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { connectFiles } from "efs-files";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startEmbeddedFileSystem } from "../../support/embedded-files.ts";
import { startRouterOverDirectory } from "../../support/router-over-directory.ts";

type Data = string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

interface Described {
  readonly size: number;
  readonly mtime: Date;
  readonly mtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

interface Entry extends Pick<Described, "isFile" | "isDirectory" | "isSymbolicLink"> {
  readonly name: string;
}

/** The calls of `node:fs` that a program can make either way. */
interface FileSystem {
  readFile(path: string, options?: { readonly signal?: AbortSignal }): Promise<Buffer>;
  readFile(path: string, options: BufferEncoding | { readonly encoding: BufferEncoding }): Promise<string>;
  writeFile(
    path: string,
    data: Data,
    options?: BufferEncoding | { encoding?: BufferEncoding; flag?: "w" | "wx"; signal?: AbortSignal },
  ): Promise<unknown>;
  appendFile(path: string, data: string | Uint8Array, options?: BufferEncoding): Promise<unknown>;
  stat(path: string): Promise<Described>;
  access(path: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  readdir(path: string, options: { readonly withFileTypes: true }): Promise<Entry[]>;
  opendir(path: string): AsyncIterable<Entry> | Promise<AsyncIterable<Entry>>;
  mkdir(path: string, options: { readonly recursive: true }): Promise<unknown>;
  rm(path: string, options?: { readonly recursive?: boolean; readonly force?: boolean }): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  copyFile(from: string, to: string): Promise<unknown>;
  createReadStream(
    path: string,
    options?: BufferEncoding | { start?: number; end?: number; encoding?: BufferEncoding; highWaterMark?: number },
  ): Readable;
  createWriteStream(path: string, options?: BufferEncoding | { encoding?: BufferEncoding; flags?: string }): Writable;
}

interface Started {
  readonly fs: FileSystem;
  /** What comes before the paths of the tests. */
  readonly root: string;
  close(): Promise<void>;
}

const IMPLEMENTATIONS: Readonly<Record<string, () => Promise<Started>>> = {
  "node:fs": async () => {
    const root = await promises.mkdtemp(join(tmpdir(), "like-node-fs-"));
    return {
      fs: { ...promises, createReadStream, createWriteStream },
      root,
      close: () => promises.rm(root, { recursive: true }),
    };
  },
  "efs-files/embedded": async () => {
    const fileSystem = await startEmbeddedFileSystem();
    return { fs: await fileSystem.open(), root: "", close: () => fileSystem.close() };
  },
  "efs-files": async () => {
    const service = await startRouterOverDirectory();
    const fs = connectFiles({ url: service.router.url });
    const close = async () => {
      await fs.close();
      await service.close();
    };
    return { fs, root: "", close };
  },
};

const TEXT = "πλάσμα, 塊, 🗂️\n";

describe.each(Object.entries(IMPLEMENTATIONS))("%s", (name, start) => {
  let started: Started;
  let fs: FileSystem;
  let directory: string;
  const at = (name: string) => `${directory}/${name}`;

  beforeAll(async () => {
    started = await start();
    fs = started.fs;
  });

  afterAll(() => started?.close());

  beforeEach(async () => {
    directory = `${started.root}/${randomUUID()}`;
    await fs.mkdir(directory, { recursive: true });
  });

  describe("readFile", () => {
    test("resolves with all bytes of a file, however many there are", async () => {
      for (const size of [0, 1, 16_384, 65_537, 3_000_000]) {
        const data = randomBytes(size);
        await fs.writeFile(at("file"), data);
        const read = await fs.readFile(at("file"));
        expect(Buffer.isBuffer(read)).toBe(true);
        expect(read.equals(data)).toBe(true);
      }
    });

    test.each(["utf8", "utf-8", "utf16le", "latin1", "ascii", "hex", "base64", "base64url", "binary"] as const)(
      "decodes %s",
      async (encoding) => {
        const data = Buffer.from(TEXT);
        await fs.writeFile(at("file"), data);
        expect(await fs.readFile(at("file"), encoding)).toBe(data.toString(encoding));
        expect(await fs.readFile(at("file"), { encoding })).toBe(data.toString(encoding));
      },
    );

    test("may be called many times at once", async () => {
      await fs.writeFile(at("file"), TEXT);
      const all = await Promise.all(Array.from({ length: 30 }, () => fs.readFile(at("file"), "utf8")));
      expect(new Set(all)).toEqual(new Set([TEXT]));
    });

    test("rejects where there is no file", async () => {
      await fs.writeFile(at("file"), "");
      const syscall = "open";
      await expect(fs.readFile(at("none"))).rejects.toMatchObject({ code: "ENOENT", syscall, path: at("none") });
      await expect(fs.readFile(at("none/none"))).rejects.toMatchObject({ code: "ENOENT", syscall });
      await expect(fs.readFile(at("file/none"))).rejects.toMatchObject({ code: "ENOTDIR", syscall });
      await expect(fs.readFile(directory)).rejects.toMatchObject({ code: "EISDIR" });
    });

    test("ends when it is aborted, before and while it reads", async () => {
      await fs.writeFile(at("file"), randomBytes(500_000));
      const before = { name: "AbortError", code: "ABORT_ERR" };
      await expect(fs.readFile(at("file"), { signal: AbortSignal.abort() })).rejects.toMatchObject(before);
      const controller = new AbortController();
      const reading = fs.readFile(at("file"), { signal: controller.signal });
      process.nextTick(() => controller.abort());
      await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    });
  });

  describe("writeFile", () => {
    const contents: readonly (readonly [string, () => Data, string])[] = [
      ["a string", () => TEXT, TEXT],
      ["an empty string", () => "", ""],
      ["a Buffer", () => Buffer.from(TEXT), TEXT],
      ["a Uint8Array", () => new Uint8Array(Buffer.from("bytes")), "bytes"],
      ["a part of an array", () => new Uint8Array(Buffer.from("0bytes0")).subarray(1, 6), "bytes"],
      ["an iterable of strings", () => new Set(["a", "b", "ç"]), "abç"],
      ["an iterable of buffers", () => [Buffer.from("a"), Buffer.from("b")], "ab"],
      ["an async iterable", () => asyncOf("a", "b", "c"), "abc"],
      ["a stream", () => Readable.from(["ü", " ", "a"]), "ü a"],
      ["a large chunk", () => [Buffer.alloc(3_000_000, "x")], "x".repeat(3_000_000)],
    ];

    test.each(contents)("writes %s", async (_kind, data, expected) => {
      await fs.writeFile(at("file"), "what was there before, and is longer than much of what is tested");
      await fs.writeFile(at("file"), data());
      expect((await fs.readFile(at("file"), "utf8")) === expected).toBe(true);
    });

    test.each(["latin1", "utf16le", "hex", "base64"] as const)("encodes strings as %s", async (encoding) => {
      const text = Buffer.from("ten bytes!").toString(encoding);
      await fs.writeFile(at("one"), text, encoding);
      await fs.writeFile(at("two"), text, { encoding });
      await fs.writeFile(at("three"), Readable.from([text]), encoding);
      for (const name of ["one", "two", "three"]) {
        expect(await fs.readFile(at(name), "latin1")).toBe("ten bytes!");
      }
    });

    test("with the flag wx, makes a file and replaces none", async () => {
      await fs.writeFile(at("file"), "first", { flag: "wx" });
      const existing = { code: "EEXIST", syscall: "open", path: at("file") };
      await expect(fs.writeFile(at("file"), "second", { flag: "wx" })).rejects.toMatchObject(existing);
      expect(await fs.readFile(at("file"), "utf8")).toBe("first");
    });

    test("rejects where there can be no file", async () => {
      await fs.writeFile(at("file"), "");
      await expect(fs.writeFile(directory, "x")).rejects.toMatchObject({ code: "EISDIR", syscall: "open" });
      await expect(fs.writeFile(at("file/below"), "x")).rejects.toMatchObject({ code: "ENOTDIR", syscall: "open" });
    });

    test("passes on what its source fails with", async () => {
      const failure = new Error("no more to read");
      const failing = async function* () {
        yield "a";
        throw failure;
      };
      await expect(fs.writeFile(at("one"), failing())).rejects.toBe(failure);
      await expect(fs.writeFile(at("two"), Readable.from(failing()))).rejects.toBe(failure);
    });

    // Node.js 20 leaves such an error to the process, which it ends.
    test.skipIf(name === "node:fs")("passes on what a stream fails with before it is read", async () => {
      const failure = new Error("nothing to read");
      const broken = new Readable({ read() {} });
      process.nextTick(() => broken.destroy(failure));
      await expect(fs.writeFile(at("one"), broken)).rejects.toBe(failure);
      const destroyed = new Readable({ read() {} }).destroy(failure);
      await expect(fs.writeFile(at("two"), destroyed)).rejects.toBe(failure);
    });

    test("ends when it is aborted", async () => {
      const before = fs.writeFile(at("file"), "x", { signal: AbortSignal.abort() });
      await expect(before).rejects.toMatchObject({ name: "AbortError", code: "ABORT_ERR" });
      const controller = new AbortController();
      const endless = async function* () {
        for (;;) {
          yield "x";
          await new Promise(setImmediate);
        }
      };
      const writing = fs.writeFile(at("file"), endless(), { signal: controller.signal });
      setTimeout(() => controller.abort(), 20);
      await expect(writing).rejects.toMatchObject({ name: "AbortError", code: "ABORT_ERR" });
    });

    test("leaves what it is given as it is", async () => {
      const data = Buffer.from(TEXT);
      const options = Object.freeze({ encoding: "utf8", flag: "w" } as const);
      await fs.writeFile(at("file"), data, options);
      expect(data.equals(Buffer.from(TEXT))).toBe(true);
    });
  });

  describe("appendFile", () => {
    test("makes a file, and adds to one", async () => {
      await fs.appendFile(at("file"), TEXT);
      await fs.appendFile(at("file"), Buffer.from("bytes"));
      await fs.appendFile(at("file"), "ff", "hex");
      await fs.appendFile(at("file"), "");
      const expected = Buffer.concat([Buffer.from(`${TEXT}bytes`), Buffer.of(0xff)]);
      expect((await fs.readFile(at("file"))).equals(expected)).toBe(true);
    });

    test("rejects where there can be no file", async () => {
      await fs.writeFile(at("file"), "");
      await expect(fs.appendFile(directory, "x")).rejects.toMatchObject({ code: "EISDIR", syscall: "open" });
      await expect(fs.appendFile(at("file/below"), "x")).rejects.toMatchObject({ code: "ENOTDIR", syscall: "open" });
    });
  });

  describe("stat and access", () => {
    test("tell a file from a directory", async () => {
      const begin = Date.now();
      await fs.writeFile(at("file"), "12345");
      const file = await fs.stat(at("file"));
      expect([file.isFile(), file.isDirectory(), file.isSymbolicLink()]).toEqual([true, false, false]);
      expect(file.size).toBe(5);
      // Node.js may round the fraction of a millisecond up.
      expect(Math.abs(file.mtime.getTime() - file.mtimeMs)).toBeLessThanOrEqual(1);
      expect(Math.abs(file.mtimeMs - begin)).toBeLessThan(60_000);
      const folder = await fs.stat(directory);
      expect([folder.isFile(), folder.isDirectory(), folder.isSymbolicLink()]).toEqual([false, true, false]);
      expect(await fs.access(at("file"))).toBeUndefined();
      expect(await fs.access(directory)).toBeUndefined();
    });

    test("reject where there is nothing", async () => {
      await fs.writeFile(at("file"), "");
      await expect(fs.stat(at("none"))).rejects.toMatchObject({ code: "ENOENT", syscall: "stat", path: at("none") });
      await expect(fs.stat(at("file/none"))).rejects.toMatchObject({ code: "ENOTDIR", syscall: "stat" });
      await expect(fs.access(at("none"))).rejects.toMatchObject({ code: "ENOENT", syscall: "access" });
      await expect(fs.access(at("file/none"))).rejects.toMatchObject({ code: "ENOTDIR", syscall: "access" });
    });
  });

  describe("readdir and opendir", () => {
    test("list names and kinds", async () => {
      const names = ["empty", "files", "for", "just", "testing"];
      await Promise.all(names.map((name) => fs.writeFile(at(name), "")));
      await fs.mkdir(at("directory"), { recursive: true });
      expect((await fs.readdir(directory)).sort()).toEqual(["directory", ...names]);
      const entries = await fs.readdir(directory, { withFileTypes: true });
      for (const entry of entries) {
        expect([entry.isFile(), entry.isDirectory()]).toEqual(
          entry.name === "directory" ? [false, true] : [true, false],
        );
        expect(entry.isSymbolicLink()).toBe(false);
      }
      const opened: string[] = [];
      for await (const { name } of await fs.opendir(directory)) opened.push(name);
      expect(opened.sort()).toEqual(entries.map(({ name }) => name).sort());
      expect(await fs.readdir(at("directory"))).toEqual([]);
    });

    test("reject where there is no directory", async () => {
      await fs.writeFile(at("file"), "");
      const syscall = "scandir";
      await expect(fs.readdir(at("none"))).rejects.toMatchObject({ code: "ENOENT", syscall, path: at("none") });
      await expect(fs.readdir(at("file"))).rejects.toMatchObject({ code: "ENOTDIR", syscall });
      const opening = async () => {
        for await (const entry of await fs.opendir(at("none"))) expect(entry).toBeUndefined();
      };
      await expect(opening()).rejects.toMatchObject({ code: "ENOENT", syscall: "opendir", path: at("none") });
    });
  });

  describe("mkdir, recursive", () => {
    test("makes all that is missing, and is content with what is there", async () => {
      await fs.mkdir(at("a/b/c"), { recursive: true });
      await fs.mkdir(at("a/b/c"), { recursive: true });
      await fs.mkdir(at("a/b"), { recursive: true });
      expect((await fs.stat(at("a/b/c"))).isDirectory()).toBe(true);
      await Promise.all(
        Array.from({ length: 8 }, (_each, index) => fs.mkdir(at(`x/y/${index % 2}`), { recursive: true })),
      );
      expect((await fs.readdir(at("x/y"))).sort()).toEqual(["0", "1"]);
    });

    test("rejects where something else is in the way", async () => {
      await fs.writeFile(at("file"), "content");
      const recursive = { recursive: true } as const;
      const syscall = "mkdir";
      await expect(fs.mkdir(at("file"), recursive)).rejects.toMatchObject({
        code: "EEXIST",
        syscall,
        path: at("file"),
      });
      await expect(fs.mkdir(at("file/a/b"), recursive)).rejects.toMatchObject({ code: "ENOTDIR", syscall });
      expect(await fs.readFile(at("file"), "utf8")).toBe("content");
    });
  });

  describe("rm", () => {
    test("removes a file, with any options", async () => {
      for (const options of [undefined, {}, { force: true }, { recursive: true }, { recursive: true, force: true }]) {
        await fs.writeFile(at("file"), "");
        await fs.rm(at("file"), options);
        expect(await fs.readdir(directory)).toEqual([]);
      }
    });

    test("removes a tree, with odd names in it, only when it is told to", async () => {
      const paths = ["[a-z0-9].txt", "d/*", "d/e/f/?", "d/e/{x,y}", "d/ ", "d/e/#"];
      await Promise.all(paths.map((path) => fs.mkdir(at(`tree/${path}.d`), { recursive: true })));
      await Promise.all(paths.map((path) => fs.writeFile(at(`tree/${path}`), path)));
      await expect(fs.rm(at("tree"))).rejects.toMatchObject({ syscall: "rm", path: at("tree") });
      await expect(fs.rm(at("tree"), { recursive: false, force: true })).rejects.toMatchObject({ syscall: "rm" });
      expect(await fs.readFile(at("tree/d/e/f/?"), "utf8")).toBe("d/e/f/?");
      await fs.rm(at("tree"), { recursive: true });
      expect(await fs.readdir(directory)).toEqual([]);
    });

    test("rejects what is not there, unless it is forced", async () => {
      await expect(fs.rm(at("none"))).rejects.toMatchObject({ code: "ENOENT", path: at("none") });
      await expect(fs.rm(at("none"), { recursive: true })).rejects.toMatchObject({ code: "ENOENT" });
      await fs.rm(at("none"), { force: true });
      await fs.rm(at("none/none"), { force: true, recursive: true });
    });
  });

  describe("unlink and rmdir", () => {
    test("each remove their own kind", async () => {
      await fs.writeFile(at("file"), "");
      await fs.writeFile(at("full/file"), "").catch(async () => {
        await fs.mkdir(at("full"), { recursive: true });
        await fs.writeFile(at("full/file"), "");
      });
      await fs.mkdir(at("empty"), { recursive: true });
      const wrong = { syscall: "unlink", path: at("empty") };
      await expect(fs.unlink(at("empty"))).rejects.toMatchObject({ ...wrong, code: "EISDIR" });
      await expect(fs.rmdir(at("file"))).rejects.toMatchObject({ code: "ENOTDIR", syscall: "rmdir" });
      await expect(fs.rmdir(at("full"))).rejects.toMatchObject({
        code: "ENOTEMPTY",
        syscall: "rmdir",
        path: at("full"),
      });
      await fs.unlink(at("file"));
      await fs.rmdir(at("empty"));
      expect(await fs.readdir(directory)).toEqual(["full"]);
      await expect(fs.unlink(at("file"))).rejects.toMatchObject({ code: "ENOENT", syscall: "unlink" });
      await expect(fs.rmdir(at("empty"))).rejects.toMatchObject({ code: "ENOENT", syscall: "rmdir" });
    });
  });

  describe("copyFile", () => {
    test("makes or replaces a file with the content of another one", async () => {
      const data = randomBytes(1_500_000);
      await fs.writeFile(at("from"), data);
      await fs.copyFile(at("from"), at("to"));
      expect((await fs.readFile(at("to"))).equals(data)).toBe(true);
      await fs.writeFile(at("from"), TEXT);
      await fs.copyFile(at("from"), at("to"));
      expect(await fs.readFile(at("to"), "utf8")).toBe(TEXT);
      expect(await fs.readFile(at("from"), "utf8")).toBe(TEXT);
    });

    test("rejects where there is nothing to copy", async () => {
      const missing = { code: "ENOENT", syscall: "copyfile", path: at("none") };
      await expect(fs.copyFile(at("none"), at("to"))).rejects.toMatchObject(missing);
      expect(await fs.readdir(directory)).toEqual([]);
    });
  });

  describe("createReadStream", () => {
    test("reads from start to end, both inclusive", async () => {
      await fs.writeFile(at("file"), "xyz\n");
      const read = async (options?: Parameters<FileSystem["createReadStream"]>[1]) =>
        Buffer.concat(await fs.createReadStream(at("file"), options).toArray()).toString();
      expect(await read()).toBe("xyz\n");
      expect(await read({ start: 1, end: 2 })).toBe("yz");
      expect(await read({ start: 1 })).toBe("yz\n");
      expect(await read({ end: 1 })).toBe("xy");
      expect(await read({ start: 0, end: 0 })).toBe("x");
      expect(await read({ start: 3, end: 1_000 })).toBe("\n");
      expect(await read({ start: 1_000 })).toBe("");
      expect(() => fs.createReadStream(at("file"), { start: 10, end: 2 })).toThrow();
    });

    test("decodes characters that chunks cut", async () => {
      const text = "…".repeat(10_000);
      await fs.writeFile(at("file"), text);
      for (const options of ["utf8", { encoding: "utf8", highWaterMark: 100 }] as const) {
        const chunks: string[] = await fs.createReadStream(at("file"), options).toArray();
        expect(chunks.every((chunk) => typeof chunk === "string")).toBe(true);
        expect(chunks.join("") === text).toBe(true);
      }
    });

    test("can be paused and resumed, and gives nothing meanwhile", async () => {
      const data = randomBytes(300_000);
      await fs.writeFile(at("file"), data);
      const stream = fs.createReadStream(at("file"));
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => {
        expect(stream.isPaused()).toBe(false);
        chunks.push(chunk);
        stream.pause();
        setImmediate(() => stream.resume());
      });
      await finished(stream);
      expect(Buffer.concat(chunks).equals(data)).toBe(true);
    });

    test("emits its error once, and is destroyed then", async () => {
      const stream = fs.createReadStream(at("none")).resume();
      const [error] = await once(stream, "error");
      expect(error).toMatchObject({ code: "ENOENT", syscall: "open", path: at("none") });
      expect(stream.destroyed).toBe(true);
    });

    test("can be destroyed before it has opened", async () => {
      await fs.writeFile(at("file"), "x");
      const stream = fs.createReadStream(at("file"));
      const closed = once(stream, "close");
      stream.destroy();
      await closed;
      expect(stream.destroyed).toBe(true);
    });
  });

  describe("createWriteStream", () => {
    test("writes what it is given, in the encoding of each", async () => {
      const stream = fs.createWriteStream(at("file"));
      stream.write("é");
      stream.write("é", "latin1");
      stream.write(Buffer.from("bytes"));
      stream.end("ff", "hex");
      await finished(stream);
      const expected = Buffer.concat([Buffer.from("é"), Buffer.of(0xe9), Buffer.from("bytes"), Buffer.of(0xff)]);
      expect((await fs.readFile(at("file"))).equals(expected)).toBe(true);
    });

    test("takes a default encoding", async () => {
      const stream = fs.createWriteStream(at("file"), "base64");
      stream.end("aGVsbG8=");
      await finished(stream);
      expect(await fs.readFile(at("file"), "utf8")).toBe("hello");
    });

    test("writes no bytes, too", async () => {
      await finished(fs.createWriteStream(at("file")).end());
      expect(await fs.readFile(at("file"))).toHaveLength(0);
    });

    test("is the end of a pipeline", async () => {
      const data = randomBytes(2_000_000);
      await fs.writeFile(at("from"), data);
      await pipeline(fs.createReadStream(at("from")), fs.createWriteStream(at("to")));
      expect((await fs.readFile(at("to"))).equals(data)).toBe(true);
    });

    test("fails where there can be no file", async () => {
      const stream = fs.createWriteStream(directory);
      stream.end("x");
      expect(await once(stream, "error")).toMatchObject([{ code: "EISDIR" }]);
    });
  });

  test("names of 255 bytes are allowed, and none that is longer", async () => {
    await fs.writeFile(at("ü".repeat(127)), "x");
    expect(await fs.readdir(directory)).toEqual(["ü".repeat(127)]);
    const tooLong = { code: "ENAMETOOLONG" };
    await expect(fs.writeFile(at("ü".repeat(128)), "x")).rejects.toMatchObject(tooLong);
    await expect(fs.readFile(at("x".repeat(256)))).rejects.toMatchObject(tooLong);
    await expect(fs.stat(at("x".repeat(256)))).rejects.toMatchObject(tooLong);
  });
});

async function* asyncOf(...items: string[]): AsyncGenerator<string> {
  yield* items;
}
