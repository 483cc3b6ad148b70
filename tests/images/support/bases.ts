/**
 * Stand-ins for the images that ours are built on, where no registry of images can be reached: this machine's own
 * distribution, and in it what ours need of the real ones. They stay in the user's cache for a month.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeTemporaryDirectory } from "../../../local/machine/temporary-directory.ts";
import type { Command } from "../../support/programs.ts";
import type { Buildah } from "./buildah.ts";

const run = promisify(execFile);

const MAX_AGE = 30 * 24 * 60 * 60 * 1000;

export interface BaseOptions {
  readonly buildah: Buildah;
  readonly debootstrap: Command;
  /** What the base of the log router has; none where undefined. */
  readonly fluentBit: Command | undefined;
  readonly cache: string;
}

interface Base {
  readonly dockerfile: string;
  /** Tells bases of the same Dockerfile apart. */
  readonly variant: string;
  /** Adds to the build's context what the Dockerfile copies, besides `debian.tar`. */
  prepare(context: string): Promise<void>;
}

/** The images that the stages of a Dockerfile begin with; the last one is the base of its own image. */
export async function basesOf(dockerfile: string): Promise<string[]> {
  const stages = (await readFile(dockerfile, "utf8")).matchAll(/^FROM (?:--\S+ )*(\S+)/gm);
  return [...stages].map(([, name = ""]) => name);
}

/**
 * Provides what stands in for a base image.
 *
 * @throws when nothing does.
 */
export async function provideBase(name: string, options: BaseOptions): Promise<void> {
  const { dockerfile, variant, prepare } = await baseOf(name, options);
  const inputs = `${name} ${variant} ${await readFile(dockerfile, "utf8")}`;
  const archive = await cached(options.cache, basename(dockerfile, ".Dockerfile"), inputs, async (file) => {
    const debian = await cached(options.cache, "debian", "", (file) => makeDebian(options.debootstrap, file));
    const context = await makeTemporaryDirectory("base-");
    try {
      await copyFile(debian, join(context.path, "debian.tar"));
      await prepare(context.path);
      await options.buildah.build({ name, context: context.path, dockerfile });
      await options.buildah.save(name, file);
    } finally {
      await context.remove();
    }
  });
  await options.buildah.load(archive);
}

/**
 * The path of a file in the cache, which is made unless it is there, of the same inputs, and not too old. It takes the
 * place of the file of this name that was made of other inputs.
 */
async function cached(
  cache: string,
  name: string,
  inputs: string,
  make: (file: string) => Promise<void>,
): Promise<string> {
  const key = createHash("sha256").update(`${process.arch} ${inputs}`).digest("hex").slice(0, 16);
  const file = join(cache, `${name}-${key}.tar`);
  if (existsSync(file) && Date.now() - (await stat(file)).mtimeMs < MAX_AGE) return file;
  for (const other of await readdir(cache)) {
    if (other.startsWith(`${name}-`)) await rm(join(cache, other));
  }
  const unfinished = `${file}.unfinished`;
  await make(unfinished);
  await rename(unfinished, file);
  return file;
}

async function baseOf(name: string, { fluentBit }: BaseOptions): Promise<Base> {
  const dockerfile = (file: string) => fileURLToPath(new URL(`../bases/${file}.Dockerfile`, import.meta.url));
  const [, nodeVersion] = /^node:(\d+)-slim$/.exec(name) ?? [];
  if (nodeVersion !== undefined) {
    return {
      dockerfile: dockerfile("node"),
      variant: "",
      prepare: (context) => copyNode(nodeVersion, context),
    };
  }
  if (name.startsWith("public.ecr.aws/aws-observability/aws-for-fluent-bit:")) {
    return {
      dockerfile: dockerfile("aws-for-fluent-bit"),
      variant: fluentBit === undefined ? "" : String((await stat(fluentBit[0])).mtimeMs),
      prepare: (context) => copyFluentBit(fluentBit, context),
    };
  }
  throw new Error(`Nothing stands in for the base image ${name}`);
}

/** The smallest system that this machine's distribution has, from the mirror that apt is set to. */
async function makeDebian([debootstrap]: Command, file: string): Promise<void> {
  const [, suite] = /^VERSION_CODENAME=(.+)$/m.exec(await readFile("/etc/os-release", "utf8")) ?? [];
  const { stdout } = await run("apt-get", [
    ...["indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Identifier: Packages"],
  ]);
  const [, mirror] = new RegExp(`^${suite} main (.+)$`, "m").exec(stdout) ?? [];
  if (suite === undefined || mirror === undefined) throw new Error(`apt has no mirror of ${suite}: apt-get update`);
  const directory = await makeTemporaryDirectory("debian-");
  try {
    await run(debootstrap, ["--variant=minbase", suite, directory.path, mirror], { maxBuffer: 64 * 2 ** 20 });
    await run("tar", ["--create", "--file", file, "--directory", directory.path, "."]);
  } finally {
    await directory.remove();
  }
}

/** Node.js as npm's packages for this processor have it. */
async function copyNode(version: string, context: string): Promise<void> {
  const architecture = `node-linux-${process.arch}`;
  const prefix = join(context, "prefix");
  await run("npm", [
    ...["install", "--global", "--prefix", prefix, "--ignore-scripts", "--no-audit", "--no-fund"],
    ...[`${architecture}@${version}`, "npm@11"],
  ]);
  const modules = join(prefix, "lib/node_modules");
  await copyFile(join(modules, architecture, "bin/node"), join(context, "node"));
  await rename(join(modules, "npm"), join(context, "npm"));
}

async function copyFluentBit(fluentBit: Command | undefined, context: string): Promise<void> {
  const programs = join(context, "fluent-bit/bin");
  const libraries = join(context, "libraries");
  await mkdir(programs, { recursive: true });
  await mkdir(libraries);
  if (fluentBit === undefined) return;
  await copyFile(fluentBit[0], join(programs, "fluent-bit"));
  const { stdout } = await run("ldd", fluentBit);
  for (const [, library = ""] of stdout.matchAll(/=> (\/\S+)/g)) {
    // The base's loader goes with the base's own C library.
    const isOfC = /\/lib(?:c|m|dl|rt|pthread|resolv)\.so/.test(library);
    if (!isOfC) await copyFile(library, join(libraries, basename(library)));
  }
}
