/** Builds images without a Docker engine: Debian's buildah, whose steps run in a chroot. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { makeTemporaryDirectory } from "../../../local/machine/temporary-directory.ts";
import type { Command } from "../../support/programs.ts";

const run = promisify(execFile);

const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

export interface BuildOptions {
  readonly name: string;
  /** The folder that is sent to the build. */
  readonly context: string;
  readonly dockerfile: string;
}

const texts = z.array(z.string()).nullish();

const inspectionSchema = z.object({
  Docker: z.object({
    config: z.object({
      User: z.string(),
      Env: z.array(z.string()),
      Entrypoint: texts,
      Cmd: texts,
      WorkingDir: z.string(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
      Healthcheck: z
        .object({
          Test: z.tuple([z.literal("CMD")], z.string()),
          /** In nanoseconds, as the next two. */
          Interval: z.number(),
          Timeout: z.number(),
          StartPeriod: z.number().default(0),
          Retries: z.number().default(3),
        })
        .nullish(),
    }),
  }),
});

/** What Docker would show as the image's `Config`. */
export type ImageConfig = z.infer<typeof inspectionSchema>["Docker"]["config"];

export interface Image {
  readonly config: ImageConfig;
  /** Its files, on this machine. */
  readonly root: string;
  /** Bytes of all files. */
  readonly size: number;
}

export interface Buildah {
  /** Builds an image, from base images that are here already. */
  build(options: BuildOptions): Promise<void>;
  /** @throws when there is no such image. */
  open(name: string): Promise<Image>;
  /** Writes an image, with its name, to one file. */
  save(name: string, file: string): Promise<void>;
  load(file: string): Promise<void>;
  /** Removes all images. */
  close(): Promise<void>;
}

/** @param cache the folder for what RUN steps keep from one build to the next. */
export async function openBuildah([buildah]: Command, cache: string): Promise<Buildah> {
  await mkdir(cache, { recursive: true });
  const storage = await makeTemporaryDirectory("images-");
  const volumes = (await npmConfiguration()).flatMap((volume) => ["--volume", volume]);

  async function call(...parameters: string[]): Promise<string> {
    const global = ["--root", join(storage.path, "root"), "--runroot", join(storage.path, "run")];
    const { stdout } = await run(buildah, [...global, ...parameters], {
      env: { ...process.env, BUILDAH_ISOLATION: "chroot", STORAGE_DRIVER: "vfs", TMPDIR: cache },
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    return stdout.trim();
  }

  return {
    build: async ({ name, context, dockerfile }) => {
      const ignored = `${dockerfile}.dockerignore`;
      await call(
        "build",
        ...["--format", "docker", "--pull-never", "--network", "host", "--tag", name, "--file", dockerfile],
        ...(existsSync(ignored) ? ["--ignorefile", ignored] : []),
        ...volumes,
        context,
      );
    },
    open: async (name) => {
      const { Docker } = inspectionSchema.parse(JSON.parse(await call("inspect", "--type", "image", name)));
      const root = await call("mount", await call("from", "--pull-never", name));
      const { stdout } = await run("du", ["--summarize", "--bytes", root]);
      return { config: Docker.config, root, size: Number.parseInt(stdout, 10) };
    },
    save: async (name, file) => {
      await call("push", name, `docker-archive:${file}:${name}`);
    },
    load: async (file) => {
      await call("pull", `docker-archive:${file}`);
    },
    close: async () => {
      await call("umount", "--all");
      await storage.remove();
    },
  };
}

/** What this machine's npm needs to reach its registry, as volumes for the build: it is no part of an image. */
async function npmConfiguration(): Promise<string[]> {
  const { stdout } = await run("npm", ["config", "list", "--long", "--json"]);
  const { userconfig, globalconfig, cafile } = z
    .object({ userconfig: z.string(), globalconfig: z.string(), cafile: z.string().nullable() })
    .parse(JSON.parse(stdout));
  const places: readonly (readonly [string | null, string])[] = [
    [userconfig, "/root/.npmrc"],
    [globalconfig, "/usr/local/etc/npmrc"],
    [cafile, cafile ?? ""],
  ];
  return places.flatMap(([file, place]) => (file !== null && existsSync(file) ? [`${file}:${place}:ro`] : []));
}
