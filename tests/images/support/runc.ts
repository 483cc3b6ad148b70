/** Runs the files of an image as Docker and Fargate do: runc, the runtime under both, without their engines. */
import { execFile } from "node:child_process";
import { chown, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { z } from "zod";
import { type Exit, startProcess } from "../../../local/machine/process.ts";
import type { Command } from "../../support/programs.ts";
import type { Image } from "./buildah.ts";

const run = promisify(execFile);

const START_TIMEOUT = 10_000;

export interface ContainerOptions {
  /** On this machine at one time, only one container may have it. */
  readonly name: string;
  /** The folder to make for runc's own files. */
  readonly bundle: string;
  readonly image: Image;
  /** In place of the image's own. */
  readonly command?: readonly string[] | undefined;
  /** Besides the image's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** A small init as process 1, which starts the command and passes signals on. */
  readonly init?: Command | undefined;
  /** What the container may write to, and single files that it may read: folders and files of this machine. */
  readonly mounts: readonly Mount[];
  /** Folders in memory that it may write to. */
  readonly tmpfs: readonly string[];
  /** Whose network it shares; it has one of its own where undefined, in which there is nothing but loopback. */
  readonly network?: Container | undefined;
}

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly?: boolean;
}

export interface Container {
  /** Of its process 1, on this machine. */
  readonly pid: number;
  /** What it printed. */
  readonly output: readonly string[];
  readonly exited: Promise<Exit>;
  /** Runs a command in it, as `docker exec` does. Rejects when that fails, or takes longer than `timeout` ms. */
  exec(command: readonly string[], timeout?: number): Promise<string>;
  /** SIGTERM, then SIGKILL after `timeout` milliseconds. */
  stop(timeout: number): Promise<Exit>;
}

/**
 * Starts a container: root is read-only, and no process in it has a capability or can gain one.
 *
 * @throws {Error} with what it printed, if it does not start.
 */
export async function startContainer([runc]: Command, options: ContainerOptions): Promise<Container> {
  const { name, bundle } = options;
  const hosts = join(bundle, "hosts");
  await mkdir(bundle, { recursive: true });
  await writeFile(hosts, "127.0.0.1 localhost\n");
  await writeFile(join(bundle, "config.json"), JSON.stringify(specification(options, hosts)));
  const state = ["--root", join(bundle, "state")];
  const output: string[] = [];
  const child = startProcess([runc, ...state, "run", "--bundle", bundle, name], {
    env: { PATH: process.env.PATH ?? "" },
    onLine: (line) => output.push(line),
  });
  const exited = child.exited.then(async (exit) => {
    await run(runc, [...state, "delete", "--force", name]).catch(() => {});
    return exit;
  });
  const pid = await pidOf(() => run(runc, [...state, "state", name]));
  if (pid === undefined) {
    const { code } = await child.stop(0);
    throw new Error(`The container ${name} did not start (exit status ${code}):\n${output.join("\n")}`);
  }
  // Process 1 takes all others of the container with it.
  const kill = () => process.kill(pid, "SIGKILL");
  process.on("exit", kill);
  void exited.then(() => process.off("exit", kill));
  return {
    pid,
    output,
    exited,
    exec: async (command, timeout = 30_000) => {
      const { stdout } = await run(runc, [...state, "exec", name, ...command], { timeout });
      return stdout;
    },
    stop: async (timeout) => {
      await child.stop(timeout);
      return exited;
    },
  };
}

/** The folder of a volume, which has the owner that the image's folder there has, as a new volume of Docker does. */
export async function makeVolume(folder: string, { root }: Image, target: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const owner = await stat(join(root, target)).catch(() => undefined);
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
}

/** `config.json` of the OCI runtime specification. */
function specification(options: ContainerOptions, hosts: string): object {
  const { config, root } = options.image;
  const [uid, gid] = numericUser(config.User || "0:0");
  const args = [...(config.Entrypoint ?? []), ...(options.command ?? config.Cmd ?? [])];
  const init = "/sbin/docker-init";
  const bind = ({ source, target, readOnly = false }: Mount) => ({
    destination: target,
    type: "bind",
    source,
    options: ["bind", readOnly ? "ro" : "rw", "nosuid", "nodev"],
  });
  const none: string[] = [];
  return {
    ociVersion: "1.0.2",
    hostname: options.name,
    process: {
      user: { uid, gid },
      args: options.init === undefined ? args : [init, "--", ...args],
      env: [...config.Env, ...Object.entries(options.environment).map(([name, value]) => `${name}=${value}`)],
      cwd: config.WorkingDir || "/",
      noNewPrivileges: true,
      capabilities: { bounding: none, effective: none, inheritable: none, permitted: none, ambient: none },
    },
    root: { path: root, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777"] },
      ...options.tmpfs.map((destination) => ({
        destination,
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "noexec", "nodev", "mode=1777"],
      })),
      ...[...options.mounts, { source: hosts, target: "/etc/hosts", readOnly: true }].map(bind),
      ...(options.init === undefined ? [] : [bind({ source: options.init[0], target: init, readOnly: true })]),
    ],
    linux: {
      namespaces: [
        ...["pid", "mount", "ipc", "uts"].map((type) => ({ type })),
        { type: "network", ...(options.network && { path: `/proc/${options.network.pid}/ns/net` }) },
      ],
    },
  };
}

/** Names would have to be looked up in the image; ECS and Kubernetes prefer numbers, too. */
function numericUser(user: string): [uid: number, gid: number] {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(user) ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`The user ${user} is not of the form 1000:1000`);
  return [Number(uid), Number(gid)];
}

/** The process id of a container once it runs; undefined when it does not in time. */
async function pidOf(state: () => Promise<{ stdout: string }>): Promise<number | undefined> {
  const schema = z.object({ status: z.string(), pid: z.number() });
  const deadline = Date.now() + START_TIMEOUT;
  while (Date.now() < deadline) {
    const answer = await state().catch(() => undefined);
    const { status, pid } = schema.parse(JSON.parse(answer?.stdout ?? '{"status":"absent","pid":0}'));
    if (status === "running") return pid;
    await sleep(50);
  }
  return undefined;
}
