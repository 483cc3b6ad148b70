import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { makeTemporaryDirectory } from "../../../local/machine/temporary-directory.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { describeEachServer, type TestServer } from "../../support/nfs-servers.ts";

const MAIN = fileURLToPath(new URL("../../../packages/nfs-client/src/cli/main.ts", import.meta.url));
const bundle = await makeTemporaryDirectory("nfs-cli-");
const PROGRAM = join(bundle.path, "nfs.mjs");
await build({
  entryPoints: [MAIN],
  outfile: PROGRAM,
  bundle: true,
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
afterAll(() => bundle.remove());

const isRoot = process.getuid?.() === 0;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], input = ""): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [PROGRAM, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** Runs a command, and interrupts it when `begun` says so. */
async function interrupted(args: readonly string[], begun: (child: ChildProcess) => Promise<unknown>) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: "pipe" });
  const complaints: string[] = [];
  child.stderr.on("data", (chunk) => complaints.push(String(chunk)));
  // The command need not read all that it is given.
  child.stdin.on("error", () => {});
  const closed = once(child, "close");
  try {
    await begun(child);
    child.kill("SIGINT");
    const code = await Promise.race([closed.then(([code]) => code), sleep(60_000, "still running", { ref: false })]);
    return { code, complaints: complaints.join("") };
  } finally {
    child.kill("SIGKILL");
    await closed;
  }
}

const INTERRUPTED = { code: 130, complaints: "nfs: interrupted\n" };

test("the first interrupt ends it while a server does not answer", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  try {
    await once(silent, "listening");
    const address = silent.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const connected = () => once(silent, "connection");
    expect(await interrupted(["ls", `nfs://127.0.0.1:${port}/`], connected)).toEqual(INTERRUPTED);
  } finally {
    silent.close();
  }
});

describeEachServer("the command line", (start) => {
  let server: TestServer;
  /** A directory of each test. */
  let directory: string;
  let url: string;
  let tests = 0;

  beforeAll(async () => {
    server = await start();
  });

  afterAll(() => server?.stop());

  beforeEach(async () => {
    tests += 1;
    directory = join(server.directory, `test-${tests}`);
    url = `nfs://${server.host}:${server.port}${server.root}/test-${tests}`;
    await mkdir(directory);
  });

  const nfs = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout;
  };

  test("acts on the file that is named, and on no other", async () => {
    for (const name of ["report", "report#1", "inv", "inv?2", "a", "a "]) await writeFile(join(directory, name), name);
    const refused = [
      ...["report#1", "inv?2", "a ", "a\n", "a\\", "%FG", "."].map((place) => ["rm", place]),
      ...["cat", "put", "append", "stat"].map((command) => [command, "inv?2"]),
    ];
    for (const [command = "", place] of refused) {
      const { code, stderr } = await run([command, `${url}/${place}`], "changed");
      expect([code, stderr.split("\n").length]).toEqual([2, 3]);
    }
    expect(await readdir(directory)).toHaveLength(6);
    expect(await nfs("cat", `${url}/report%231`)).toBe("report#1");
    await nfs("rm", `${url}/inv%3F2`);
    await nfs("rm", `${url}/a%20`);
    expect((await readdir(directory)).sort()).toEqual(["a", "inv", "report", "report#1"]);
  });

  test("shows names as they can be given back, on one line each", async () => {
    const names = [Buffer.of(0x78, 0xe9), Buffer.from("new\nline"), Buffer.from("\u001b[31m %")];
    for (const name of names) await writeFile(Buffer.concat([Buffer.from(`${directory}/`), name]), name);
    const shown = (await nfs("ls", url)).trimEnd().split("\n");
    expect(shown.sort()).toEqual(["%1B[31m %25", "new%0Aline", "x%E9"]);
    expect((await nfs("ls", "-l", url)).trimEnd().split("\n")).toHaveLength(3);
    expect((await nfs("find", url, "--type", "f")).trimEnd().split("\n")).toHaveLength(3);
    for (const name of shown) await nfs("rm", `${url}/${name}`);
    expect(await readdir(directory)).toEqual([]);
  });

  test("refuses what is no number, too many operands, and options of other commands", async () => {
    for (const wrong of [
      ["ls", "--uid", "", url],
      ["ls", "--timeout", "1e3", url],
      ["ls", "--timeout", "0", url],
      ["ls", "--timeout", "99999999", url],
      ["ls", "--gid", "4294967295", url],
      ["bench", "--files", "0", url],
      ["bench", "--size", "0x10", url],
      ["rm", url, url],
      ["rm", "-l", url],
      ["mv", url],
      ["chown", "", url],
      ["chown", "root", url],
      ["chmod", "+q", url],
      ["find", "--type", "x", url],
      ["nothing", url],
      ["ls"],
      [],
    ]) {
      expect(await run(wrong)).toMatchObject({ code: 2, stdout: "" });
    }
    expect(await nfs("--help")).toContain("tree-copy");
    expect((await run(["ls", `${url}/missing`])).code).toBe(1);
  });

  test("puts a file into a directory that is there, as cp does", async () => {
    await mkdir(join(directory, "there"));
    await nfs("put", `${url}/there/`, MAIN);
    expect(await readFile(join(directory, "there/main.ts"))).toEqual(await readFile(MAIN));
    expect((await run(["put", `${url}/missing/`, MAIN])).code).toBe(1);
    expect((await run(["put", `${url}/there/`], "x")).code).toBe(2);
    expect((await run(["cat", `${url}/there/main.ts/`])).code).toBe(2);
    expect((await run(["rm", `${url}/there/main.ts/`])).code).toBe(1);
    expect(await readdir(directory)).toEqual(["there"]);
    expect(await readdir(join(directory, "there"))).toEqual(["main.ts"]);
  });

  test("ends quietly when its reader has had enough", async () => {
    await writeFile(join(directory, "large"), Buffer.alloc(8_000_000, "x"));
    const child = spawn(process.execPath, [PROGRAM, "cat", `${url}/large`], { stdio: ["ignore", "pipe", "pipe"] });
    const complaints: string[] = [];
    child.stderr.on("data", (chunk) => complaints.push(String(chunk)));
    child.stdout.once("data", () => child.stdout.destroy());
    const [code] = await once(child, "close");
    expect([code, complaints.join("")]).toEqual([0, ""]);
  });

  describe("the first interrupt ends it with 130, and leaves nothing behind", () => {
    test.each(["put", "append"])("%s, which waits for its input", async (command) => {
      let markReplied = () => {};
      const replied = new Promise<void>((resolve) => {
        markReplied = resolve;
      });
      const proxy = await FaultProxy.start(server, undefined, markReplied);
      onTestFinished(() => proxy.stop());
      const written = async (child: ChildProcess) => {
        child.stdin?.write("the beginning");
        await replied;
        await sleep(500);
      };
      const place = `nfs://${proxy.host}:${proxy.port}${server.root}/test-${tests}/file`;
      expect(await interrupted([command, place], written)).toEqual(INTERRUPTED);
      expect(await readdir(directory)).toEqual([]);
    });

    test("put, in the middle of a large file", async () => {
      const half = async (child: ChildProcess) => {
        child.stdin?.write(Buffer.alloc(16_000_000));
        await expect.poll(() => readdir(directory)).toHaveLength(1);
      };
      expect(await interrupted(["put", `${url}/file`], half)).toEqual(INTERRUPTED);
      expect(await readdir(directory)).toEqual([]);
    });

    test("put and tree-copy, while they write what is there", async () => {
      await writeFile(join(bundle.path, "large"), "");
      await truncate(join(bundle.path, "large"), 400_000_000);
      await mkdir(join(directory, "to"));
      const staged = () => expect.poll(() => readdir(join(directory, "to")), { interval: 5 }).not.toEqual([]);
      expect(await interrupted(["put", `${url}/to/`, join(bundle.path, "large")], staged)).toEqual(INTERRUPTED);
      expect(await readdir(join(directory, "to"))).toEqual([]);
      await mkdir(join(directory, "from"));
      await rename(join(bundle.path, "large"), join(directory, "from/large"));
      expect(await interrupted(["tree-copy", `${url}/from`, `${url}/to`], staged)).toEqual(INTERRUPTED);
      expect(await readdir(join(directory, "to"))).toEqual([]);
    });

    test("bench", async () => {
      const begun = () =>
        expect.poll(async () => (await readdir(directory, { recursive: true })).length).toBeGreaterThan(5);
      expect(await interrupted(["bench", "--files", "100000", url], begun)).toEqual(INTERRUPTED);
      expect(await readdir(directory)).toEqual([]);
    });
  });

  test("makes, renames and moves directories", async () => {
    await nfs("mkdir", "-p", `${url}/a/b`);
    await writeFile(join(directory, "a/b/file"), "x");
    await mkdir(join(directory, "into"));
    await nfs("mv", `${url}/a/b`, `${url}/c`);
    await nfs("mv", `${url}/c`, `${url}/into`);
    await nfs("mv", `${url}/into/c/file`, `${url}/a/`);
    expect(await readdir(join(directory, "a"))).toEqual(["file"]);
    expect((await run(["mv", `${url}/a`, "nfs://127.0.0.2:1/a"])).code).not.toBe(0);
    expect((await run(["mv", `${url}/a/file`, `${url}/missing/`])).code).toBe(1);
    expect(await readdir(join(directory, "into/c"))).toEqual([]);
  });

  test("removes a directory with all below it only when told to", async () => {
    await mkdir(join(directory, "tree/inner"), { recursive: true });
    for (let index = 0; index < 3000; index++) await writeFile(join(directory, `tree/inner/${index}`), "");
    await symlink("..", join(directory, "tree/link"));
    expect((await run(["rm", `${url}/tree`])).code).toBe(1);
    expect(await readdir(join(directory, "tree/inner"))).toHaveLength(3000);
    await nfs("rm", "-R", `${url}/tree`);
    expect(await readdir(directory)).toEqual([]);
    expect((await run(["rm", "-R", `nfs://${server.host}:${server.port}/`])).code).toBe(2);
  });

  test("changes owners and modes, of one or of all below it", async () => {
    await mkdir(join(directory, "tree/inner"), { recursive: true });
    for (const name of ["tree/file", "tree/inner/script"]) await writeFile(join(directory, name), "x");
    await chmod(join(directory, "tree/inner/script"), 0o700);
    await chmod(join(directory, "tree/file"), 0o600);
    await symlink("nowhere", join(directory, "tree/link"));
    await nfs("chmod", "-R", "u=rwX,go=rX", `${url}/tree`);
    const modeOf = async (name: string) => ((await lstat(join(directory, name))).mode & 0o7777).toString(8);
    expect(await modeOf("tree/inner")).toBe("755");
    expect(await modeOf("tree/inner/script")).toBe("755");
    expect(await modeOf("tree/file")).toBe("644");
    if (!isRoot) return;
    await nfs("chown", "1234:567", `${url}/tree`);
    expect(await nfs("find", `${url}/tree`, "--not-owner", "0")).toBe(`${new URL(url).pathname}/tree\n`);
    await nfs("chown", "-R", "1234:567", `${url}/tree`);
    for (const name of ["tree", "tree/file", "tree/inner", "tree/inner/script", "tree/link"]) {
      const { uid, gid } = await lstat(join(directory, name));
      expect([uid, gid]).toEqual([1234, 567]);
    }
    expect(await nfs("stat", `${url}/tree/file`)).toMatch(/owner {5}1234\ngroup {5}567\n/);
  });

  test("counts bytes and files in each directory, and finds names", async () => {
    await mkdir(join(directory, "a/b"), { recursive: true });
    await writeFile(join(directory, "a/one.txt"), "12345");
    await writeFile(join(directory, "a/b/two.txt"), "123");
    await writeFile(join(directory, "a/b/three.log"), "");
    const path = new URL(url).pathname;
    const lines = (await nfs("du", url)).trimEnd().split("\n");
    expect(lines.map((line) => line.trim().split(/ +/)).sort()).toEqual([
      ["3", "2", `${path}/a/b`],
      ["8", "3", path],
      ["8", "3", `${path}/a`],
    ]);
    expect((await nfs("du", "-s", url)).trim().split(/ +/)).toEqual(["8", "3", path]);
    const found = (await nfs("find", url, "--name", "t*.txt")).trimEnd().split("\n");
    expect(found).toEqual([`${path}/a/b/two.txt`]);
    expect(await nfs("find", url, "--name", "t?o")).toBe("");
  });

  describe("tree-copy", () => {
    /** All below a directory, as it is stored. */
    async function contents(name: string): Promise<Record<string, unknown>> {
      const found: Record<string, unknown> = {};
      for (const entry of (await readdir(join(directory, name), { recursive: true })).sort()) {
        const path = join(directory, name, entry);
        const { mode, uid, gid, mtimeMs } = await lstat(path);
        const isLink = (mode & 0o170000) === 0o120000;
        const data = isLink
          ? await readlink(path)
          : (mode & 0o170000) === 0o100000
            ? await readFile(path, "latin1")
            : "";
        found[entry] = { data, mode: isLink ? 0 : mode, uid, gid, ...(isLink ? {} : { time: Math.round(mtimeMs) }) };
      }
      return found;
    }

    async function makeSource(): Promise<void> {
      await mkdir(join(directory, "from/inner/empty"), { recursive: true });
      for (let index = 0; index < 50; index++)
        await writeFile(join(directory, `from/inner/${index}`), "x".repeat(index));
      await writeFile(join(directory, "from/large"), Buffer.alloc(5_000_000, 7));
      await symlink("../elsewhere", join(directory, "from/link"));
      await chmod(join(directory, "from/large"), 0o640);
      if (isRoot) await chown(join(directory, "from/large"), 1234, 567);
      for (const name of ["large", "inner/empty", "inner"]) await utimes(join(directory, "from", name), 1e9, 1e9 + 0.5);
    }

    test("copies files, directories and links with owner, mode and time, and a second time nothing", async () => {
      await makeSource();
      await nfs("tree-copy", `${url}/from`, `${url}/new/to`);
      expect(await contents("new/to")).toEqual(await contents("from"));
      const again = JSON.parse(await nfs("tree-copy", "--json", `${url}/from`, `${url}/new/to`));
      expect(again).toMatchObject({
        directories: { copied: 0, kept: 3 },
        files: { copied: 0, kept: 51 },
        links: { copied: 0, kept: 1 },
        bytes: 0,
        failed: 0,
      });
      expect(await contents("new/to")).toEqual(await contents("from"));
    });

    test("goes on where it was cut off, and keeps what the source does not have", async () => {
      await makeSource();
      await nfs("tree-copy", `${url}/from`, `${url}/to`);
      for (const [name, data] of Object.entries({ "to/large": "half", "to/own": "own", "from/inner/7": "changed" })) {
        await run(["put", `${url}/${name}`], data);
      }
      const result = JSON.parse(await nfs("tree-copy", "--json", `${url}/from`, `${url}/to`));
      expect(result).toMatchObject({ files: { copied: 2, kept: 49 }, bytes: 5_000_007 });
      const { own, ...rest } = await contents("to");
      expect(own).toMatchObject({ data: "own" });
      expect(rest).toEqual(await contents("from"));
    });

    test("says what is in the way, copies the rest, and ends with 1", async () => {
      await makeSource();
      await mkdir(join(directory, "to/link"), { recursive: true });
      await writeFile(join(directory, "to/inner"), "a file");
      const { code, stdout, stderr } = await run(["tree-copy", `${url}/from`, `${url}/to`]);
      expect(code).toBe(1);
      expect(stdout).toContain("failed: 2");
      expect(stderr.trimEnd().split("\n").sort()).toEqual([
        expect.stringMatching(/from\/inner: There is a file at .*\/to\/inner already/),
        expect.stringMatching(/from\/link: There is a directory at .*\/to\/link already/),
      ]);
      expect((await lstat(join(directory, "to/large"))).size).toBe(5_000_000);
    });

    test("refuses to copy a directory into itself", async () => {
      await makeSource();
      for (const to of ["from", "from/inner/copy"]) {
        expect((await run(["tree-copy", `${url}/from`, `${url}/${to}`])).code).toBe(2);
      }
      const sameServer = url.replace(server.host, "localhost");
      expect(sameServer).not.toBe(url);
      expect((await run(["tree-copy", `${url}/from`, `${sameServer}/from/inner/copy`])).code).toBe(1);
      expect((await readdir(join(directory, "from/inner/copy"))).sort()).toEqual(["inner", "large", "link"]);
      expect(await readdir(join(directory, "from/inner/copy/inner"))).not.toContain("copy");
    });
  });
});
