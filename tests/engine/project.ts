import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(import.meta.dirname, "../..");

/** The packages whose providers are played by the stand-in. */
const STAND_INS = ["aws", "docker-build"];

/** A temporary folder with the project in it, an empty backend, and the stand-in providers. */
export interface Project extends AsyncDisposable {
  readonly folder: string;
  readonly backend: string;
  readonly home: string;
  /** For the PATH: providers by the names that the engine looks for. */
  readonly plugins: string;
}

/** Links the checkout into a temporary folder; only the stack's settings, which the engine rewrites, are copies. */
export async function makeProject(): Promise<Project> {
  const temporary = await mkdtemp(join(tmpdir(), "efs-mount-autoscaling-engine-"));
  const [folder, backend, home, plugins] = ["project", "backend", "home", "plugins"].map((name) =>
    join(temporary, name),
  ) as [string, string, string, string];
  await Promise.all([folder, backend, home, plugins].map((path) => mkdir(path)));
  // The program makes `dist`, which a new checkout does not have yet.
  for (const name of new Set([...(await readdir(ROOT)), "dist"])) {
    if (/^Pulumi\..+\.yaml$/.test(name)) await copyFile(join(ROOT, name), join(folder, name));
    else if (!name.startsWith(".")) await symlink(join(ROOT, name), join(folder, name));
  }
  for (const name of STAND_INS) await writeStandIn(join(plugins, `pulumi-resource-${name}`));
  await writeProgram(
    join(plugins, "pulumi-resource-pulumi-nodejs"),
    fileURLToPath(import.meta.resolve("@pulumi/pulumi/cmd/dynamic-provider/index.js")),
  );
  return {
    folder,
    backend: `file://${backend}`,
    home,
    plugins,
    [Symbol.asyncDispose]: () => rm(temporary, { recursive: true, force: true }),
  };
}

function writeStandIn(path: string): Promise<void> {
  const provider = fileURLToPath(import.meta.resolve("./provider.ts"));
  return writeProgram(path, "--import", import.meta.resolve("tsx"), provider);
}

/** Writes a command that starts Node with these arguments, and then the command's own. */
async function writeProgram(path: string, ...nodeArguments: readonly string[]): Promise<void> {
  const words = [process.execPath, ...nodeArguments].map((word) => `"${word}"`);
  await writeFile(path, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  await chmod(path, 0o755);
}
