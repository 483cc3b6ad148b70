/** The package as its users get it: packed, installed into an empty folder, and run by Node.js alone. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const PACKAGE = resolve("packages/nfs-client");
const EXAMPLES: Readonly<Record<string, string>> = {
  "read-and-write": "12 bytes: Hello, NFS!\nhello.txt is a file\n",
  streams: "read 8388608 bytes\n",
  append: "20 lines\n",
  conditions: "counted to 5\n",
  diagnostics: "SAVEFH OPEN WRITE VERIFY GETATTR CLOSE RESTOREFH RENAME LOOKUP GETATTR: NFS4_OK",
};

const run = promisify(execFile);

/** What the README shows as code, in its order. */
async function codeOfReadme(): Promise<string[]> {
  const readme = await readFile(join(PACKAGE, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf("## Five examples"), readme.indexOf("## Connecting"));
  return [...section.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
}

describe("the packed package, installed into an empty folder", () => {
  let folder: string;
  let exported: string;
  let server: NfsServer;
  let code: ReadonlyMap<string, string>;

  /** As a user runs it: without the loaders and settings of this test run. */
  const inFolder = (command: string, ...args: string[]) => {
    const { NODE_OPTIONS: _, ...environment } = process.env;
    const env = { ...environment, NFS_HOST: server.host, NFS_PORT: String(server.port) };
    return run(command, args, { cwd: folder, env });
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "nfs-client-package-"));
    exported = await mkdtemp(join(tmpdir(), "nfs-client-export-"));
    server = await startNfsServer({ directory: exported, durable: false });
    code = new Map((await codeOfReadme()).map((each, index) => [Object.keys(EXAMPLES)[index] ?? "", each]));
    await run("npm", ["pack", "--pack-destination", folder], { cwd: PACKAGE });
    const [archive = ""] = await readdir(folder);
    await writeFile(join(folder, "package.json"), '{ "private": true }');
    await inFolder("npm", "install", "--offline", "--no-audit", "--no-fund", `./${archive}`);
  });

  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true, force: true });
    await rm(exported, { recursive: true, force: true });
  });

  test("brings nothing with it, and says what it is", async () => {
    const modules = join(folder, "node_modules");
    expect((await readdir(modules)).filter((name) => !name.startsWith("."))).toEqual(["nfs-client"]);
    const files = await readdir(join(modules, "nfs-client"));
    expect(files.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "dist", "package.json", "src"]);
  });

  test.each(Object.entries(EXAMPLES))("runs the README's example %s", async (name, output) => {
    const example = code.get(name);
    expect(example).toBe(await readFile(join(PACKAGE, `examples/${name}.ts`), "utf8"));
    const file = join(folder, `${name}.mjs`);
    await writeFile(file, example ?? "");
    const { stdout, stderr } = await inFolder(process.execPath, file);
    expect(stderr).toBe("");
    expect(stdout).toContain(output);
  });

  test("has types that a strict program compiles with", async () => {
    const sources = join(folder, "typed");
    await mkdir(sources);
    await writeFile(join(sources, "package.json"), '{ "type": "module" }');
    for (const [name, each] of code) await writeFile(join(sources, `${name}.ts`), each);
    const wire = 'import { encodeCompound, putRootFileHandle, getAttributes } from "nfs-client/wire";\n';
    const call =
      'encodeCompound(1, { machineName: "", uid: 0, gid: 0, gids: [] }, [putRootFileHandle, getAttributes()]);';
    await writeFile(join(sources, "wire.ts"), `${wire}export const message: Buffer[] = ${call}\n`);
    const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
    const node = ["--module", "nodenext", "--target", "es2023", "--typeRoots", resolve("node_modules/@types")];
    const files = (await readdir(sources)).filter((name) => name.endsWith(".ts")).map((name) => join(sources, name));
    const { stdout } = await inFolder(
      process.execPath,
      resolve("node_modules/typescript/bin/tsc"),
      ...strict,
      ...node,
      ...files,
    );
    expect(stdout).toBe("");
  });

  test("can be required", async () => {
    const script = 'const { connectNfs } = require("nfs-client"); console.log(typeof connectNfs)';
    expect((await inFolder(process.execPath, "--no-warnings", "--eval", script)).stdout).toBe("function\n");
  });

  test("has a command line", async () => {
    const nfs = join(folder, "node_modules/.bin/nfs");
    const url = `nfs://${server.host}:${server.port}/command-line`;
    const source = join(folder, "package.json");
    await inFolder(nfs, "put", `${url}/file`, source);
    expect((await inFolder(nfs, "cat", `${url}/file`)).stdout).toBe(await readFile(source, "utf8"));
    expect((await inFolder(nfs, "ls", url)).stdout).toBe("file\n");
    await expect(inFolder(nfs, "cat", `${url}/missing`)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("NFS4ERR_NOENT"),
    });
    await expect(inFolder(nfs, "fly", url)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`There is no command "fly"`),
    });
  });
});
