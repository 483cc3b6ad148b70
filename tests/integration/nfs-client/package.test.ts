/** The package as its users get it: packed, installed into an empty folder, and run by Node.js alone. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeInReadme, installPacked, type PackedPackage, runExample } from "../../support/packed-package.ts";

const PACKAGE = resolve("packages/nfs-client");
const EXAMPLES: Readonly<Record<string, string>> = {
  "read-and-write": "12 bytes: Hello, NFS!\nhello.txt is a file\n",
  streams: "read 8388608 bytes\n",
  append: "20 lines\n",
  conditions: "counted to 5\n",
  diagnostics: "SAVEFH OPEN WRITE VERIFY GETATTR CLOSE RESTOREFH RENAME LOOKUP GETATTR: NFS4_OK",
};

describe("the packed package, installed into an empty folder", () => {
  let packed: PackedPackage;
  let exported: string;
  let server: NfsServer;
  let code: ReadonlyMap<string, string>;

  beforeAll(async () => {
    exported = await mkdtemp(join(tmpdir(), "nfs-client-export-"));
    server = await startNfsServer({ directory: exported, durable: false });
    const examples = await codeInReadme(PACKAGE, "## Five examples", "## Connecting");
    code = new Map(examples.map((each, index) => [Object.keys(EXAMPLES)[index] ?? "", each]));
    const environment = { NFS_HOST: server.host, NFS_PORT: String(server.port) };
    packed = await installPacked(PACKAGE, { environment });
  });

  afterAll(async () => {
    await server?.close();
    await packed?.remove();
    await rm(exported, { recursive: true, force: true });
  });

  test("brings nothing with it, and says what it is", async () => {
    const modules = join(packed.folder, "node_modules");
    expect((await readdir(modules)).filter((name) => !name.startsWith("."))).toEqual(["nfs-client"]);
    const files = await readdir(join(modules, "nfs-client"));
    expect(files.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "dist", "package.json", "src"]);
  });

  test.each(Object.entries(EXAMPLES))("runs the README's example %s", async (name, output) => {
    expect(await runExample(packed, PACKAGE, name, code.get(name))).toContain(output);
  });

  test("has types that a strict program compiles with", async () => {
    const wire = 'import { encodeCompound, putRootFileHandle, getAttributes } from "nfs-client/wire";\n';
    const call =
      'encodeCompound(1, { machineName: "", uid: 0, gid: 0, gids: [] }, [putRootFileHandle, getAttributes()]);';
    const sources = new Map([...code, ["wire", `${wire}export const message: Buffer[] = ${call}\n`]]);
    expect(await packed.compile(sources)).toBe("");
  });

  test("can be required", async () => {
    const script = 'const { connectNfs } = require("nfs-client"); console.log(typeof connectNfs)';
    expect((await packed.run(process.execPath, "--no-warnings", "--eval", script)).stdout).toBe("function\n");
  });

  test("has a command line", async () => {
    const nfs = join(packed.folder, "node_modules/.bin/nfs");
    const url = `nfs://${server.host}:${server.port}/command-line`;
    const source = join(packed.folder, "package.json");
    await packed.run(nfs, "put", `${url}/file`, source);
    expect((await packed.run(nfs, "cat", `${url}/file`)).stdout).toBe(await readFile(source, "utf8"));
    expect((await packed.run(nfs, "ls", url)).stdout).toBe("file\n");
    await expect(packed.run(nfs, "cat", `${url}/missing`)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("NFS4ERR_NOENT"),
    });
    await expect(packed.run(nfs, "fly", url)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`There is no command "fly"`),
    });
  });
});
