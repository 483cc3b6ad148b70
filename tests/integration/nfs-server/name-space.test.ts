import { execFile } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename as renameLocally,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Dialect } from "@efs-mount-autoscaling/nfs-server";
import {
  ANONYMOUS_STATEID,
  createDirectory,
  DIRECTORY_START,
  type DirectoryPosition,
  decodeName,
  encodeName,
  getAttributes,
  getFileHandle,
  link,
  Op,
  type Operation,
  putFileHandle,
  putRootFileHandle,
  read,
  readDirectory,
  remove,
  rename,
  saveFileHandle,
  toBitmap,
  write,
  writeBitmap,
  XdrWriter,
} from "nfs-client/wire";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RawSession } from "./driver.ts";
import {
  access,
  createSymbolicLink,
  listModes,
  lookup,
  lookupParent,
  open,
  raw,
  readLink,
  setModeAndTime,
} from "./operations.ts";
import { temporaryDirectory, temporaryServer, temporarySession } from "./temporary.ts";

const inRoot = putRootFileHandle;
const all = { offset: 0, length: 1000 };

async function exported(dialect: Partial<Dialect> = {}): Promise<{ directory: string; session: RawSession }> {
  const directory = await temporaryDirectory();
  return { directory, session: await temporarySession(await temporaryServer({ directory, dialect })) };
}

const at = (...names: string[]): Operation<unknown>[] => [inRoot, ...names.map((name) => lookup(name))];
const content = async (session: RawSession, ...path: Operation<unknown>[]) =>
  (await session.result(path, read(ANONYMOUS_STATEID, all))).data.toString();

describe("names", () => {
  test.for([
    ["an empty one", "", "NFS4ERR_INVAL"],
    ["the directory itself", ".", "NFS4ERR_BADNAME"],
    ["the parent", "..", "NFS4ERR_BADNAME"],
    ["one with a slash", "a/b", "NFS4ERR_BADCHAR"],
    ["one with a NUL", "a\0b", "NFS4ERR_BADCHAR"],
    ["one of 256 bytes", "x".repeat(256), "NFS4ERR_NAMETOOLONG"],
    ["what is not UTF-8, in a dialect that asks for it", Buffer.from([0xc3, 0x28]), "NFS4ERR_INVAL"],
  ] as const)("%s is refused", async ([, name, status]) => {
    const { session, directory } = await exported({ utf8Names: true });
    await writeFile(join(directory, "a"), "");
    const owner = { clientId: session.clientId, name: "owner" };
    expect(await session.status([inRoot, lookup(name)])).toBe(status);
    expect(await session.status([inRoot, open({ owner, name, create: "unchecked" })])).toBe(status);
    if (typeof name !== "string") return;
    expect(await session.status([inRoot, createDirectory(name, 0o755)])).toBe(status);
    expect(await session.status([inRoot, remove(name)])).toBe(status);
    expect(await session.status([inRoot, saveFileHandle, rename("a", name)])).toBe(status);
    expect(await session.status([...at("a"), saveFileHandle, inRoot, link(name)])).toBe(status);
    expect(await readdir(directory)).toEqual(["a"]);
  });

  test("that are not UTF-8 are kept byte by byte, and lead to their own file", async () => {
    const { session, directory } = await exported();
    const names = [0xe9, 0xe8].map((byte) => Buffer.of(0x78, byte));
    for (const name of names) await writeFile(Buffer.concat([Buffer.from(`${directory}/`), name]), name);
    const page = readDirectory(DIRECTORY_START, 10_000);
    const listed = (await session.result([inRoot], page)).entries.map(({ name }) => name);
    expect(listed.map((name) => encodeName(name).toString("hex")).sort()).toEqual(["78e8", "78e9"]);
    for (const name of listed) {
      expect(await content(session, inRoot, lookup(encodeName(name)))).toBe(encodeName(name).toString());
      expect(await session.status([inRoot, remove(name)])).toBe("NFS4_OK");
    }
    expect(await session.status([inRoot, createDirectory(decodeName(Buffer.of(0xff)), 0o755)])).toBe("NFS4_OK");
    expect(await readdir(directory, { encoding: "buffer" })).toEqual([Buffer.of(0xff)]);
  });

  test("of up to 255 bytes in any script are kept as they are", async () => {
    const { session, directory } = await exported();
    for (const name of ["ファイル", "a b\n\"'\\", "é".repeat(127), "x".repeat(255)]) {
      expect(await session.status([inRoot, createDirectory(name, 0o755)])).toBe("NFS4_OK");
      expect(await session.status(at(name))).toBe("NFS4_OK");
      expect(await readdir(directory)).toContain(name);
    }
  });
});

describe("the exported directory", () => {
  test("is not left: not upward, and not through symbolic links", async () => {
    const outside = await mkdtemp(join(tmpdir(), "nfs-outside-"));
    onTestFinished(() => rm(outside, { recursive: true }));
    await writeFile(join(outside, "secret"), "secret");
    const { session, directory } = await exported();
    await mkdir(join(directory, "inside"));
    await symlink(outside, join(directory, "way-out"));
    await symlink(join(outside, "secret"), join(directory, "file-out"));
    const owner = { clientId: session.clientId, name: "owner" };
    expect(await session.status([inRoot, lookupParent()])).toBe("NFS4ERR_NOENT");
    expect(await session.status([...at("inside"), lookupParent(), lookup("inside")])).toBe("NFS4_OK");
    expect(await session.status(at("way-out", "secret"))).toBe("NFS4ERR_SYMLINK");
    expect(await session.status([...at("way-out"), readDirectory(DIRECTORY_START, 1000)])).toBe("NFS4ERR_SYMLINK");
    expect(await session.status([...at("way-out"), createDirectory("made", 0o755)])).toBe("NFS4ERR_SYMLINK");
    expect(await session.status([...at("file-out"), read(ANONYMOUS_STATEID, all)])).toBe("NFS4ERR_SYMLINK");
    expect(await session.status([inRoot, open({ owner, name: "file-out" })])).toBe("NFS4ERR_SYMLINK");
    expect(await session.status([inRoot, open({ owner, name: "file-out", create: "unchecked", size: 0 })])).toBe(
      "NFS4ERR_SYMLINK",
    );
    expect(await session.status([...at("way-out"), setModeAndTime(ANONYMOUS_STATEID, 0o700, 1000)])).toBe("NFS4_OK");
    const before = await lstat(outside);
    expect(before.mtimeMs).not.toBe(1_000_000);
    expect(await session.status([inRoot, remove("way-out")])).toBe("NFS4_OK");
    expect(await readdir(outside)).toEqual(["secret"]);
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("secret");
  });

  test("holds symbolic links that clients make, whose targets they read", async () => {
    const { session } = await exported();
    expect(await session.status([inRoot, createSymbolicLink("link", "../any/where")])).toBe("NFS4_OK");
    expect(await session.result(at("link"), readLink())).toBe("../any/where");
    expect((await session.result(at("link"), getAttributes())).type).toBe("symbolic-link");
    expect(await session.status([inRoot, readLink()])).toBe("NFS4ERR_WRONG_TYPE");
  });
});

describe("what the operating system refuses", () => {
  test("is told with the status that RFC 8881 has for it", async () => {
    const { session, directory } = await exported();
    await mkdir(join(directory, "full/inner"), { recursive: true });
    await mkdir(join(directory, "empty"));
    await writeFile(join(directory, "file"), "x");
    const move = (from: string, to: string) => session.status([inRoot, saveFileHandle, rename(from, to)]);
    expect(await session.status(at("none"))).toBe("NFS4ERR_NOENT");
    expect(await session.status(at("file", "below"))).toBe("NFS4ERR_NOTDIR");
    expect(await session.status([inRoot, createDirectory("file", 0o755)])).toBe("NFS4ERR_EXIST");
    expect(await session.status([inRoot, remove("none")])).toBe("NFS4ERR_NOENT");
    expect(await session.status([inRoot, remove("full")])).toBe("NFS4ERR_NOTEMPTY");
    expect(await session.status([inRoot, read(ANONYMOUS_STATEID, all)])).toBe("NFS4ERR_ISDIR");
    expect(await session.status([...at("file"), readDirectory(DIRECTORY_START, 1000)])).toBe("NFS4ERR_NOTDIR");
    expect(await move("none", "new")).toBe("NFS4ERR_NOENT");
    expect(await move("file", "empty")).toBe("NFS4ERR_EXIST");
    expect(await move("empty", "full")).toBe("NFS4ERR_EXIST");
    expect(await session.status([inRoot, saveFileHandle, ...at("full", "inner"), rename("full", "loop")])).toBe(
      "NFS4ERR_INVAL",
    );
    expect(await session.status([...at("empty"), saveFileHandle, inRoot, link("hard")])).toBe("NFS4ERR_ISDIR");
    expect(await move("empty", "renamed")).toBe("NFS4_OK");
    expect(await readdir(directory)).toEqual(["file", "full", "renamed"]);
  });
});

describe("file handles", () => {
  test("stay with their file when it, or a directory above it, is renamed", async () => {
    const { session, directory } = await exported();
    await mkdir(join(directory, "a/b"), { recursive: true });
    await writeFile(join(directory, "a/b/file"), "content");
    const handle = await session.result(at("a", "b", "file"), getFileHandle());
    await session.run([inRoot, saveFileHandle, rename("a", "z")]);
    expect(await content(session, putFileHandle(handle))).toBe("content");
    await session.run([...at("z", "b"), saveFileHandle, inRoot, rename("file", "moved")]);
    expect(await content(session, putFileHandle(handle))).toBe("content");
    expect(await session.result(at("moved"), getFileHandle())).toEqual(handle);
  });

  test("stay with their file while one of its names is left", async () => {
    const { session, directory } = await exported();
    await writeFile(join(directory, "first"), "content");
    const handle = await session.result(at("first"), getFileHandle());
    expect(await session.status([...at("first"), saveFileHandle, inRoot, link("second")])).toBe("NFS4_OK");
    await session.run([inRoot, remove("first")]);
    expect(await content(session, putFileHandle(handle))).toBe("content");
    await session.run([inRoot, remove("second")]);
    expect(await session.status([putFileHandle(handle)])).toBe("NFS4ERR_STALE");
  });

  test("are stale once their file is gone, though another one has its name and inode number", async () => {
    const { session, directory } = await exported();
    for (let round = 0; round < 20; round++) {
      await writeFile(join(directory, "file"), `${round}`);
      const handle = await session.result(at("file"), getFileHandle());
      await session.run([inRoot, remove("file")]);
      await writeFile(join(directory, "file"), "another");
      if (round % 2 === 0) await session.result(at("file"), getFileHandle());
      expect(await session.status([putFileHandle(handle), getAttributes()])).toBe("NFS4ERR_STALE");
    }
  });

  test("outlive a restart of the server, unless they are of a file that is not there any more", async () => {
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "sub"));
    await writeFile(join(directory, "sub/file"), "content");
    await writeFile(join(directory, "replaced"), "old");
    const first = await temporaryServer({ directory });
    const before = await temporarySession(first);
    const [root, file, replaced] = [
      await before.result([inRoot], getFileHandle()),
      await before.result(at("sub", "file"), getFileHandle()),
      await before.result(at("replaced"), getFileHandle()),
    ];
    await first.close();
    await writeFile(join(directory, "new"), "new");
    await renameLocally(join(directory, "new"), join(directory, "replaced"));
    const after = await temporarySession(await temporaryServer({ directory }));
    expect(await content(after, putFileHandle(file))).toBe("content");
    expect(await content(after, putFileHandle(root), lookup("sub"), lookup("file"))).toBe("content");
    expect(await after.status([putFileHandle(replaced)])).toBe("NFS4ERR_STALE");
    expect(await after.status([putFileHandle(Buffer.from("made up"))])).toBe("NFS4ERR_BADHANDLE");
  });
});

describe("while names change", () => {
  test("who looks up a file that is replaced all the time reads the old one or the new one, never a mixture", async () => {
    const { session, directory } = await exported();
    await writeFile(join(directory, "file"), "start");
    let replacing = true;
    const replace = (async () => {
      for (let round = 0; round < 150; round++) {
        await writeFile(join(directory, "new"), `${"x".repeat(round)}`);
        expect(await session.status([inRoot, saveFileHandle, rename("new", "file")], { slotId: 7 })).toBe("NFS4_OK");
      }
      replacing = false;
    })();
    const reading = Array.from({ length: 6 }, async (_, slotId) => {
      while (replacing) {
        const attributes = getAttributes();
        const data = read(ANONYMOUS_STATEID, all);
        const reply = (await session.run([...at("file"), attributes, data], { slotId })).orThrow();
        expect(reply.of(data).data).toHaveLength(reply.of(attributes).size);
      }
    });
    await Promise.all([replace, ...reading]);
  });

  test("who is below a directory that is renamed stays there", async () => {
    const { session, directory } = await exported();
    await mkdir(join(directory, "a/b"), { recursive: true });
    await writeFile(join(directory, "a/b/file"), "content");
    const handle = await session.result(at("a", "b"), getFileHandle());
    let renaming = true;
    const moving = (async () => {
      for (let round = 0; round < 100; round++) {
        const move = round % 2 === 0 ? rename("a", "z") : rename("z", "a");
        expect(await session.status([inRoot, saveFileHandle, move], { slotId: 7 })).toBe("NFS4_OK");
      }
      renaming = false;
    })();
    const reading = Array.from({ length: 6 }, async (_, slotId) => {
      while (renaming) {
        const file = [putFileHandle(handle), lookup("file")];
        expect(await session.status([...file, read(ANONYMOUS_STATEID, all)], { slotId })).toBe("NFS4_OK");
        expect(await session.status([putFileHandle(handle), readDirectory(DIRECTORY_START, 1000)], { slotId })).toBe(
          "NFS4_OK",
        );
      }
    });
    await Promise.all([moving, ...reading]);
  });
});

describe("attributes", () => {
  test("change with every change, through whichever mount target", async () => {
    const directory = await temporaryDirectory();
    const sessions = [
      await temporarySession(await temporaryServer({ directory })),
      await temporarySession(await temporaryServer({ directory })),
    ] as const;
    const owner = { clientId: sessions[0].clientId, name: "owner" };
    await sessions[0].run([inRoot, open({ owner, name: "file", create: "guarded" })]);
    const seen = new Set<bigint>();
    for (let round = 0; round < 50; round++) {
      const [writer, reader] = round % 2 === 0 ? sessions : [sessions[1], sessions[0]];
      const data = { offset: 0, data: [Buffer.from(`${round}`)], durable: false };
      await writer.run([...at("file"), write(ANONYMOUS_STATEID, data)]);
      seen.add((await reader.result(at("file"), getAttributes())).change);
    }
    expect(seen.size).toBe(50);
  });

  test("are set: mode and time", async () => {
    const { session, directory } = await exported();
    await writeFile(join(directory, "file"), "");
    expect(await session.status([...at("file"), setModeAndTime(ANONYMOUS_STATEID, 0o640, 1_000_000_000)])).toBe(
      "NFS4_OK",
    );
    const attributes = await session.result(at("file"), getAttributes());
    expect(attributes).toMatchObject({ mode: 0o640, modifiedAt: 1_000_000_000_000 });
    const stat = await lstat(join(directory, "file"));
    expect([stat.mode & 0o777, stat.mtimeMs]).toEqual([0o640, 1_000_000_000_000]);
  });

  test("that cannot be set, or are not known, are refused", async () => {
    const { session } = await exported();
    const setting = (attribute: number, value: Buffer) => {
      const args = new XdrWriter().uint32(0).fixedOpaque(Buffer.alloc(12));
      writeBitmap(args, toBitmap([attribute]));
      return session.connection.compound([
        session.sequence(),
        inRoot,
        // A SETATTR that fails has a result as well, which the operation's own decoder never sees.
        raw(Op.SETATTR, args.opaque(value).toBuffer()),
      ]);
    };
    const type = 1;
    const archive = 14;
    const mode = 33;
    expect((await setting(type, Buffer.alloc(4))).failedWith("NFS4ERR_INVAL")).toBe(true);
    expect((await setting(archive, Buffer.alloc(4))).failedWith("NFS4ERR_ATTRNOTSUPP")).toBe(true);
    expect((await setting(mode, Buffer.alloc(8))).failedWith("NFS4ERR_BADXDR")).toBe(true);
  });

  test("tell what the server's own user may do", async () => {
    const { session, directory } = await exported();
    await writeFile(join(directory, "program"), "");
    await chmod(join(directory, "program"), 0o755);
    const [readBit, lookupBit, modify, execute] = [1, 2, 4, 32];
    const every = 63;
    expect((await session.result(at("program"), access(every))) & (readBit | modify | execute)).toBe(37);
    expect((await session.result([inRoot], access(every))) & (lookupBit | execute)).toBe(lookupBit);
  });
});

describe("a directory that is listed page by page", () => {
  async function page(session: RawSession, position: DirectoryPosition, size = 600) {
    const { entries, verifier, endOfDirectory } = await session.result([inRoot], readDirectory(position, size));
    return { entries, endOfDirectory, next: { cookie: entries.at(-1)?.cookie ?? 0n, verifier } };
  }

  test("shows every entry that is there all along once, while others come, go and change names", async () => {
    const { session, directory } = await exported();
    const kept = Array.from({ length: 60 }, (_, index) => `kept-${index}`);
    for (const name of kept) await writeFile(join(directory, name), name);
    const seen: string[] = [];
    let position = DIRECTORY_START;
    for (let round = 0; ; round++) {
      const { entries, endOfDirectory, next } = await page(session, position);
      seen.push(...entries.map(({ name }) => name).filter((name) => name.startsWith("kept")));
      if (endOfDirectory) break;
      position = next;
      await writeFile(join(directory, `new-${round}`), "");
      await session.run([inRoot, saveFileHandle, rename(`new-${round}`, `renamed-${round}`)]);
      if (round > 2) await session.run([inRoot, remove(`renamed-${round - 2}`)]);
      if (round % 3 === 0) await page(session, DIRECTORY_START);
    }
    expect(seen.sort()).toEqual(kept.sort());
  });

  test("goes on where it was through another mount target, and after a restart", async () => {
    const directory = await temporaryDirectory();
    for (let index = 0; index < 30; index++) await writeFile(join(directory, `${index}`), "");
    const server = await temporaryServer({ directory });
    const first = await page(await temporarySession(server), DIRECTORY_START);
    await server.close();
    const session = await temporarySession(await temporaryServer({ directory }));
    const rest = await page(session, first.next, 100_000);
    expect(first.entries.length + rest.entries.length).toBe(30);
  });

  test("has the entries whose attributes cannot be had, for those who ask why", async () => {
    const { session, directory } = await exported();
    const parts = Array.from({ length: 15 }, () => "x".repeat(250));
    const longestOnLinux = 4095;
    parts.push("x".repeat(longestOnLinux - 100 - join(directory, ...parts).length));
    const folder = join(directory, ...parts);
    await mkdir(folder, { recursive: true });
    const [near, tooFar] = ["y", "z".repeat(200)];
    const inFolder = (command: string, ...args: string[]) => promisify(execFile)(command, args, { cwd: folder });
    await inFolder("touch", near, tooFar);
    onTestFinished(async () => void (await inFolder("rm", tooFar)));
    const entries = await session.result(at(...parts), listModes());
    expect(entries.find(({ name }) => name === near)).toHaveProperty("mode");
    expect(entries.find(({ name }) => name === tooFar)).toEqual({ name: tooFar, error: "NFS4ERR_NAMETOOLONG" });
    const withoutAsking = [...at(...parts), readDirectory(DIRECTORY_START, 10_000)];
    expect(await session.status(withoutAsking)).toBe("NFS4ERR_NAMETOOLONG");
  });

  test("refuses pages too small for one entry, and places that it never gave", async () => {
    const { session, directory } = await exported();
    expect((await page(session, DIRECTORY_START, 100)).endOfDirectory).toBe(true);
    await writeFile(join(directory, "file"), "");
    const listing = (position: DirectoryPosition, size: number) =>
      session.status([inRoot, readDirectory(position, size)]);
    expect(await listing(DIRECTORY_START, 20)).toBe("NFS4ERR_TOOSMALL");
    expect(await listing({ cookie: 2n, verifier: Buffer.alloc(8) }, 1000)).toBe("NFS4ERR_BAD_COOKIE");
    expect(await listing({ cookie: 77n, verifier: Buffer.alloc(8, 1) }, 1000)).toBe("NFS4ERR_NOT_SAME");
  });
});
