/** A package as its users get it: packed, and installed into an empty folder, where Node.js alone runs it. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";

const execute = promisify(execFile);

export interface PackedPackage {
  readonly folder: string;
  /** Runs a command in the folder, without the loaders and settings of this test run. */
  run(command: string, ...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** Compiles sources, as a strict program of a user has them. Resolves with what the compiler says. */
  compile(sources: ReadonlyMap<string, string>): Promise<string>;
  remove(): Promise<void>;
}

/**
 * @param dependencies The folders of what the package depends on, which come from this machine, and from no registry.
 * @param environment Of all commands.
 */
export async function installPacked(
  packageFolder: string,
  { dependencies = [], environment = {} }: { dependencies?: string[]; environment?: Record<string, string> } = {},
): Promise<PackedPackage> {
  const folder = await mkdtemp(join(tmpdir(), "packed-package-"));
  const run: PackedPackage["run"] = (command, ...args) => {
    const { NODE_OPTIONS: _, ...own } = process.env;
    return execute(command, args, { cwd: folder, env: { ...own, ...environment } });
  };
  await execute("npm", ["pack", "--pack-destination", folder], { cwd: packageFolder });
  for (const each of dependencies) await run("npm", "pack", "--ignore-scripts", resolve(each));
  const archives = await readdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true }');
  await run("npm", "install", "--offline", "--no-audit", "--no-fund", ...archives.map((name) => `./${name}`));
  return {
    folder,
    run,
    async compile(sources) {
      const typed = join(folder, "typed");
      await mkdir(typed, { recursive: true });
      await writeFile(join(typed, "package.json"), '{ "type": "module" }');
      const files = [...sources].map(([name, source]) => ({ file: join(typed, `${name}.ts`), source }));
      for (const { file, source } of files) await writeFile(file, source);
      const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
      const node = ["--module", "nodenext", "--target", "es2023", "--typeRoots", resolve("node_modules/@types")];
      const compiler = resolve("node_modules/typescript/bin/tsc");
      const { stdout } = await run(
        process.execPath,
        compiler,
        ...strict,
        ...node,
        ...files.map(({ file }) => file),
      ).catch((error: { stdout: string; stderr: string }) => error);
      return stdout;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What a README shows as JavaScript between two headings, in its order. */
export async function codeInReadme(packageFolder: string, from: string, to: string): Promise<string[]> {
  const readme = await readFile(join(packageFolder, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf(from), readme.indexOf(to));
  return [...section.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
}

/** Runs what a README shows, and expects that the package has it among its examples, and that it complains of nothing. */
export async function runExample(
  packed: PackedPackage,
  packageFolder: string,
  name: string,
  code: string | undefined,
): Promise<string> {
  expect(code).toBe(await readFile(join(packageFolder, `examples/${name}.ts`), "utf8"));
  const file = join(packed.folder, `${name}.mjs`);
  await writeFile(file, code ?? "");
  const { stdout, stderr } = await packed.run(process.execPath, file);
  expect(stderr).toBe("");
  return stdout;
}
