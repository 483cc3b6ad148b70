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
  for (const name of await readdir(ROOT)) {
    if (/^Pulumi\..+\.yaml$/.test(name)) await copyFile(join(ROOT, name), join(folder, name));
    else if (!name.startsWith(".")) await symlink(join(ROOT, name), join(folder, name));
  }
  for (const name of STAND_INS) await writeStandIn(join(plugins, `pulumi-resource-${name}`));
  return {
    folder,
    backend: `file://${backend}`,
    home,
    plugins,
    [Symbol.asyncDispose]: () => rm(temporary, { recursive: true, force: true }),
  };
}

async function writeStandIn(path: string): Promise<void> {
  const tsx = import.meta.resolve("tsx");
  const provider = fileURLToPath(import.meta.resolve("./provider.ts"));
  await writeFile(path, `#!/bin/sh\nexec "${process.execPath}" --import "${tsx}" "${provider}" "$@"\n`);
  await chmod(path, 0o755);
}
