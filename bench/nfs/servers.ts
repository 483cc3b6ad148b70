/** The NFS servers that clients are measured against. */
import { accessSync, constants } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import type { MountTargetSettings } from "../../local/mount-targets/messages.ts";
import { startMountTargetServers } from "../../local/mount-targets/servers.ts";
import { GaneshaServer, ganesha } from "../../tests/support/ganesha.ts";
import type { Bench } from "../row.ts";
import type { ServerTls } from "./tls.ts";

/** A directory on a server, as clients reach it and as this machine sees it. */
export interface Exported {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly directory: string;
  /** Plain text when absent. */
  readonly tls?: ServerTls;
}

const MEMORY = "/dev/shm";

/**
 * nfs-ganesha over files in memory, so that no disk has a part in what is measured.
 *
 * @returns undefined when it is not installed, which is noted.
 */
export async function startGanesha({ cleanups, note }: Bench): Promise<Exported | undefined> {
  const command = ganesha.find();
  if (command === undefined) {
    note(`Nothing is measured: ${ganesha.name} is missing (${ganesha.howToGet}).`);
    return undefined;
  }
  const server = await GaneshaServer.start(command, memoryDirectory());
  cleanups.add(() => server.stop());
  return { host: server.host, port: server.port, path: server.root, directory: server.directory };
}

/** The NFS server of local runs, in a process of its own: for what any server shows. */
export async function startLocalServer(
  { cleanups, note }: Bench,
  settings: Pick<MountTargetSettings, "profile" | "dialect"> = {},
): Promise<Exported> {
  const host = "127.0.0.1";
  const port = await findCommonPort([host]);
  const directory = await makeTemporaryDirectory("bench-nfs-");
  cleanups.add(() => directory.remove());
  const servers = startMountTargetServers({ ...settings, directory: directory.path, port }, ({ text }) => note(text));
  cleanups.add(() => servers.close());
  await servers.start(host);
  return { host, port, path: "", directory: directory.path };
}

/** A new directory in an exported one. */
export async function makeDirectoryIn(parent: Exported, name: string): Promise<Exported> {
  const directory = join(parent.directory, name);
  await mkdir(directory);
  return { ...parent, path: `${parent.path}/${name}`, directory };
}

function memoryDirectory(): string {
  try {
    accessSync(MEMORY, constants.W_OK);
    return MEMORY;
  } catch {
    return tmpdir();
  }
}
