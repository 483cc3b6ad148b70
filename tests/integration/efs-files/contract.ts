/** What {@link Files} promises, whichever half of the package is behind it. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  type BatchItem,
  type FileErrorCode,
  type Files,
  isCode,
  MAX_APPEND_BYTES,
  MAX_BATCH_READ_BYTES,
} from "efs-files";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const MEBIBYTE = 2 ** 20;

export interface FilesUnderTest {
  readonly files: Files;
  /** Another one over the same directory, for tests that end what they use. */
  readonly another: () => Files | Promise<Files>;
  close(): Promise<void>;
}

export function describeFiles(name: string, start: () => Promise<FilesUnderTest>): void {
  describe(name, () => {
    let service: FilesUnderTest;
    let files: Files;

    beforeAll(async () => {
      service = await start();
      files = service.files;
    });

    afterAll(async () => {
      await service?.close();
    });

    test.for([0, 1, 4095, MEBIBYTE - 1, MEBIBYTE + 1, 9 * MEBIBYTE + 5])("writes and reads %i bytes", async (size) => {
      const data = randomBytes(size);
      const { etag, created } = await files.writeFile(`sizes/${size}`, data);
      expect(created).toBe(true);
      expect((await files.readFile(`sizes/${size}`)).equals(data)).toBe(true);
      expect(await files.stat(`sizes/${size}`)).toMatchObject({ type: "file", size, etag });
    });

    test("writes and reads text in the encoding that is named, UTF-8 unless one is", async () => {
      await files.writeFile("text", "héllo, 世界");
      expect(await files.readFile("text", "utf8")).toBe("héllo, 世界");
      await files.writeFile("text", "ff00", "hex");
      expect(await files.readFile("text")).toEqual(Buffer.of(0xff, 0));
      expect(await files.readFile("text", { encoding: "base64" })).toBe("/wA=");
    });

    test.for([
      ["a string", "abc"],
      ["a view of a part of its memory", new Uint8Array(Buffer.from("xabcx").buffer, Buffer.from("").byteOffset, 0)],
      ["a typed array", new Uint16Array(new Uint8Array([97, 98, 99, 100]).buffer)],
      ["an iterable", ["a", Buffer.from("b"), "c"]],
      ["a stream", Readable.from([Buffer.from("ab"), Buffer.from("c")])],
    ] as const)("writes %s", async ([, data], { task }) => {
      await files.writeFile(`kinds/${task.id}`, data);
      const expected =
        { 1: "", 2: "abcd" }[["abc", "view", "typed"].findIndex((kind) => task.name.includes(kind))] ?? "abc";
      expect(await files.readFile(`kinds/${task.id}`, "utf8")).toBe(expected);
    });

    test("reads a part of a file, as it reads a whole one", async () => {
      const data = randomBytes(3 * MEBIBYTE);
      await files.writeFile("ranges", data);
      for (const [begin, end] of [
        [0, 0],
        [MEBIBYTE - 5, MEBIBYTE + 5],
        [100, 2 * MEBIBYTE],
        [data.length - 3, data.length + 100],
        [data.length - 1, undefined],
      ] as const) {
        const part = await files.readFile("ranges", { start: begin, end });
        expect(part.equals(data.subarray(begin, end === undefined ? undefined : end + 1))).toBe(true);
      }
      expect(await files.readFile("ranges", { start: data.length })).toHaveLength(0);
      expect(await files.readFile("ranges", { start: data.length + 10 })).toHaveLength(0);
    });

    test("replaces a file", async () => {
      const first = await files.writeFile("replaced", "one");
      const second = await files.writeFile("replaced", "two");
      expect(second.created).toBe(false);
      expect(second.etag).not.toBe(first.etag);
      expect(await files.readFile("replaced", "utf8")).toBe("two");
    });

    test("tells content and version of the same moment", async () => {
      const { etag } = await files.writeFile("version", "content");
      const { data, stats } = await files.readFileWithStats("version");
      expect(String(data)).toBe("content");
      expect(stats).toMatchObject({ etag, size: 7, type: "file" });
      expect(stats.isFile()).toBe(true);
      expect(Math.abs(stats.mtime.getTime() - (await files.stat("version")).mtimeMs)).toBeLessThan(1_000);
    });

    test("writes only where no file is, when asked to", async () => {
      await files.writeFile("absent", "first", { flag: "wx" });
      await expect(files.writeFile("absent", "second", { flag: "wx" })).rejects.toMatchObject(failing("EEXIST"));
      await expect(files.writeFile("absent", "third", { ifNoneMatch: "*" })).rejects.toMatchObject(failing("EEXIST"));
      await expect(files.appendFile("absent", "!", { ifNoneMatch: "*" })).rejects.toMatchObject(failing("EEXIST"));
      expect(await files.readFile("absent", "utf8")).toBe("first");
    });

    test("changes only the version that is named", async () => {
      const old = await files.writeFile("guarded", "one");
      const current = await files.writeFile("guarded", "two", { ifMatch: old.etag });
      const refused = failing("ERR_PRECONDITION");
      await expect(files.writeFile("guarded", "three", { ifMatch: old.etag })).rejects.toMatchObject(refused);
      await expect(files.appendFile("guarded", "!", { ifMatch: old.etag })).rejects.toMatchObject(refused);
      await expect(files.rm("guarded", { ifMatch: old.etag })).rejects.toMatchObject(refused);
      await expect(files.writeFile("missing", "x", { ifMatch: old.etag })).rejects.toMatchObject(refused);
      expect(await files.readFile("guarded", "utf8")).toBe("two");
      const { etag } = await files.appendFile("guarded", "!", { ifMatch: current.etag });
      await files.rm("guarded", { ifMatch: etag });
      expect(await files.exists("guarded")).toBe(false);
    });

    test("of many who change a version, one wins", async () => {
      await files.writeFile("counter", "0");
      const increment = async (): Promise<void> => {
        for (;;) {
          const { data, stats } = await files.readFileWithStats("counter");
          try {
            await files.writeFile("counter", String(Number(data) + 1), { ifMatch: stats.etag });
            return;
          } catch (error) {
            if (!isCode(error, "ERR_PRECONDITION")) throw error;
          }
        }
      };
      await Promise.all(Array.from({ length: 8 }, increment));
      expect(await files.readFile("counter", "utf8")).toBe("8");
    });

    test("appends, and loses nothing with many writers", async () => {
      const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`);
      await Promise.all(lines.map((line) => files.appendFile("logs/many", `${line}\n`)));
      const text = await files.readFile("logs/many", "utf8");
      expect(text.trimEnd().split("\n").sort()).toEqual(lines.sort());
      await files.appendFile("logs/large", Buffer.alloc(MAX_APPEND_BYTES));
      await expect(files.appendFile("logs/large", Buffer.alloc(MAX_APPEND_BYTES + 1))).rejects.toMatchObject(
        failing("EFBIG"),
      );
      expect((await files.stat("logs/large")).size).toBe(MAX_APPEND_BYTES);
    });

    test("says what is at a path", async () => {
      await files.writeFile("kinds-of/file", "x");
      const directory = await files.stat("kinds-of");
      expect([directory.isDirectory(), directory.isFile(), directory.isSymbolicLink()]).toEqual([true, false, false]);
      expect((await files.stat("/")).type).toBe("directory");
      expect(await files.exists("kinds-of/file")).toBe(true);
      expect(await files.exists("kinds-of/no-file")).toBe(false);
      expect(await files.exists("kinds-of/file/below")).toBe(false);
    });

    test("lists a directory, however large", async () => {
      const names = Array.from({ length: 1_234 }, (_, index) => `file-${index}`);
      for (let begin = 0; begin < names.length; begin += 100) {
        await Promise.all(names.slice(begin, begin + 100).map((name) => files.writeFile(`large/${name}`, name)));
      }
      await files.mkdir("large/directory");
      expect((await files.readdir("large")).sort()).toEqual([...names, "directory"].sort());
      const entries = await files.readdir("/large/", { withFileTypes: true });
      expect(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)).toEqual(["directory"]);
      expect(entries.find(({ name }) => name === "file-77")).toMatchObject({
        size: 7,
        type: "file",
        parentPath: "/large/",
      });
      let some = 0;
      for await (const { name } of files.opendir("large")) {
        expect(name).not.toBe("");
        some += 1;
        if (some === 3) break;
      }
      expect(await files.readdir("large/directory")).toEqual([]);
    });

    test("makes directories, again and again", async () => {
      await files.mkdir("made/one/two");
      await files.mkdir("made/one/two", { recursive: true });
      expect((await files.stat("made/one/two")).isDirectory()).toBe(true);
      await files.mkdir("/");
    });

    test("removes files, empty directories, and whole trees", async () => {
      await files.writeFile("tree/a/b/c", "x");
      await files.writeFile("tree/d", "x");
      await files.mkdir("tree/empty");
      await expect(files.rm("tree")).rejects.toMatchObject(failing("ENOTEMPTY"));
      await files.rm("tree/d");
      await files.rm("tree/empty");
      await files.rm("tree", { recursive: true });
      expect(await files.exists("tree")).toBe(false);
      await expect(files.rm("tree")).rejects.toMatchObject(failing("ENOENT"));
      await expect(files.rm("tree", { recursive: true })).rejects.toMatchObject(failing("ENOENT"));
      await files.rm("tree", { force: true });
      await files.rm("tree", { recursive: true, force: true });
      await files.writeFile("tree", "a file now");
      await files.rm("tree", { recursive: true });
      expect(await files.exists("tree")).toBe(false);
    });

    test("streams a file out, as far as it is read", async () => {
      const data = randomBytes(5 * MEBIBYTE);
      await files.writeFile("streams/out", data);
      const chunks: Buffer[] = await files.createReadStream("streams/out").toArray();
      expect(Buffer.concat(chunks).equals(data)).toBe(true);
      const part: Buffer[] = await files.createReadStream("streams/out", { start: 10, end: 3 * MEBIBYTE }).toArray();
      expect(Buffer.concat(part).equals(data.subarray(10, 3 * MEBIBYTE + 1))).toBe(true);
      for await (const chunk of files.createReadStream("streams/out")) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      await files.writeFile("streams/text", "äöü");
      const text: string[] = await files.createReadStream("streams/text", "utf8").toArray();
      expect(text.join("")).toBe("äöü");
      const missing = files.createReadStream("streams/missing").resume();
      expect(await once(missing, "error")).toMatchObject([failing("ENOENT")]);
    });

    test("streams a file in, whole or not at all", async () => {
      const data = randomBytes(5 * MEBIBYTE);
      await pipeline(
        Readable.from([data.subarray(0, 1000), data.subarray(1000)]),
        files.createWriteStream("streams/in"),
      );
      expect((await files.readFile("streams/in")).equals(data)).toBe(true);

      const broken = files.createWriteStream("streams/in");
      broken.write(randomBytes(2 * MEBIBYTE));
      broken.destroy(new Error("the source broke"));
      expect(await once(broken, "error")).toMatchObject([{ message: "the source broke" }]);

      async function* failingSource() {
        yield randomBytes(2 * MEBIBYTE);
        throw new Error("the source broke");
      }
      await expect(files.writeFile("streams/in", failingSource())).rejects.toThrow("the source broke");
      expect((await files.readFile("streams/in")).equals(data)).toBe(true);

      const refused = files.createWriteStream("streams/in", { flag: "wx" });
      refused.end("x");
      expect(await once(refused, "error")).toMatchObject([failing("EEXIST")]);

      const text = files.createWriteStream("streams/in", "latin1");
      text.end("é");
      await once(text, "finish");
      expect(await files.readFile("streams/in")).toEqual(Buffer.of(0xe9));
    });

    test("readers see the old file or the new one, never a part", async () => {
      const versions = ["a", "b", "c"].map((fill, index) => Buffer.alloc(200_000 + index, fill));
      await files.writeFile("atomic", Buffer.alloc(200_000, "a"));
      const writing = (async () => {
        for (let round = 0; round < 20; round++) await files.writeFile("atomic", versions[round % 3] ?? "");
        return "done";
      })();
      let reads = 0;
      while ((await Promise.race([writing, files.readFile("atomic")])) !== "done") {
        const data = await files.readFile("atomic");
        expect(versions.some((version) => version.equals(data))).toBe(true);
        reads += 1;
      }
      expect(reads).toBeGreaterThan(0);
    });

    test("makes a batch of any size, each item for itself and in order", async () => {
      await Promise.all([
        files.writeFile("batch/a", "A"),
        files.writeFile("batch/b", "B"),
        files.writeFile("batch/large", Buffer.alloc(MAX_BATCH_READ_BYTES + 1)),
      ]);
      const { etag } = await files.writeFile("batch/guarded", "G");
      const items: BatchItem[] = [
        { operation: "read", path: "batch/a" },
        { operation: "read", path: "batch/missing" },
        { operation: "stat", path: "batch" },
        { operation: "read", path: "batch/large" },
        { operation: "read", path: "batch" },
        { operation: "rm", path: "batch/b" },
        { operation: "rm", path: "batch/guarded", ifMatch: '"another"' },
        { operation: "read", path: "../outside" },
      ];
      const results: unknown[] = [];
      for await (const result of files.batch(items)) {
        results.push(
          result.error?.code ??
            ("data" in result ? String(result.data) : "stats" in result ? result.stats?.type : "done"),
        );
        expect(result.item).toBe(items[results.length - 1]);
      }
      expect(results).toEqual(["A", "ENOENT", "directory", "EFBIG", "EISDIR", "done", "ERR_PRECONDITION", "EINVAL"]);
      expect(await files.exists("batch/b")).toBe(false);
      expect((await files.stat("batch/guarded")).etag).toBe(etag);

      function* many() {
        for (let index = 0; index < 2_500; index++) yield { operation: "read", path: "batch/a" } as const;
      }
      let read = 0;
      for await (const { data, error } of files.batch(many())) {
        expect(error).toBeUndefined();
        expect(String(data)).toBe("A");
        read += 1;
      }
      expect(read).toBe(2_500);
    });

    test("takes names as they are", async () => {
      const names = [
        " ",
        "#?&=+;:@$,!'()*",
        "100%",
        "%41",
        "ü/世界/🎉",
        "x".repeat(255),
        "a\\b",
        '"quoted"',
        "line\nbreak",
        "\u00e9",
        "e\u0301",
      ];
      for (const name of names) await files.writeFile(`names/${name}`, name);
      for (const name of names) expect(await files.readFile(`names/${name}`, "utf8")).toBe(name);
      expect((await files.readdir("names")).sort()).toEqual(names.map((name) => name.split("/")[0]).sort());
      for await (const { item, data } of files.batch(
        names.map((name) => ({ operation: "read", path: `names/${name}` }) as const),
      )) {
        expect(`names/${data}`).toBe(item.path);
      }
    });

    test("takes names that are not UTF-8, as it lists them", async () => {
      const names = ["x\udce9", "\udcff\udcfe", "ü\udce9.txt"];
      for (const name of names) await files.writeFile(`bytes/${name}/${name}`, name, "utf16le");
      expect((await files.readdir("bytes")).sort()).toEqual([...names].sort());
      for (const name of names) {
        expect(await files.readFile(`bytes/${name}/${name}`, "utf16le")).toBe(name);
        expect((await files.stat(`bytes/${name}/${name}`)).size).toBe(name.length * 2);
      }
      await expect(files.stat("half \ud800")).rejects.toMatchObject(failing("EINVAL"));
    });

    test("spells a path in many ways, and finds the same file", async () => {
      await files.writeFile("/spelled//./one", "x");
      expect(await files.readFile("spelled/one", "utf8")).toBe("x");
    });

    test("says by its code what went wrong", async () => {
      await files.writeFile("wrong/file", "x");
      const wrong: readonly (readonly [FileErrorCode, () => Promise<unknown>])[] = [
        ["ENOENT", () => files.readFile("wrong/missing")],
        ["ENOENT", () => files.stat("wrong/missing")],
        ["ENOENT", () => files.readdir("wrong/missing")],
        ["ENOENT", () => files.rm("wrong/missing")],
        ["EISDIR", () => files.readFile("wrong")],
        ["EISDIR", () => files.writeFile("wrong", "x")],
        ["EISDIR", () => files.appendFile("wrong", "x")],
        ["ENOTDIR", () => files.readFile("wrong/file/below")],
        ["ENOTDIR", () => files.writeFile("wrong/file/below", "x")],
        ["ENOTDIR", () => files.readdir("wrong/file")],
        ["EEXIST", () => files.mkdir("wrong/file")],
        ["ENOTDIR", () => files.mkdir("wrong/file/below")],
        ["EINVAL", () => files.readFile("wrong/../file")],
        ["EINVAL", () => files.readFile("")],
        ["EINVAL", () => files.writeFile("wrong/", "x")],
        ["EINVAL", () => files.readFile("wrong\0")],
        ["EINVAL", () => files.rm("/", { recursive: true })],
        ["EINVAL", () => files.readFile("wrong/file", { start: -1 })],
        ["EINVAL", () => files.readFile("wrong/file", { start: 2, end: 1 })],
        ["EINVAL", () => files.writeFile("wrong/file", "x", { ifMatch: "no quotes" })],
        ["EINVAL", () => files.readFile("wrong/file", { timeout: 0 })],
        ["EINVAL", () => files.rm("wrong/file", { ifMatch: '"x"', recursive: true })],
      ];
      for (const [code, call] of wrong) await expect(call(), String(call)).rejects.toMatchObject(failing(code));
      expect(await files.readFile("wrong/file", "utf8")).toBe("x");
    });

    test("stops when the caller's signal aborts", async () => {
      const signal = AbortSignal.abort();
      const aborted = { ...failing("ABORT_ERR"), name: "AbortError" };
      await expect(files.readFile("text", { signal })).rejects.toMatchObject(aborted);
      await expect(files.writeFile("aborted", "x", { signal })).rejects.toMatchObject(aborted);
      await expect(files.readdir("/", { signal })).rejects.toMatchObject(aborted);
      expect(await files.exists("aborted")).toBe(false);

      const controller = new AbortController();
      const source = async function* () {
        yield randomBytes(2 * MEBIBYTE);
        controller.abort();
        yield randomBytes(2 * MEBIBYTE);
      };
      const writing = files.writeFile("aborted", source(), { signal: controller.signal });
      await expect(writing).rejects.toMatchObject(aborted);
      expect(await files.exists("aborted")).toBe(false);
    });

    test("does nothing any more when it is closed", async () => {
      const closed = await service.another();
      await closed.writeFile("closing", "x");
      await closed.close();
      await closed.close();
      await expect(closed.readFile("closing")).rejects.toMatchObject(failing("ERR_CLOSED"));
      await expect(closed.readdir("/")).rejects.toMatchObject(failing("ERR_CLOSED"));
      expect(await files.readFile("closing", "utf8")).toBe("x");
    });
  });
}

function failing(code: FileErrorCode) {
  return { code, message: expect.stringMatching(/.+/) };
}
