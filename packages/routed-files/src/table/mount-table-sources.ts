/** Where a router gets its mount table from: the SSM parameter, or what stands in for it. */
import { type MountTable, parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { messageOf } from "nfs-client";
import { AWS_CLIENT_OPTIONS, AWS_REQUEST_TIMEOUT } from "../aws-client.ts";
import type { Log } from "../log.ts";
import { timeoutSignal } from "../timeout-signal.ts";

/** A place that may know the mount table. */
export interface MountTableSource {
  /** For log lines. */
  readonly name: string;
  readonly load: (signal?: AbortSignal) => Promise<MountTable>;
}

/** No source had a table with a mount target in it. */
export class NoMountTableError extends Error {
  override readonly name = "NoMountTableError";
}

/** A table, and the index of the source it is from: the lower, the better. */
export interface RankedMountTable {
  readonly table: MountTable;
  readonly rank: number;
}

/** Where the mount table can be. */
export interface MountTablePlaces {
  /** Of the SSM parameter. */
  readonly parameterName: string;
  readonly fileSystemId?: string | undefined;
  /** Used when neither of the two has one. */
  readonly defaultMountTable?: MountTable | undefined;
}

/** All that are named, best first. */
export function mountTableSources(places: MountTablePlaces): MountTableSource[] {
  const { parameterName, fileSystemId, defaultMountTable } = places;
  return [
    parameterSource(parameterName),
    ...(fileSystemId === undefined ? [] : [fileSystemSource(fileSystemId)]),
    ...(defaultMountTable === undefined ? [] : [fixedSource("DEFAULT_MOUNT_TARGETS", defaultMountTable)]),
  ];
}

/**
 * The first table that a source has. Each source that has none is an ERROR in the log.
 *
 * @throws {NoMountTableError} when none has one, and the reason of the signal.
 */
export async function loadMountTable(
  sources: readonly MountTableSource[],
  log: Log,
  signal?: AbortSignal,
): Promise<RankedMountTable> {
  for (const [rank, source] of sources.entries()) {
    const { name } = source;
    try {
      const table = await loadFrom(source, signal);
      log.info({ source: name, mountTargets: table.mount_targets.length }, `Using the mount table of ${name}`);
      return { table, rank };
    } catch (error) {
      signal?.throwIfAborted();
      log.error({ source: name, err: error }, `No mount table from ${name}: ${messageOf(error)}`);
    }
  }
  throw new NoMountTableError(`No mount table from ${sources.map(({ name }) => name).join(", nor from ")}`);
}

/** @throws {NoMountTableError} when the source's table is empty, and whatever the source throws. */
export async function loadFrom(source: MountTableSource, signal?: AbortSignal): Promise<MountTable> {
  const table = await source.load(signal);
  if (table.mount_targets.length === 0) throw new NoMountTableError("It lists no mount target");
  return table;
}

/** The document in the SSM parameter `name` (SSM, GetParameter). */
export function parameterSource(name: string): MountTableSource {
  const load = async (signal?: AbortSignal) => {
    const { GetParameterCommand, SSMClient } = await import("@aws-sdk/client-ssm");
    const ssm = new SSMClient(AWS_CLIENT_OPTIONS);
    try {
      const command = new GetParameterCommand({ Name: name, WithDecryption: true });
      const { Parameter } = await ssm.send(command, { abortSignal: timeoutSignal(AWS_REQUEST_TIMEOUT, signal) });
      return parseMountTable(Parameter?.Value ?? "");
    } finally {
      ssm.destroy();
    }
  };
  return { name: `the SSM parameter ${name}`, load };
}

/** The mount targets that the file system has and that are available (EFS, DescribeMountTargets). */
export function fileSystemSource(fileSystemId: string): MountTableSource {
  const load = async (signal?: AbortSignal) => {
    const { EFSClient, paginateDescribeMountTargets } = await import("@aws-sdk/client-efs");
    const client = new EFSClient(AWS_CLIENT_OPTIONS);
    try {
      const mountTargets: object[] = [];
      const input = { FileSystemId: fileSystemId };
      const pages = paginateDescribeMountTargets({ client }, input, {
        abortSignal: timeoutSignal(AWS_REQUEST_TIMEOUT, signal),
      });
      for await (const { MountTargets = [] } of pages) {
        for (const target of MountTargets) {
          if (target.LifeCycleState !== "available") continue;
          mountTargets.push({
            mount_target_id: target.MountTargetId,
            ip_address: target.IpAddress ?? target.Ipv6Address,
            availability_zone: target.AvailabilityZoneName,
            subnet_id: target.SubnetId,
          });
        }
      }
      return parseMountTable(JSON.stringify({ mount_targets: mountTargets }));
    } finally {
      client.destroy();
    }
  };
  return { name: `the mount targets of ${fileSystemId}`, load };
}

/** A table that is known from elsewhere. */
export function fixedSource(name: string, table: MountTable): MountTableSource {
  return { name, load: async () => table };
}

/** The id of the file system that a mount target is of (EFS, DescribeMountTargets). */
export async function fileSystemOf(mountTargetId: string, signal?: AbortSignal): Promise<string> {
  const { DescribeMountTargetsCommand, EFSClient } = await import("@aws-sdk/client-efs");
  const client = new EFSClient(AWS_CLIENT_OPTIONS);
  try {
    const command = new DescribeMountTargetsCommand({ MountTargetId: mountTargetId });
    const { MountTargets } = await client.send(command, { abortSignal: timeoutSignal(AWS_REQUEST_TIMEOUT, signal) });
    const fileSystemId = MountTargets?.[0]?.FileSystemId;
    if (fileSystemId === undefined) throw new Error(`EFS knows no mount target ${mountTargetId}`);
    return fileSystemId;
  } finally {
    client.destroy();
  }
}
