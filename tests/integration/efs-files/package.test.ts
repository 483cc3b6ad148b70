/** The package as its users get it. */
import { readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { startEmbeddedFileSystem } from "../../support/embedded-files.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../support/memory-server.ts";
import { codeInReadme, installPacked, type PackedPackage, runExample } from "../../support/packed-package.ts";

const PACKAGE = resolve("packages/efs-files");
const EXAMPLES: Readonly<Record<string, string>> = {
  "read-and-write": "Hello, EFS!\nAnd again.\n\n23 [ 'hello.txt' ]\n",
  conditions: "counted to 5\n",
  streams: "read 1024 bytes\nlarge large.gz\n",
  many: "examples/missing: ENOENT\nread 2690 bytes\nlisted 100 files\n",
};

describe("the packed package, installed into an empty folder", () => {
  let packed: PackedPackage;
  let server: MemoryHttpServer;
  let code: ReadonlyMap<string, string>;

  beforeAll(async () => {
    server = await startMemoryServer();
    const examples = await codeInReadme(PACKAGE, "## Four examples", "## Connecting");
    code = new Map(examples.map((each, index) => [Object.keys(EXAMPLES)[index] ?? "", each]));
    const dependencies = [join(PACKAGE, "node_modules/undici"), "node_modules/zod"];
    packed = await installPacked(PACKAGE, { dependencies, environment: { ROUTER_URL: server.url } });
  });

  afterAll(async () => {
    await packed?.remove();
    await server?.close();
  });

  test("brings what it needs with it, and says what it is", async () => {
    const modules = join(packed.folder, "node_modules");
    const names = (await readdir(modules)).filter((name) => !name.startsWith("."));
    expect(names.sort()).toEqual(["efs-files", "undici", "zod"]);
    const files = await readdir(join(modules, "efs-files"));
    expect(files.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "dist", "package.json", "src"]);
  });

  test.each(Object.entries(EXAMPLES))("runs the README's example %s", async (name, output) => {
    expect(await runExample(packed, PACKAGE, name, code.get(name))).toBe(output);
  });

  test("has types that a strict program compiles with, without the AWS SDK", async () => {
    const [embedded = ""] = await codeInReadme(PACKAGE, "## Without a router", "## Methods");
    expect(await packed.compile(new Map([...code, ["embedded", embedded]]))).toBe("");
  });

  test("runs the README's example of files without a router, beside the AWS SDK", async () => {
    const fileSystem = await startEmbeddedFileSystem();
    onTestFinished(() => fileSystem.close());
    vi.stubEnv("NFS_TLS", "off");
    // What the SDK says of this Node is not what the package says.
    vi.stubEnv("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true");
    const [example] = await codeInReadme(PACKAGE, "## Without a router", "## Methods");
    await symlink(resolve("node_modules/@aws-sdk"), join(packed.folder, "node_modules/@aws-sdk"));
    const printed = await runExample(packed, PACKAGE, "embedded", example);
    expect(printed).toBe("Hello, EFS!\n\nfsmt-0 is connected\nfsmt-1 is connected\nfsmt-2 is connected\n");
  });

  test("can be required", async () => {
    const script = 'const { connectFiles } = require("efs-files"); console.log(typeof connectFiles)';
    expect((await packed.run(process.execPath, "--no-warnings", "--eval", script)).stdout).toBe("function\n");
  });

  test("runs what the project's README imports", async () => {
    const readme = await readFile("README.md", "utf8");
    const [, program = ""] = /--eval '\n( {2}import [^']*)'/.exec(readme) ?? [];
    const file = join(packed.folder, "import.mjs");
    await writeFile(file, program.replace("http://localhost:8000", server.url));
    expect((await packed.run(process.execPath, file)).stdout).toBe("Hello, EFS!\n");
  });
});
