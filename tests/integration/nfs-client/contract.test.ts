import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AbortedError,
  ClosedError,
  decodeName,
  encodeName,
  etagOf,
  FileChangedError,
  InvalidPathError,
  MemoryBudget,
  type NfsClient,
  NfsStatusError,
  PreconditionError,
  TEMPORARY_PREFIX,
} from "nfs-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEachFileServer, type FileServer } from "../../support/nfs-servers.ts";

const MEBIBYTE = 1024 * 1024;

/** What {@link NfsClient} promises, whatever is behind it. */
describeEachFileServer("a client", (start) => {
  const memory = new MemoryBudget();
  let server: FileServer;
  let client: NfsClient;
  const at = (path: string) => `${server.root}/${path}`;

  beforeAll(async () => {
    server = await start();
    client = await server.connect({ memory });
  });

  afterAll(async () => {
    await client?.close();
    await server?.stop();
  });

  test("leaves the directories out when asked to", async () => {
    const write = client.writeFile(at("missing/file"), Buffer.from("x"), { createParents: false });
    await expect(write).rejects.toThrow("NFS4ERR_NOENT");
  });

  test.for([0, 1, 3, 4095, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 9 * MEBIBYTE + 5])(
    "writes and reads %i bytes",
    async (size) => {
      const data = randomBytes(size);
      const { directoryChange, ...written } = await client.writeFile(at(`sizes/${size}`), data);
      expect(directoryChange).toBeGreaterThan(0n);
      expect(written.size).toBe(size);
      const read = await client.readFile(at(`sizes/${size}`));
      expect(read.data.equals(data)).toBe(true);
      expect(read.attributes).toEqual(written);
    },
  );

  test("reads any part of a file", async () => {
    const data = randomBytes(3 * MEBIBYTE);
    await client.writeFile(at("ranges"), data);
    for (const [begin, length] of [
      [0, 10],
      [MEBIBYTE - 5, 10],
      [100, 2 * MEBIBYTE],
      [data.length - 3, 100],
    ] as const) {
      const part = await client.readFile(at("ranges"), { start: begin, length });
      expect(part.data.equals(data.subarray(begin, begin + length))).toBe(true);
      expect(part.attributes.size).toBe(data.length);
    }
    expect((await client.readFile(at("ranges"), { start: data.length + 10 })).data).toHaveLength(0);
  });

  test("writes from a stream, and leaves the old content when the stream fails", async () => {
    async function* parts(count: number, fail: boolean) {
      for (let index = 0; index < count; index++) yield Buffer.alloc(300_000, index);
      if (fail) throw new Error("the source broke");
    }
    await client.writeFile(at("streams/file"), parts(20, false));
    const before = await client.readFile(at("streams/file"));
    expect(before.data).toHaveLength(6_000_000);
    await expect(client.writeFile(at("streams/file"), parts(20, true))).rejects.toThrow("the source broke");
    await expect(client.writeFile(at("streams/file"), parts(2, true))).rejects.toThrow("the source broke");
    const after = await client.readFile(at("streams/file"));
    expect(etagOf(after.attributes)).toBe(etagOf(before.attributes));
    expect(await server.stored.list("streams")).toEqual(["file"]);
    expect(memory.reserved).toBe(0);
  });

  test("readers see the old file or the new one, never a part", async () => {
    const versions = [Buffer.alloc(200_000, "a"), Buffer.alloc(150_000, "b"), Buffer.alloc(3 * MEBIBYTE, "c")];
    await client.writeFile(at("atomic"), Buffer.alloc(200_000, "a"));
    let writing = true;
    const writer = (async () => {
      for (let round = 0; round < 30; round++) {
        await client.writeFile(at("atomic"), versions[round % versions.length] ?? Buffer.alloc(0));
      }
      writing = false;
    })();
    let reads = 0;
    while (writing) {
      const { data } = await client.readFile(at("atomic"));
      reads += 1;
      expect(versions.some((version) => version.equals(data))).toBe(true);
    }
    await writer;
    expect(reads).toBeGreaterThan(10);
  });

  test("a reader keeps the file it opened when the file is replaced", async () => {
    const old = randomBytes(8 * MEBIBYTE);
    await client.writeFile(at("replaced"), old);
    const { body } = await client.openFile(at("replaced"));
    const chunks: Buffer[] = [];
    for await (const chunk of body) {
      if (chunks.length === 0) await client.writeFile(at("replaced"), randomBytes(8 * MEBIBYTE));
      chunks.push(chunk);
    }
    expect(Buffer.concat(chunks).equals(old)).toBe(true);
  });

  test("a file that was replaced before it is read is an error for a stream", async () => {
    const old = randomBytes(3 * MEBIBYTE);
    await client.writeFile(at("replaced-early"), old);
    const { body } = await client.openFile(at("replaced-early"));
    await client.writeFile(at("replaced-early"), randomBytes(3 * MEBIBYTE));
    const reading = (async () => {
      for await (const _ of body) break;
    })();
    await expect(reading).rejects.toBeInstanceOf(FileChangedError);
  });

  test("a file that grows while it is read keeps the size it had", async () => {
    const old = randomBytes(3 * MEBIBYTE);
    await client.writeFile(at("growing"), old);
    const { body } = await client.openFile(at("growing"));
    await client.appendFile(at("growing"), Buffer.from("more"));
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(old)).toBe(true);
  });

  test("a reader may stop early", async () => {
    await client.writeFile(at("early"), randomBytes(8 * MEBIBYTE));
    const { body } = await client.openFile(at("early"));
    for await (const chunk of body) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await client.ping();
  });

  test("names that are not UTF-8 lead to their own files, everywhere", async () => {
    const names = [Buffer.of(0x78, 0xe9), Buffer.of(0x78, 0xe8), Buffer.from("x\ufffd")].map(decodeName);
    const directory = at(`bytes/${decodeName(Buffer.alloc(90, 0xe9))}`);
    for (const name of names) await client.writeFile(`${directory}/${name}`, Buffer.from(encodeName(name)));
    const listed: string[] = [];
    for await (const { name } of client.readDirectory(directory)) listed.push(name);
    expect(listed.sort()).toEqual([...names].sort());
    for (const name of names) {
      expect((await client.readFile(`${directory}/${name}`)).data).toEqual(encodeName(name));
      await client.appendFile(`${directory}/${name}`, Buffer.from("!"));
      await client.rename(`${directory}/${name}`, `${directory}/${name}.old`);
    }
    expect((await server.stored.list(`bytes/${decodeName(Buffer.alloc(90, 0xe9))}`)).sort()).toEqual(
      names.map((name) => `${name}.old`).sort(),
    );
    for (const name of names) await client.remove(`${directory}/${name}.old`);
    await client.remove(directory);
    await expect(client.stat(at("\ud800"))).rejects.toBeInstanceOf(InvalidPathError);
  });

  test("writes only where no file is, when asked to", async () => {
    await client.writeFile(at("absent/one"), Buffer.from("first"), { when: "absent" });
    const again = client.writeFile(at("absent/one"), Buffer.from("second"), { when: "absent" });
    await expect(again).rejects.toThrow(PreconditionError);
    expect(String(await server.stored.read("absent/one"))).toBe("first");
    expect(await server.stored.list("absent")).toEqual(["one"]);
  });

  test("of many who write where no file is, one wins", async () => {
    const attempts = Array.from({ length: 20 }, async (_, index) =>
      client.writeFile(at("absent/race"), Buffer.from(`${index}`), { when: "absent" }).then(
        () => index,
        (error: unknown) => {
          expect(error).toBeInstanceOf(PreconditionError);
          return undefined;
        },
      ),
    );
    const winners = (await Promise.all(attempts)).filter((index) => index !== undefined);
    expect(winners).toHaveLength(1);
    expect(String(await server.stored.read("absent/race"))).toBe(`${winners[0]}`);
  });

  test("writes only over the file with an etag, when asked to; of many, one wins", async () => {
    const first = await client.writeFile(at("etag"), Buffer.from("0"));
    const second = await client.writeFile(at("etag"), Buffer.from("1"), { when: { etag: etagOf(first) } });
    const late = client.writeFile(at("etag"), Buffer.from("2"), { when: { etag: etagOf(first) } });
    await expect(late).rejects.toThrow(PreconditionError);
    const race = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        client.writeFile(at("etag"), Buffer.from(`race ${index}`), { when: { etag: etagOf(second) } }),
      ),
    );
    expect(race.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const nowhere = client.writeFile(at("etag-nowhere"), Buffer.from("2"), { when: { etag: "1-1" } });
    await expect(nowhere).rejects.toThrow(PreconditionError);
    expect((await server.stored.list("/")).filter((name) => name.startsWith(TEMPORARY_PREFIX))).toEqual([]);
  });

  test("removes only the file with an etag, when asked to", async () => {
    const first = await client.writeFile(at("conditional/removed"), Buffer.from("0"));
    const second = await client.writeFile(at("conditional/removed"), Buffer.from("1"));
    const removal = (etag: string) => client.remove(at("conditional/removed"), { when: { etag } });
    await expect(removal(etagOf(first))).rejects.toThrow(PreconditionError);
    expect(String(await server.stored.read("conditional/removed"))).toBe("1");
    await removal(etagOf(second));
    expect(await client.exists(at("conditional/removed"))).toBe(false);
    await expect(removal(etagOf(second))).rejects.toThrow(PreconditionError);
  });

  test("of those who remove and those who replace a file with an etag, one wins", async () => {
    const path = at("conditional/race");
    for (let round = 0; round < 5; round++) {
      const etag = etagOf(await client.writeFile(path, Buffer.from("old")));
      const race = await Promise.allSettled([
        client.remove(path, { when: { etag } }),
        client.writeFile(path, Buffer.from("new"), { when: { etag } }),
        client.appendFile(path, Buffer.from(" and more"), { when: { etag } }),
      ]);
      const lost = race.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
      expect(lost).toHaveLength(2);
      for (const error of lost) expect(error).toBeInstanceOf(PreconditionError);
    }
  });

  test("appends only to the file with an etag, or only where none is, when asked to", async () => {
    const path = at("conditional/appended");
    const first = await client.appendFile(path, Buffer.from("a"), { when: "absent" });
    await expect(client.appendFile(path, Buffer.from("b"), { when: "absent" })).rejects.toThrow(PreconditionError);
    const second = await client.appendFile(path, Buffer.from("c"), { when: { etag: etagOf(first) } });
    const late = client.appendFile(path, Buffer.from("d"), { when: { etag: etagOf(first) } });
    await expect(late).rejects.toThrow(PreconditionError);
    expect(String(await server.stored.read("conditional/appended"))).toBe("ac");
    await client.remove(path);
    const gone = client.appendFile(path, Buffer.from("e"), { when: { etag: etagOf(second) } });
    await expect(gone).rejects.toThrow(PreconditionError);
    expect(await server.stored.list("conditional")).not.toContain("appended");
  });

  test("writes into a file in place, and makes it where there is none", async () => {
    await client.writeAt(at("in/place"), 3, Buffer.from("def"));
    await client.writeAt(at("in/place"), 0, Buffer.from("abc"));
    await client.writeAt(at("in/place"), 5, Buffer.from("Fgh"));
    expect((await client.readFile(at("in/place"))).data.toString()).toBe("abcdeFgh");
    const large = randomBytes(2 * MEBIBYTE + 7);
    await client.writeAt(at("in/place"), 8, large);
    expect((await client.readFile(at("in/place"), { start: 8 })).data.equals(large)).toBe(true);
    const missing = client.writeAt(at("not/there"), 0, Buffer.from("x"), { createParents: false });
    await expect(missing).rejects.toThrow("NFS4ERR_NOENT");
  });

  test("no change of a name says that it was earlier than the one before", async () => {
    const path = at("versions/name");
    const first = await client.writeFile(path, Buffer.from("1"));
    const changes = [
      first,
      await client.appendFile(path, Buffer.from("2")),
      await client.writeFile(path, Buffer.alloc(3 * MEBIBYTE)),
      await client.remove(path),
      await client.writeFile(path, Buffer.from("3"), { when: "absent" }),
      await client.appendFile(path, Buffer.from("4")),
    ].map(({ directoryChange }) => directoryChange ?? 0n);
    for (const [index, change] of changes.entries()) expect(change).toBeGreaterThanOrEqual(changes[index - 1] ?? 1n);
  });

  test("appends from many at once lose nothing", async () => {
    const others = await Promise.all([1, 2, 3].map(() => server.connect({ slots: 16 })));
    const clients = [client, ...others];
    const lines = Array.from({ length: 80 }, (_, index) => `line ${index} ${"x".repeat(index * 7)}\n`);
    await Promise.all(
      lines.map((line, index) => clients[index % clients.length]?.appendFile(at("logs/append"), Buffer.from(line))),
    );
    await Promise.all(others.map((other) => other.close()));
    const found = String(await server.stored.read("logs/append")).split(/(?<=\n)/);
    expect(found.sort()).toEqual([...lines].sort());
  });

  test("tells what a path is", async () => {
    await client.writeFile(at("what/file"), Buffer.from("12345"));
    await server.stored.makeLink("what/link", "file");
    expect(await client.stat(at("what/file"))).toMatchObject({ type: "file", size: 5, mode: 0o644 });
    expect(await client.stat(at("what"))).toMatchObject({ type: "directory", mode: 0o755 });
    expect(await client.stat(at("what/link"))).toMatchObject({ type: "symbolic-link" });
    const { modifiedAt } = await client.stat(at("what/file"));
    expect(Math.abs(modifiedAt - Date.now())).toBeLessThan(60_000);
    expect(await client.exists(at("what/file"))).toBe(true);
    expect(await client.exists(at("what/nothing"))).toBe(false);
    expect(await client.exists(at("what/file/below"))).toBe(false);
  });

  test("removes, renames, and refuses with the server's reason", async () => {
    await client.writeFile(at("names/a"), Buffer.from("a"));
    await client.rename(at("names/a"), at("names/b"));
    expect(await server.stored.list("names")).toEqual(["b"]);
    await client.remove(at("names/b"));
    expect(await server.stored.list("names")).toEqual([]);
    await expect(client.remove(at("names/b"))).rejects.toThrow("NFS4ERR_NOENT: no such file or directory");
    await client.makeDirectory(at("names/full/inner"), { recursive: true });
    await expect(client.remove(at("names/full"))).rejects.toThrow("NFS4ERR_NOTEMPTY");
    await expect(client.makeDirectory(at("names/full"))).rejects.toThrow("NFS4ERR_EXIST");
    await expect(client.readFile(at("names/full"))).rejects.toThrow("NFS4ERR_ISDIR");
    await expect(client.readFile(at("names/nothing"))).rejects.toBeInstanceOf(NfsStatusError);
    await expect(client.writeFile(at("names/full"), Buffer.from("x"))).rejects.toBeInstanceOf(NfsStatusError);
    expect(await server.stored.list("names/full")).toEqual(["inner"]);
  });

  test("changes owner, mode and time of files and directories", async () => {
    await client.writeFile(at("owned/file"), Buffer.from("x"));
    const time = Date.UTC(2001, 1, 3, 4, 5, 6, 789);
    for (const path of [at("owned/file"), at("owned")]) {
      await client.setAttributes(path, { owner: 1234, group: "567", mode: 0o750, modifiedAt: time });
      expect(await client.owners(path)).toEqual({ owner: "1234", group: "567" });
      const { mode, modifiedAt } = await client.stat(path);
      expect(mode).toBe(0o750);
      expect(Math.abs(modifiedAt - time)).toBeLessThan(1);
      await client.setAttributes(path, { mode: 0o700 });
      expect(await client.owners(path)).toEqual({ owner: "1234", group: "567" });
    }
    await client.setAttributes(at("owned/file"), { modifiedAt: -1500 });
    expect(Math.abs((await client.stat(at("owned/file"))).modifiedAt + 1500)).toBeLessThan(1);
    expect((await client.readFile(at("owned/file"))).data).toEqual(Buffer.from("x"));
    await expect(client.setAttributes(at("owned/missing"), { mode: 0o600 })).rejects.toThrow("NFS4ERR_NOENT");
  });

  test("makes and reads symbolic links, whatever they lead to", async () => {
    const target = `../no/${decodeName(Buffer.of(0xe9))}`;
    await client.makeDirectory(at("made-links"));
    await client.makeSymbolicLink(at("made-links/link"), target);
    expect(await client.readLink(at("made-links/link"))).toBe(target);
    expect((await client.stat(at("made-links/link"))).type).toBe("symbolic-link");
    await expect(client.makeSymbolicLink(at("made-links/link"), "x")).rejects.toThrow("NFS4ERR_EXIST");
    await expect(client.readLink(at("made-links"))).rejects.toBeInstanceOf(NfsStatusError);
    await client.setAttributes(at("made-links/link"), { owner: 1234, group: 567 });
    expect(await client.owners(at("made-links/link"))).toEqual({ owner: "1234", group: "567" });
  });

  test("renames directories with all that is in them, also into other directories", async () => {
    await client.writeFile(at("move/from/a/b"), Buffer.from("b"));
    await client.makeDirectory(at("move/to"));
    await client.rename(at("move/from/a"), at("move/to/c"));
    expect((await client.readFile(at("move/to/c/b"))).data).toEqual(Buffer.from("b"));
    expect(await client.exists(at("move/from/a"))).toBe(false);
    await expect(client.rename(at("move/to"), at("move/to/c/inside"))).rejects.toBeInstanceOf(NfsStatusError);
  });

  test("never follows a symbolic link", async () => {
    await server.stored.makeDirectory("links");
    await server.stored.write("links/target", "secret");
    await server.stored.makeLink("links/link", "target");
    await server.stored.makeLink("links/here", ".");
    await expect(client.readFile(at("links/link"))).rejects.toBeInstanceOf(NfsStatusError);
    await expect(client.readFile(at("links/here/target"))).rejects.toBeInstanceOf(NfsStatusError);
    await expect(client.appendFile(at("links/link"), Buffer.from("x"))).rejects.toBeInstanceOf(NfsStatusError);
    expect(String(await server.stored.read("links/target"))).toBe("secret");
  });

  test("takes paths deeper than a COMPOUND has operations, and names of any kind", async () => {
    const deep = Array.from({ length: 200 }, (_, index) => `d${index}`).join("/");
    const data = Buffer.from("down here");
    await client.writeFile(at(`${deep}/file`), data);
    expect((await client.readFile(at(`${deep}/file`))).data).toEqual(data);
    await client.appendFile(at(`${deep}/file`), Buffer.from("!"));
    await client.remove(at(`${deep}/file`));
    expect(await client.exists(at(`${deep}/file`))).toBe(false);
    for (const name of ["日本語のファイル.txt", "with space", "ü".normalize("NFD"), "%41?#&", "n".repeat(255)]) {
      await client.writeFile(at(`kinds/${name}`), Buffer.from(name));
      expect((await client.readFile(at(`kinds/${name}`))).data.toString()).toBe(name);
    }
    expect(await server.stored.list("kinds")).toHaveLength(5);
  });

  test("refuses paths that cannot be, before asking the server", async () => {
    for (const path of ["a/../b", "a\0b", "x".repeat(256), "/", ""]) {
      await expect(client.readFile(path)).rejects.toBeInstanceOf(InvalidPathError);
    }
  });

  test("lists a directory of many pages, from any place in it", async () => {
    const count = 6000;
    await server.stored.makeDirectory("many");
    for (let index = 0; index < count; index += 1000) {
      const names = Array.from({ length: 1000 }, (_, offset) => `many/file-${index + offset}`);
      await Promise.all(names.map((name) => server.stored.write(name, "")));
    }
    const names = new Set<string>();
    let middle: { cursor: string; after: number } | undefined;
    for await (const { name, cursor } of client.readDirectory(at("many"))) {
      names.add(name);
      if (names.size === count / 2) middle = { cursor, after: names.size };
    }
    expect(names.size).toBe(count);
    expect(names.has("file-0") && names.has(`file-${count - 1}`)).toBe(true);
    let rest = 0;
    for await (const _ of client.readDirectory(at("many"), { after: middle?.cursor ?? "" })) rest += 1;
    expect(rest).toBe(count - (middle?.after ?? 0));
  });

  test("a file that becomes shorter while it is read is an error, not a short answer", async () => {
    await client.writeFile(at("shrinking"), randomBytes(16 * MEBIBYTE));
    const { body } = await client.openFile(at("shrinking"));
    const reading = (async () => {
      for await (const _ of body) {
        await server.stored.truncate("shrinking", 10);
        await sleep(5);
      }
    })();
    await expect(reading).rejects.toThrow("became shorter");
  });
  test("moves a directory with all that is in it, and nothing over what is in the way", async () => {
    await client.writeFile(at("moved/from/inner/file"), Buffer.from("x"));
    await client.rename(at("moved/from"), at("moved/to"));
    expect(await server.stored.list("moved")).toEqual(["to"]);
    expect((await client.readFile(at("moved/to/inner/file"))).data.toString()).toBe("x");
    await client.writeFile(at("moved/file"), Buffer.from("y"));
    await expect(client.rename(at("moved/file"), at("moved/to"))).rejects.toBeInstanceOf(NfsStatusError);
    await expect(client.rename(at("moved/to"), at("moved/to/inner/itself"))).rejects.toBeInstanceOf(NfsStatusError);
    expect((await server.stored.list("moved")).sort()).toEqual(["file", "to"]);
  });

  test("has one answer for a path that leads through a file, or to a directory", async () => {
    await client.writeFile(at("through/file"), Buffer.from("x"));
    const below = at("through/file/below");
    await expect(client.readFile(below)).rejects.toThrow("NFS4ERR_NOTDIR");
    await expect(client.writeFile(below, Buffer.from("x"))).rejects.toThrow("NFS4ERR_NOTDIR");
    await expect(client.appendFile(below, Buffer.from("x"))).rejects.toThrow("NFS4ERR_NOTDIR");
    await expect(client.remove(below)).rejects.toThrow("NFS4ERR_NOTDIR");
    const absent = client.writeFile(at("through"), Buffer.from("x"), { when: "absent" });
    await expect(absent).rejects.toBeInstanceOf(PreconditionError);
    await expect(client.appendFile(at("through"), Buffer.from("x"))).rejects.toThrow("NFS4ERR_ISDIR");
    await expect(client.makeDirectory(at("through/missing/directory"))).rejects.toThrow("NFS4ERR_NOENT");
  });

  test("ends what is aborted, and everything once it is closed", async () => {
    const aborted = client.stat(at("anything"), { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toBeInstanceOf(AbortedError);
    const other = await server.connect();
    await other.close();
    await expect(other.stat(at("anything"))).rejects.toBeInstanceOf(ClosedError);
  });
});
