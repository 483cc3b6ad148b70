/** Archives that the system's `tar` made, and some that nobody should make. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { ROOT } from "@efs-mount-autoscaling/routed-files";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { extractionLine, extractResult } from "../../../../../fargate-app/src/http/routes/files/extract.ts";
import { extractTar } from "../../../../../fargate-app/src/many/extract.ts";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../../../../local/machine/temporary-directory.ts";
import { MemoryNetwork } from "../../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../../support/memory-server.ts";

let server: MemoryHttpServer;
let directory: TemporaryDirectory;

beforeEach(async () => {
  server = await startMemoryServer();
  directory = await makeTemporaryDirectory("extract-");
});

afterEach(async () => {
  await server.close();
  await directory.remove();
});

async function make(name: string, content: string | Buffer): Promise<void> {
  const path = join(directory.path, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

async function tar(...args: readonly string[]): Promise<Buffer> {
  const child = spawn("tar", [...args], { cwd: directory.path, stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const archive = await buffer(child.stdout);
  expect(await exited).toEqual([0, null]);
  return archive;
}

function send(path: string, archive: Buffer, init: RequestInit = {}): Promise<Response> {
  return fetch(`${server.url}/files/${path}`, { method: "PUT", body: new Uint8Array(archive), ...init });
}

const stored = (path: string) => server.network.files.open(`/data/${path}`).read(0, Number.MAX_SAFE_INTEGER);
const namesIn = (path: string) =>
  server.network.files
    .list(`/data/${path}`)
    .map(({ name }) => name)
    .sort();

/** One header of 512 bytes and its content, for names that `tar` would not make. */
function entry(name: string, content = "", type = "0", size = content.length): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  if (type === "2" || type === "1") header.write("target", 157);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, Buffer.from(content), padding]);
}

const archiveOf = (...entries: readonly Buffer[]) => Buffer.concat([...entries, Buffer.alloc(1024)]);

describe("?extract=", () => {
  test.each([
    ["tar", "PUT", "-c"],
    ["tar.gz", "POST", "-cz"],
  ])("%s by %s writes every file, and makes every directory", async (format, method, option) => {
    const long = `${"deep/".repeat(30)}${"x".repeat(200)}`;
    const contents = {
      "a.txt": "one",
      empty: "",
      "sub/large": Buffer.alloc(3 * 2 ** 20 + 1, "l"),
      "sub/日本語": "ü",
      [long]: "far",
    };
    for (const [name, content] of Object.entries(contents)) await make(name, content);
    await mkdir(join(directory.path, "none"));
    const response = await send(`into/this/?extract=${format}`, await tar(option, "."), { method });
    expect(response.status).toBe(200);
    expect(extractResult.parse(await response.json())).toEqual({
      files: 5,
      directories: 32,
      bytes: 3 + 3 * 2 ** 20 + 1 + 2 + 3,
      failed: [],
    });
    for (const [name, content] of Object.entries(contents)) {
      expect(stored(`into/this/${name}`).equals(Buffer.from(content))).toBe(true);
    }
    expect(namesIn("into/this")).toEqual(["a.txt", "deep", "empty", "none", "sub"]);
    expect(server.router.memory.reserved).toBe(0);
  });

  test("writes 2,000 files, also where a mount target is lost, and none is lost with it", async () => {
    await server.close();
    server = await startMemoryServer(new MemoryNetwork(3));
    const names = Array.from({ length: 2_000 }, (_, index) => `${index % 13}/${index}`);
    const [lost] = server.network.servers;
    if (lost) lost.state = "down";
    const response = await send("?extract=tar", archiveOf(...names.map((name) => entry(name, name))));
    expect(extractResult.parse(await response.json())).toMatchObject({ files: 2_000, failed: [] });
    for (const name of names) expect(stored(name).toString()).toBe(name);
  });

  test("the last one of several files of one name stays", async () => {
    const versions = Array.from({ length: 20 }, (_, index) => entry("same", `version ${index}`));
    expect((await send("?extract=tar", archiveOf(...versions))).status).toBe(200);
    expect(stored("same").toString()).toBe("version 19");
  });

  test("names what it does not write, and writes the rest", async () => {
    server.network.files.write("/data/d/file", Buffer.from("in the way"));
    await symlink("elsewhere", join(directory.path, "link"));
    const archive = archiveOf(
      entry("good", "1"),
      entry("/absolute", "2"),
      entry("../up", "3"),
      entry("sub/../../up", "3"),
      entry("link", "", "2"),
      entry("hard", "", "1"),
      entry("device", "", "3"),
      entry(".nfs-tmp-reserved", "4"),
      entry("file/below", "5"),
      entry("file/below-large", "6".repeat(2 ** 20 + 1)),
      entry(".nfs-tmp-omitted.ndjson", "{}"),
      entry("last", "7"),
    );
    const response = await send("d/?extract=tar", archive);
    expect(response.status).toBe(207);
    const { files, failed } = extractResult.parse(await response.json());
    expect(files).toBe(2);
    const refused = failed.map(({ name, problem }) => [name, problem.status]).sort();
    expect(refused).toEqual(
      [
        ["/absolute", 400],
        ["../up", 400],
        ["sub/../../up", 400],
        ["link", 403],
        ["hard", 403],
        ["device", 403],
        [".nfs-tmp-reserved", 400],
        ["file/below", 409],
        ["file/below-large", 409],
      ].sort(),
    );
    expect(namesIn("d")).toEqual(["file", "good", "last"]);
    expect(namesIn("")).toEqual(["d"]);
  });

  test.each<[string, Buffer, string, number]>([
    ["no archive", Buffer.alloc(2_000, "x"), "tar", 400],
    ["an archive that is cut off", archiveOf(entry("a", "x".repeat(2_000))).subarray(0, 1_500), "tar", 400],
    ["no gzip", archiveOf(entry("a", "x")), "tar.gz", 400],
    ["a gzip that is cut off", gzipSync(archiveOf(entry("a", "x".repeat(50_000)))).subarray(0, 60), "tar.gz", 400],
    ["another format", archiveOf(), "zip", 400],
    ["a bomb", gzipSync(archiveOf(entry("zeros", "0".repeat(40 * 2 ** 20)))), "tar.gz", 413],
  ])("refuses %s", async (_name, archive, format, status) => {
    const response = await send(`d/?extract=${format}`, archive);
    expect([response.status, await response.json()]).toMatchObject([status, { status }]);
    expect(server.router.memory.reserved).toBe(0);
  });

  test("counts unpacked bytes against the limit of a body", async () => {
    await server.close();
    server = await startMemoryServer(undefined, { limits: { maxBodyBytes: 100_000 } });
    const response = await send("?extract=tar.gz", gzipSync(archiveOf(entry("a", "ab".repeat(60_000)))));
    expect([response.status, await response.json()]).toMatchObject([
      413,
      { detail: expect.stringContaining("100000") },
    ]);
  });

  test("an archive that is cut off while files are written ends its request, and not the router", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const files = server.router;
    const written: Promise<unknown>[] = [];
    const change = async <Result>(write: () => Promise<Result>) => {
      const writing = sleep(50).then(write);
      written.push(writing);
      return writing;
    };
    async function* archive() {
      yield Buffer.concat(Array.from({ length: 20 }, (_, index) => entry(`${index}/a`, "x")));
      await vi.waitUntil(() => written.length > 0);
      throw new Error("The client went away");
    }
    const extracting = extractTar(archive(), ROOT, { files, gzip: false, maxBytes: 1_000_000, change });
    await expect(extracting).rejects.toThrow("The client went away");
    expect(written.length).toBeGreaterThan(0);
    expect(unhandled).toEqual([]);
  });

  test("shows the beginning of names that no path can have, and keeps no more of them", async () => {
    const paxOf = (path: string) => {
      const size = path.length + " path=\n".length;
      return `${size + String(size + 7).length} path=${path}\n`;
    };
    async function* archive() {
      for (let index = 0; index < 16; index += 1) {
        // What leads upwards, and what only slashes make long.
        const name = `${index}`.padStart(4, "0") + (index % 2 === 0 ? "/..".repeat(2 ** 20) : "/".repeat(3 * 2 ** 20));
        yield Buffer.concat([entry("pax", paxOf(name), "x"), entry("a", "x")]);
      }
      yield Buffer.alloc(1024);
    }
    const change = <Result>(write: () => Promise<Result>) => write();
    const options = { files: server.router, gzip: false, maxBytes: Number.MAX_SAFE_INTEGER, change };
    const { files, failures } = await extractTar(archive(), ROOT, options);
    expect([files, failures.length]).toEqual([0, 16]);
    expect(failures[2]?.name).toMatch(/^0002(\/\.\.)+.*…$/);
    expect(Math.max(...failures.map(({ name }) => name.length))).toBeLessThan(4_096);
    expect(Math.max(...failures.map(({ error }) => error.message.length))).toBeLessThan(4_096);
  });

  test("ends at 1,000 names that cannot be written", async () => {
    const archive = archiveOf(...Array.from({ length: 1_100 }, (_, index) => entry(`../${index}`, "x")));
    const response = await send("?extract=tar", archive);
    const reason = "1000 names failed, and the rest was not tried. The last one: ";
    const detail = expect.stringMatching(new RegExp(`^${reason}.*\\.\\.`));
    expect([response.status, await response.json()]).toMatchObject([413, { detail }]);
    const links = archiveOf(...Array.from({ length: 1_000 }, (_, index) => entry(`link-${index}`, "", "2")));
    const refused = await send("?extract=tar", links);
    const ofLinks = `${reason}It is a symlink: only files and directories are extracted`;
    expect([refused.status, await refused.json()]).toMatchObject([413, { detail: ofLinks }]);
  });

  test("needs a directory, no condition, and no other purpose", async () => {
    const archive = archiveOf(entry("a", "x"));
    server.network.files.write("/data/file", Buffer.from("x"));
    expect((await send("d?extract=tar", archive)).status).toBe(400);
    expect((await send("file/?extract=tar", archive)).status).toBe(409);
    expect((await send("d/?extract=tar", archive, { headers: { "if-none-match": "*" } })).status).toBe(400);
    expect((await send("d/?extract=tar&append", archive, { method: "POST" })).status).toBe(400);
    expect(namesIn("")).toEqual(["file"]);
  });

  test("takes what an archive of the same router has", async () => {
    for (const name of ["a", "sub/b", "sub/deep/c"])
      server.network.files.write(`/data/from/${name}`, Buffer.from(name));
    const archive = await (await fetch(`${server.url}/files/from/?archive=tar.gz`)).arrayBuffer();
    expect((await send("to/?extract=tar.gz", Buffer.from(archive))).status).toBe(200);
    for (const name of ["a", "sub/b", "sub/deep/c"]) expect(stored(`to/${name}`).toString()).toBe(name);
  });
});

describe("?extract= with lines of JSON", () => {
  const inLines = { accept: "application/x-ndjson" };

  async function linesOf(response: Response) {
    const lines = (await response.text()).trimEnd().split("\n");
    return lines.map((line) => extractionLine.parse(JSON.parse(line)));
  }

  /** A request whose body is still to come, in parts. */
  function begin(path: string) {
    const request = httpRequest(`${server.url}/files/${path}`, { method: "PUT", headers: inLines });
    const response = once(request, "response").then(([message]): IncomingMessage => message);
    const read = async () => {
      const lines = createInterface({ input: await response })[Symbol.asyncIterator]();
      return async () => {
        const { value } = await lines.next();
        return value === undefined ? undefined : extractionLine.parse(JSON.parse(value));
      };
    };
    return { request, response, read };
  }

  test("names what was not written, and ends with what was", async () => {
    const archive = archiveOf(entry("a", "12"), entry("../up", "3"), entry("sub/b", "3"));
    const response = await send("d/?extract=tar", archive, { headers: inLines });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
    expect(await linesOf(response)).toEqual([
      { name: "../up", problem: expect.objectContaining({ status: 400 }) },
      { files: 2, directories: 0, bytes: 3, failed: 1, complete: false },
    ]);
    expect(await linesOf(await send("d/?extract=tar", archiveOf(entry("a", "1")), { headers: inLines }))).toEqual([
      { files: 1, directories: 0, bytes: 1, failed: 0, complete: true },
    ]);
  });

  test("the response begins while the archive still comes, and goes on every second", async () => {
    const { request, response, read } = begin("d/?extract=tar");
    request.write(entry("a", "1"));
    expect((await response).statusCode).toBe(200);
    const next = await read();
    let line = await next();
    while (line?.files === 0) line = await next();
    expect(line).toEqual({ files: 1, directories: 0, bytes: 1 });
    request.end(archiveOf(entry("b", "23")));
    line = await next();
    while (line?.complete === undefined && line !== undefined) line = await next();
    expect(line).toEqual({ files: 2, directories: 0, bytes: 3, failed: 0, complete: true });
    expect(await next()).toBeUndefined();
  });

  test("an archive that turns out to be none has a status where nothing was sent yet, and else says so at the end", async () => {
    const early = await send("d/?extract=tar", Buffer.alloc(2_000, "x"), { headers: inLines });
    expect([early.status, await early.json()]).toMatchObject([400, { status: 400 }]);
    const { request, read } = begin("d/?extract=tar");
    request.write(entry("a", "1"));
    const next = await read();
    await next();
    request.end(Buffer.alloc(2_000, "x"));
    let line = await next();
    while (line?.complete === undefined && line !== undefined) line = await next();
    expect(line).toMatchObject({ files: 1, complete: false, problem: { status: 400 } });
    expect(server.router.memory.reserved).toBe(0);
  });

  test("a client that goes away in the middle ends its extraction alone", async () => {
    const { request, read } = begin("d/?extract=tar");
    request.on("error", () => {});
    request.write(entry("a", "1"));
    await (await read())();
    request.destroy();
    await vi.waitUntil(() => server.router.memory.reserved === 0);
    expect((await send("d/?extract=tar", archiveOf(entry("b", "1")))).status).toBe(200);
  });
});
