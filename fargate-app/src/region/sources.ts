/** Where a router learns of its region's role, of the peer's, and of the replication between them. */
import { type Peer, parseRegionRole, type RegionRole } from "@efs-mount-autoscaling/mount-table";
import { AWS_CLIENT_OPTIONS } from "@efs-mount-autoscaling/routed-files/aws-client";
import type { Settings } from "../settings.ts";

/** The replication that the own file system is part of, as its region sees it. */
export interface Replication {
  /** The own file system is the source, and the replication is not being deleted. */
  readonly isSource: boolean;
  readonly isDestination: boolean;
  /** The destination has what was written before, in milliseconds since 1970; undefined before the first sync is over. */
  readonly replicatedUntil: number | undefined;
}

/** Each fails when the signal is aborted. */
export interface RegionSources {
  readonly role: (signal: AbortSignal) => Promise<RegionRole>;
  readonly peerRole: (peer: Peer, parameterName: string, signal: AbortSignal) => Promise<RegionRole>;
  readonly replication: (signal: AbortSignal) => Promise<Replication>;
}

/** AWS's own. They are named in the region's document. */
export function regionSources(parameterName: string, { fileSystemId }: Pick<Settings, "fileSystemId">): RegionSources {
  return {
    role: (abortSignal) => readRole(parameterName, {}, abortSignal),
    peerRole: ({ region, endpoint }, name, abortSignal) => readRole(name, { region, endpoint }, abortSignal),
    replication: (abortSignal) => readReplication(fileSystemId, abortSignal),
  };
}

async function readRole(
  name: string,
  place: { readonly region?: string; readonly endpoint?: string | undefined },
  abortSignal: AbortSignal,
): Promise<RegionRole> {
  const { GetParameterCommand, SSMClient } = await import("@aws-sdk/client-ssm");
  const { endpoint, ...rest } = place;
  const ssm = new SSMClient({ ...AWS_CLIENT_OPTIONS, ...rest, ...(endpoint !== undefined && { endpoint }) });
  try {
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name: name }), { abortSignal });
    return parseRegionRole(Parameter?.Value ?? "");
  } finally {
    ssm.destroy();
  }
}

/** Of a replication that the other region has ended, or is ending. */
const ENDED: ReadonlySet<string | undefined> = new Set(["DELETING", "ERROR"]);

const NO_REPLICATION: Replication = { isSource: false, isDestination: false, replicatedUntil: undefined };

/** A file system is part of one replication at most (EFS, DescribeReplicationConfigurations). */
async function readReplication(fileSystemId: string, abortSignal: AbortSignal): Promise<Replication> {
  const { DescribeReplicationConfigurationsCommand, EFSClient, ReplicationNotFound } = await import(
    "@aws-sdk/client-efs"
  );
  const efs = new EFSClient(AWS_CLIENT_OPTIONS);
  try {
    const command = new DescribeReplicationConfigurationsCommand({ FileSystemId: fileSystemId });
    const { Replications = [] } = await efs.send(command, { abortSignal });
    const [replication] = Replications;
    // There is one destination.
    const [destination] = replication?.Destinations ?? [];
    return {
      isSource: replication?.SourceFileSystemId === fileSystemId && !ENDED.has(destination?.Status),
      isDestination: destination?.FileSystemId === fileSystemId,
      replicatedUntil: destination?.LastReplicatedTimestamp?.getTime(),
    };
  } catch (error) {
    if (error instanceof ReplicationNotFound) return NO_REPLICATION;
    throw error;
  } finally {
    efs.destroy();
  }
}
