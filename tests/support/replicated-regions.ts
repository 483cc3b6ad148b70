/** Two local regions that can replicate to each other, without mount targets and routers. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EFSClient } from "@aws-sdk/client-efs";
import { createAccount, type Location, OSAKA, TOKYO } from "../../local/account.ts";
import { readSavedAccount, saveAccount } from "../../local/control-plane/saved-account.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane/server.ts";
import type { FileSystem } from "../../local/control-plane/state.ts";
import type { Cleanups } from "../../local/machine/cleanups.ts";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { proposeTo, startReplication } from "../../local/replication/replication.ts";
import { clients } from "./aws-clients.ts";

export interface ReplicatedRegion {
  readonly efs: EFSClient;
  readonly controlPlane: ControlPlane;
  /** The files of the stack's file system. */
  readonly files: string;
  /** The file systems that the mount targets were last told of. */
  readonly readOnly: Map<string, boolean>;
  readonly errors: unknown[];
  stop(): Promise<void>;
}

export interface ReplicatedRegions {
  readonly tokyo: ReplicatedRegion;
  readonly osaka: ReplicatedRegion;
  start(location: Location, change?: Partial<FileSystem>): Promise<ReplicatedRegion>;
}

/** Starts both, with their file systems changed; undone by `cleanups`. */
export async function startReplicatedRegions(
  cleanups: Cleanups,
  change: { readonly tokyo?: Partial<FileSystem>; readonly osaka?: Partial<FileSystem> } = {},
): Promise<ReplicatedRegions> {
  const directory = await mkdtemp(join(tmpdir(), "replication-test-"));
  cleanups.add(() => rm(directory, { recursive: true }));
  const ports = {
    [TOKYO.region]: await findCommonPort(["127.0.0.1"]),
    [OSAKA.region]: await findCommonPort(["127.0.0.1"]),
  };
  const regions = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `http://127.0.0.1:${port}`]));

  async function start(location: Location, its: Partial<FileSystem> = {}): Promise<ReplicatedRegion> {
    const home = join(directory, location.region);
    const directoriesOf = (id: string) => ({ root: join(home, id), staging: join(home, `${id}.incomplete`) });
    await mkdir(directoriesOf(location.fileSystemId).root, { recursive: true });
    const account = createAccount(new Date("2025-01-01T00:00:00Z"), location);
    const errors: unknown[] = [];
    const controlPlane = await startControlPlane({
      state: {
        ...account,
        fileSystems: account.fileSystems.map((one) => ({ ...one, ...its })),
        ...readSavedAccount(join(home, "account.json")),
      },
      proposeReplication: (proposal) => proposeTo(regions, proposal),
      onError: (error) => errors.push(error),
    });
    saveAccount(controlPlane, join(home, "account.json"));
    const readOnly = new Map<string, boolean>();
    const replication = await startReplication({
      controlPlane,
      port: ports[location.region] ?? 0,
      regions,
      syncInterval: 100,
      deletionDelay: 0,
      directoriesOf,
      setReadOnly: async (id, value) => void readOnly.set(id, value),
      onError: (error) => errors.push(error),
    });
    let stopped = false;
    const stop = async () => {
      if (stopped) return;
      stopped = true;
      await replication.close();
      await controlPlane.close();
    };
    cleanups.add(stop);
    const files = directoriesOf(location.fileSystemId).root;
    return { efs: clients(controlPlane.url).efs, controlPlane, files, readOnly, errors, stop };
  }

  return {
    tokyo: await start(TOKYO, change.tokyo),
    osaka: await start(OSAKA, change.osaka),
    start,
  } satisfies ReplicatedRegions;
}
