/** One file system behind three mount targets: local NFS servers, in a process of their own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dialect } from "@efs-mount-autoscaling/nfs-server";
import { SUBNETS } from "../../local/account.ts";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { startMountTargetServers } from "../../local/mount-targets/servers.ts";

export interface MountTargets {
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Where clients find the exported directory. */
  readonly root: string;
  /** Ends one and starts it again. */
  restart(index: number): Promise<void>;
  stop(): Promise<void>;
}

export interface LocalMountTargets extends MountTargets {
  /** One of them answers nothing for so many milliseconds from now; all of them where none is named. */
  stall(milliseconds: number, index?: number): Promise<void>;
  changeDialect(changes: Partial<Dialect>, index?: number): Promise<void>;
}

/** Three servers that know of each other's clients and locks, as far as the dialect does not say otherwise. */
export async function startLocalTargets(dialect: Partial<Dialect> = {}): Promise<LocalMountTargets> {
  const directory = await mkdtemp(join(tmpdir(), "failover-"));
  const hosts = SUBNETS.map(({ addresses: [host = ""] }) => host);
  const port = await findCommonPort(hosts);
  const servers = startMountTargetServers({ directory, port, dialect }, () => {});
  for (const host of hosts) await servers.start(host);
  const hostAt = (index: number | undefined) => (index === undefined ? undefined : (hosts[index] ?? ""));
  return {
    addresses: hosts.map((host) => ({ host, port })),
    root: "",
    async restart(index) {
      const host = hosts[index] ?? "";
      await servers.stop(host);
      await servers.start(host);
    },
    stall: (milliseconds, index) => servers.stall(milliseconds, hostAt(index)),
    changeDialect: (changes, index) => servers.changeDialect(changes, hostAt(index)),
    async stop() {
      await servers.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
