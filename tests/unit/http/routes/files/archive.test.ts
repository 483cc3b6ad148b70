/** Directories as archives, as the system's `tar` reads them. */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../../../../local/machine/temporary-directory.ts";
import { MemoryNetwork } from "../../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../../support/memory-server.ts";

const OMISSIONS = ".nfs-tmp-omitted.ndjson";

let server: MemoryHttpServer;
let directory: TemporaryDirectory;

beforeEach(async () => {
  server = await startMemoryServer();
  directory = await makeTemporaryDirectory("archive-");
});

afterEach(async () => {
  await server.close();
  await directory.remove();
});

function get(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${server.url}/files/${path}`, init);
}

function write(path: string, content: string | Buffer): void {
  server.network.files.write(`/data/${path}`, Buffer.from(content));
}

/** Lets `tar` read an archive; returns the names in the archive's order. */
async function tar(archive: Buffer, ...args: readonly string[]): Promise<string[]> {
  const child = spawn("tar", [...args], { cwd: directory.path, stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [names] = await Promise.all([text(child.stdout), pipeline(Readable.from([archive]), child.stdin)]);
  expect(await exited).toEqual([0, null]);
  return names.split("\n").filter((name) => name !== "");
}

async function run(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd: directory.path });
  return stdout;
}

async function archiveOf(path: string): Promise<Buffer> {
  const response = await get(path);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

describe("GET ?archive=", () => {
  test.each([
    ["tar", "-x", "application/x-tar"],
    ["tar.gz", "-xz", "application/gzip"],
  ])("%s has all that is below a directory, with modes and times", async (format, option, type) => {
    server.network.files.now = Date.UTC(2025, 0, 1, 12);
    const long = `${"deep/".repeat(30)}${"x".repeat(200)}`;
    const contents = {
      "a.txt": "one",
      empty: "",
      "sub/b.bin": Buffer.alloc(100_000, "b"),
      "sub/日本語": "ü",
      [long]: "far",
    };
    for (const [name, content] of Object.entries(contents)) write(`top/${name}`, content);
    server.network.files.setAttributes("/data/top/a.txt", { mode: 0o640 });
    server.network.files.makeDirectories("/data/top/none");
    write("beside", "not this");
    const response = await get(`top/?archive=${format}`);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("content-disposition")).toBe(`attachment; filename*=UTF-8''top.${format}`);
    await tar(Buffer.from(await response.arrayBuffer()), option);
    for (const [name, content] of Object.entries(contents)) {
      expect((await readFile(join(directory.path, name))).equals(Buffer.from(content))).toBe(true);
    }
    expect((await readdir(directory.path)).sort()).toEqual(["a.txt", "deep", "empty", "none", "sub"]);
    const { mode, mtimeMs } = await stat(join(directory.path, "a.txt"));
    expect([mode & 0o777, mtimeMs]).toEqual([0o640, Date.UTC(2025, 0, 1, 12)]);
  });

  test("zip has all that is below a directory, as Python reads it", async () => {
    server.network.files.now = Date.UTC(2025, 0, 1, 12);
    const large = Buffer.alloc(3 * 2 ** 20 + 1, "large");
    const contents = { "a.txt": "one", empty: "", "sub/日本語": "ü", "12:30.log": "a colon", "z/large": large };
    for (const [name, content] of Object.entries(contents)) write(`top/${name}`, content);
    write("top/back\\slash", "no zip can have this name");
    server.network.files.setAttributes("/data/top/a.txt", { mode: 0o640 });
    const response = await get("top/?archive=zip");
    expect(response.headers.get("content-type")).toBe("application/zip");
    await writeFile(join(directory.path, "top.zip"), Buffer.from(await response.arrayBuffer()));
    const script = `
import json, zipfile
with zipfile.ZipFile("top.zip") as z:
    assert z.testzip() is None
    a = z.getinfo("a.txt")
    z.extractall("out")
    print(json.dumps([z.namelist(), oct((a.external_attr >> 16) & 0o777), a.date_time]))
`;
    const [names, mode, time] = z
      .tuple([z.array(z.string()), z.string(), z.array(z.number())])
      .parse(JSON.parse(await run("python3", ["-c", script])));
    expect(names).toEqual(["a.txt", "empty", "sub/", "sub/日本語", "./12:30.log", "z/", "z/large", OMISSIONS]);
    expect([mode, time]).toEqual(["0o640", [2025, 1, 1, 12, 0, 0]]);
    for (const [name, content] of Object.entries(contents)) {
      expect((await readFile(join(directory.path, "out", name))).equals(Buffer.from(content))).toBe(true);
    }
    const omitted: unknown = JSON.parse(await readFile(join(directory.path, "out", OMISSIONS), "utf8"));
    expect(omitted).toMatchObject({ path: "top/back\\slash" });
  });

  test("has 3,000 files in the order of the listing, and the served directory itself where that is asked for", async () => {
    const names = Array.from({ length: 3_000 }, (_, index) => `f-${(index * 7919) % 3_000}`);
    for (const name of names) write(name, name);
    expect(await tar(await archiveOf("?archive=tar"), "-t")).toEqual(names);
    expect(server.router.memory.reserved).toBe(0);
  });

  test("has files that are read piece by piece", async () => {
    const content = Buffer.alloc(3 * 2 ** 20 + 5, "large");
    write("d/large", content);
    write("d/small", "s");
    await tar(await archiveOf("d/?archive=tar"), "-x");
    expect((await readFile(join(directory.path, "large"))).equals(content)).toBe(true);
  });

  test("leaves out what vanishes or is a link, and names it at the end", async () => {
    for (const name of ["d/a", "d/gone", "d/z", "d/kept/x"]) write(name, name);
    const { files } = server.network;
    files.makeLink("/data/d/link", "a");
    const list = files.list.bind(files);
    files.list = (path) => {
      const entries = list(path);
      if (path === "/data/d") files.remove("/data/d/gone");
      return entries;
    };
    const archive = await archiveOf("d/?archive=tar");
    const names = await tar(archive, "-xv");
    expect(names.sort()).toEqual([OMISSIONS, "a", "kept/", "kept/x", "z"]);
    const lines = (await readFile(join(directory.path, OMISSIONS), "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { path: "d/gone", detail: expect.any(String), code: "NFS4ERR_NOENT" },
      { path: "d/link", detail: "It is a symbolic-link" },
    ]);
  });

  test("goes on where a mount target is lost on the way", async () => {
    const network = new MemoryNetwork(3);
    await server.close();
    server = await startMemoryServer(network);
    const names = Array.from({ length: 2_000 }, (_, index) => `d/${index}`);
    for (const name of names) write(name, Buffer.alloc(1_000, name));
    const response = await get("d/?archive=tar");
    const [lost] = network.servers;
    if (lost) lost.state = "down";
    const listed = await tar(Buffer.from(await response.arrayBuffer()), "-t");
    expect(listed).toHaveLength(2_000);
  });

  test.each(["tar", "tar.gz", "zip"])(
    "%s is cut off, and not shorter, where no mount target is left",
    async (format) => {
      for (let index = 0; index < 2_000; index++) write(`d/${index}`, randomBytes(4_000));
      const response = await get(`d/?archive=${format}`);
      for (const each of server.network.servers) each.state = "down";
      await expect(response.arrayBuffer()).rejects.toThrow();
    },
  );

  test("is refused where it cannot be made", async () => {
    write("d/a", "x");
    expect((await get("missing/?archive=tar")).status).toBe(404);
    expect((await get("d/a/?archive=tar")).status).toBe(409);
    const unknown = await get("d/?archive=rar");
    expect([unknown.status, await unknown.json()]).toMatchObject([400, { detail: expect.stringContaining("tar.gz") }]);
    const head = await get("d/?archive=tar", { method: "HEAD" });
    expect([head.status, head.headers.get("allow")]).toEqual([405, "GET"]);
  });

  test("has a name that a browser can keep it by", async () => {
    write("it's (1)/a", "x");
    const response = await get("it's%20(1)/?archive=tar");
    expect(response.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''it%27s%20%281%29.tar");
    await response.body?.cancel();
  });

  test.each(["tar", "tar.gz", "zip"])("%s closes the file that it has when its reader goes away", async (format) => {
    write("d/large", randomBytes(32 * 2 ** 20));
    let open = 0;
    const openFile = server.router.openFile.bind(server.router);
    server.router.openFile = async (path, range) => {
      const { attributes, body } = await openFile(path, range);
      const counted = (async function* () {
        open += 1;
        try {
          yield* body;
        } finally {
          open -= 1;
        }
      })();
      return { attributes, body: counted };
    };
    const response = await get(`d/?archive=${format}`);
    const reader = response.body?.getReader();
    await reader?.read();
    expect(open).toBe(1);
    await reader?.cancel();
    await vi.waitFor(() => expect(open).toBe(0), 10_000);
  });

  test("is what a browser gets that asks for it", async () => {
    write("d/a", "x");
    const response = await get("d/?archive=tar", { headers: { accept: "text/html" } });
    expect(response.headers.get("content-type")).toBe("application/x-tar");
    await response.body?.cancel();
  });
});
