/** `openFiles`: table, routing, failover, TLS and identity, inside the caller's own process. */
import { type MountTargetTlsSettings, mountTargetTls } from "@efs-mount-autoscaling/efs-tls";
import { clientKey } from "@efs-mount-autoscaling/efs-tls/client-key";
import {
  directoryPath,
  fileSystemOf,
  HotSpots,
  loadMountTable,
  MountTableRefresh,
  mountTableSources,
  type RankedMountTable,
  RoutedFiles,
  thisTask,
} from "@efs-mount-autoscaling/routed-files";
import { connectNfs, MemoryBudget, messageOf } from "nfs-client";
import { AbortError } from "../deadline.ts";
import { FileError } from "../errors.ts";
import type { Files } from "../files.ts";
import { FilesOver } from "../files-over.ts";
import { untilAborted } from "../until-aborted.ts";
import { fileErrorOf } from "./failures.ts";
import { operationsOver } from "./operations.ts";
import type { Log, OpenFilesOptions } from "./options.ts";
import { readSettings, type Settings } from "./settings.ts";

/** Files, and the mount targets that they are reached through. */
export interface EmbeddedFiles extends Files {
  /** Those of the mount table in use, as they are now. */
  readonly mountTargets: readonly MountTargetStatus[];
  /** The ids of the mount targets in the order in which an operation on the path would try them now. */
  routeOf(path: string): string[];
  /** Reads the mount table again, now. */
  reload(): void;
}

export interface MountTargetStatus {
  readonly id: string;
  readonly address: string;
  readonly availabilityZone: string;
  /** Only what is `connected` gets operations. */
  readonly state: "probing" | "connected" | "silent" | "failed";
  /** Why it is not connected. */
  readonly reason: string | undefined;
  /** It will be removed, and gets new operations only while no other one is connected. */
  readonly isRetiring: boolean;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** Of all requests: what is asked for so often is read from all mount targets, and once for all who wait for it. */
const HOT_SPOT_SHARE = 0.05;

const NEVER_ABORTED = new AbortController().signal;

const SILENT_LOG: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Opens the files of a file system through all of its mount targets. What is open keeps the process alive until it is
 * closed.
 *
 * @throws {FileError} `EINVAL` for options that cannot be, `ERR_UNAVAILABLE` where there is no mount table or no mount
 *   target can be reached in time, `ABORT_ERR`.
 */
export async function openFiles(options: OpenFilesOptions = {}): Promise<EmbeddedFiles> {
  const settings = readSettings(options, process.env);
  const { log = SILENT_LOG, signal = NEVER_ABORTED } = settings;
  try {
    signal.throwIfAborted();
    return await open(settings, log, signal);
  } catch (error) {
    throw signal.aborted ? new AbortError(signal.reason, undefined) : error;
  }
}

async function open(settings: Settings, log: Log, signal: AbortSignal): Promise<EmbeddedFiles> {
  // Making it takes longer than all else. Nothing ends that: it is over in a second, in a thread of its own.
  if (settings.iam || settings.accessPointId !== undefined) clientKey().catch(() => {});
  const sources = mountTableSources(settings);
  const known = Promise.all([
    loadTable(settings, sources, log, signal),
    settings.ownZone === undefined ? thisTask(settings.metadataUri, log, signal) : { zone: settings.ownZone },
  ]);
  const [{ current, tls }, { zone }] = await untilAborted(known, signal);
  const { connectTimeout, operationTimeout, detectionTimeout, drainTimeout, rootDirectory, connections } = settings;
  let isOpening = true;
  const files = await RoutedFiles.open(current.table, {
    connect: (target) => connectNfs({ ...target, tls, connections, ...(isOpening && { signal }) }),
    ...(settings.nfsPort !== undefined && { nfsPort: settings.nfsPort }),
    connectTimeout,
    operationTimeout,
    detectionTimeout,
    drainTimeout,
    rootDirectory,
    routing: { strategy: settings.routingStrategy, loadFactor: settings.loadFactor, ownZone: zone },
    memory: new MemoryBudget(settings.memory),
    hotSpots: new HotSpots({ share: HOT_SPOT_SHARE, log }),
    log,
  });
  try {
    await untilAborted(files.connected(settings.startTimeout), signal);
    isOpening = false;
  } catch (error) {
    await files.close();
    throw fileErrorOf(error, rootDirectory);
  }
  const refresh = new MountTableRefresh({
    sources,
    current,
    interval: settings.mountTableRefreshInterval,
    use: (table) => files.useTable(table),
    log,
  });
  return new RoutedFilesOver(files, refresh, settings.closeTimeout);
}

type Sources = ReturnType<typeof mountTableSources>;

/** The mount table, and how to connect to what it lists. */
async function loadTable(settings: Settings, sources: Sources, log: Log, signal: AbortSignal) {
  try {
    if (settings.tls === false) return { current: await loadMountTable(sources, log, signal), tls: undefined };
    if (settings.fileSystemId !== undefined) {
      const [current, tls] = await Promise.all([
        loadMountTable(sources, log, signal),
        mountTargetTls(tlsSettingsOf(settings, settings.fileSystemId)),
      ]);
      return { current, tls };
    }
    const current = await loadMountTable(sources, log, signal);
    const tls = await mountTargetTls(tlsSettingsOf(settings, await fileSystemIn(current, signal)));
    return { current, tls };
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new FileError("ERR_UNAVAILABLE", `The files cannot be opened: ${messageOf(cause)}`, { cause });
  }
}

async function fileSystemIn({ table }: RankedMountTable, signal: AbortSignal): Promise<string> {
  const [first] = table.mount_targets;
  if (first === undefined) throw new Error("the mount table is empty");
  return fileSystemOf(first.mount_target_id, signal);
}

function tlsSettingsOf({ tls, region, accessPointId, iam }: Settings, fileSystemId: string): MountTargetTlsSettings {
  const { serverName, certificateAuthorityFile } = tls || {};
  if (region === undefined && (iam || serverName === undefined)) {
    throw new FileError("EINVAL", "The files cannot be opened: region must be the file system's region, or AWS_REGION");
  }
  return {
    serverName: serverName ?? `${fileSystemId}.efs.${region}.amazonaws.com`,
    certificateAuthorityFile,
    fileSystemId,
    accessPointId,
    iamRegion: iam ? region : undefined,
  };
}

class RoutedFilesOver extends FilesOver implements EmbeddedFiles {
  readonly #files: RoutedFiles;
  readonly #refresh: MountTableRefresh;

  constructor(files: RoutedFiles, refresh: MountTableRefresh, closeTimeout: number) {
    super(operationsOver(files), { closeTimeout });
    this.#files = files;
    this.#refresh = refresh;
  }

  get mountTargets(): readonly MountTargetStatus[] {
    return this.#files.targets.map(({ id, mountTarget, state, reason, isRetiring, statistics }) => ({
      id,
      address: mountTarget.ip_address,
      availabilityZone: mountTarget.availability_zone,
      state,
      reason,
      isRetiring,
      bytesRead: statistics.bytesRead,
      bytesWritten: statistics.bytesWritten,
    }));
  }

  routeOf(path: string): string[] {
    try {
      return this.#files.rank(directoryPath(path)).map(({ id }) => id);
    } catch (error) {
      throw fileErrorOf(error, path);
    }
  }

  reload(): void {
    this.#refresh.now();
  }

  override close(): Promise<void> {
    this.#refresh.stop();
    return super.close();
  }
}
