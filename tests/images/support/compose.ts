/** `docker compose` without Docker: builds the images of compose.yaml, and runs its services. */
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Cleanups, startWith } from "../../../local/machine/cleanups.ts";
import { makeTemporaryDirectory } from "../../../local/machine/temporary-directory.ts";
import type { Command } from "../../support/programs.ts";
import { basesOf, provideBase } from "./bases.ts";
import { type Image, openBuildah } from "./buildah.ts";
import { type ComposeFile, readComposeFile, type Service } from "./compose-file.ts";
import { type Container, type Mount, makeVolume, startContainer } from "./runc.ts";

const NANOSECONDS = 1e6;
/** Milliseconds between two health checks of a container that starts. */
const CHECK_INTERVAL = 250;

export interface ComposeOptions {
  readonly compose: Command;
  readonly buildah: Command;
  readonly debootstrap: Command;
  readonly runc: Command;
  readonly tini: Command;
  /** Without it, the log router's image is built, but not run. */
  readonly fluentBit: Command | undefined;
}

interface BuiltImage extends Image {
  /** Bytes that it adds to its base. */
  readonly added: number;
}

interface HealthCheck {
  readonly command: readonly string[];
  /** Milliseconds for one check, and for the first one that passes. */
  readonly timeout: number;
  readonly deadline: number;
}

export interface Compose {
  readonly file: ComposeFile;
  image(service: string): BuiltImage;
  /** Starts a service, unless it runs, after those that it depends on; they have passed their health checks. */
  start(service: string): Promise<Container>;
  /** Waits until a service passes its health check. Rejects when Docker would call it unhealthy. */
  healthy(service: string): Promise<void>;
  close(): Promise<void>;
}

/** Builds all images. */
export function openCompose(options: ComposeOptions): Promise<Compose> {
  return startWith(async (cleanups) => {
    const file = await readComposeFile(options.compose);
    const directory = await makeTemporaryDirectory("compose-");
    cleanups.add(() => directory.remove());
    const images = await buildImages(file, options, cleanups);
    return composeOf(file, images, options, directory.path, cleanups);
  });
}

/** The images by their Dockerfiles. */
async function buildImages(
  { services }: ComposeFile,
  options: ComposeOptions,
  cleanups: Cleanups,
): Promise<Map<string, BuiltImage>> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "efs-mount-autoscaling", "images");
  const buildah = await openBuildah(options.buildah, join(cache, "builds"));
  cleanups.add(() => buildah.close());
  const bases = new Map<string, Image>();
  const images = new Map<string, BuiltImage>();
  for (const { build } of Object.values(services)) {
    const { context, dockerfile } = build;
    if (images.has(dockerfile)) continue;
    let base: Image | undefined;
    for (const name of await basesOf(dockerfile)) {
      if (!bases.has(name)) {
        await provideBase(name, { ...options, buildah, cache });
        bases.set(name, await buildah.open(name));
      }
      base = bases.get(name);
    }
    const name = `image-${images.size}`;
    await buildah.build({ name, context, dockerfile });
    const image = await buildah.open(name);
    images.set(dockerfile, { ...image, added: image.size - (base?.size ?? 0) });
  }
  return images;
}

function composeOf(
  file: ComposeFile,
  images: ReadonlyMap<string, BuiltImage>,
  { runc, tini, fluentBit }: ComposeOptions,
  directory: string,
  cleanups: Cleanups,
): Compose {
  const containers = new Map<string, Container>();
  const serviceOf = (name: string) => found(file.services[name], `service ${name}`);
  const imageOf = (name: string) => found(images.get(serviceOf(name).build.dockerfile), `image of ${name}`);

  async function start(name: string): Promise<Container> {
    const running = containers.get(name);
    if (running !== undefined) return running;
    const service = serviceOf(name);
    for (const other of Object.keys(service.depends_on)) {
      if (other === "log-router" && fluentBit === undefined) continue;
      await start(other);
      await healthy(other);
    }
    const network = service.network_mode?.slice("service:".length);
    const container = await startContainer(runc, {
      name: `${name}-${process.pid}`,
      bundle: join(directory, "bundles", name),
      image: imageOf(name),
      command: service.command ?? undefined,
      environment: service.environment,
      init: service.init ? tini : undefined,
      mounts: await mountsOf(name),
      tmpfs: service.tmpfs,
      network: network === undefined ? undefined : await start(network),
    });
    cleanups.add(() => container.stop(0));
    containers.set(name, container);
    return container;
  }

  async function healthy(name: string): Promise<void> {
    const container = found(containers.get(name), `container of ${name}`);
    const { command, timeout, deadline } = healthCheckOf(serviceOf(name), imageOf(name));
    const end = Date.now() + deadline;
    for (;;) {
      try {
        await container.exec(command, timeout);
        return;
      } catch (error) {
        const exit = await Promise.race([container.exited, sleep(CHECK_INTERVAL)]);
        if (exit === undefined && Date.now() < end) continue;
        throw new Error(`The service ${name} is not healthy:\n${container.output.join("\n")}`, { cause: error });
      }
    }
  }

  /** Its volumes, those that its image declares, and its configuration files. */
  async function mountsOf(name: string): Promise<Mount[]> {
    const { volumes, configs } = serviceOf(name);
    const image = imageOf(name);
    const anonymous = Object.keys(image.config.Volumes ?? {}).map((target) => ({ source: `${name}${target}`, target }));
    const mounts: Mount[] = [];
    for (const { source, target } of [...volumes, ...anonymous]) {
      const folder = join(directory, "volumes", source);
      await makeVolume(folder, image, target);
      mounts.push({ source: folder, target });
    }
    for (const { source, target } of configs) {
      mounts.push({ source: found(file.configs[source], `config ${source}`).file, target, readOnly: true });
    }
    return mounts;
  }

  return { file, image: imageOf, start, healthy, close: () => cleanups.run() };
}

function healthCheckOf({ healthcheck }: Service, { config }: Image): HealthCheck {
  if (healthcheck !== undefined) {
    const { test, timeout, interval, retries } = healthcheck;
    return { command: test.slice(1), timeout, deadline: interval * retries };
  }
  const { Test, Timeout, StartPeriod, Interval, Retries } = found(config.Healthcheck, "health check");
  return {
    command: Test.slice(1),
    timeout: Timeout / NANOSECONDS,
    deadline: (StartPeriod + Interval * Retries) / NANOSECONDS,
  };
}

function found<Value>(value: Value | null | undefined, what: string): Value {
  if (value === null || value === undefined) throw new Error(`There is no ${what}`);
  return value;
}
