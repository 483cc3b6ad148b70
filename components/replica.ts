import * as pulumi from "@pulumi/pulumi";

/** How long one `pulumi up` waits for the first copy, or for the end of a replication, and how often it polls. */
const TIMEOUT_SECONDS = 3600;
const INTERVAL_SECONDS = 10;

/** A stack's file system, and what it is a replica of. */
export interface ReplicaSettings {
  readonly fileSystemId: string;
  readonly region: string;
  /** What is replicated into it. Default: nothing, it is written to. */
  readonly source?: { readonly fileSystemId: string; readonly region: string } | undefined;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}

/**
 * Replicates another file system into one, and waits until the first copy is complete. What is replicated already is only
 * waited for.
 *
 * EFS makes the destination the same as the source: all that it had is lost. So a file system is only overwritten when
 * nobody can have written to it, because it never had a mount target, or when someone has taken its protection away.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there, so it takes nothing from this module but
 * what it is given.
 *
 * @throws when the file system is protected, is in another replication, or has no complete copy after `timeoutSeconds`.
 */
export async function startReplication(
  { fileSystemId, region, profile }: ReplicaSettings,
  source: NonNullable<ReplicaSettings["source"]>,
  timeoutSeconds: number,
  intervalSeconds: number,
): Promise<void> {
  const sdk = await import("@aws-sdk/client-efs");
  const clientIn = (where: string) =>
    new sdk.EFSClient({ region: where, ...(profile === undefined ? {} : { profile }) });
  const [efs, atSource] = [clientIn(region), clientIn(source.region)];
  const find = async () => {
    try {
      const command = new sdk.DescribeReplicationConfigurationsCommand({ FileSystemId: fileSystemId });
      return (await efs.send(command)).Replications?.[0];
    } catch (error) {
      if (error instanceof sdk.ReplicationNotFound) return undefined;
      throw error;
    }
  };
  try {
    const before = await find();
    if (before !== undefined && before.SourceFileSystemId !== source.fileSystemId) {
      throw new Error(
        `${fileSystemId} cannot replicate ${source.fileSystemId}: it is in the replication of ${before.SourceFileSystemId} to ${before.Destinations?.[0]?.FileSystemId}`,
      );
    }
    if (before === undefined) {
      const { FileSystems = [] } = await efs.send(new sdk.DescribeFileSystemsCommand({ FileSystemId: fileSystemId }));
      const found = FileSystems[0];
      if (found?.FileSystemProtection?.ReplicationOverwriteProtection !== "DISABLED") {
        if (found?.NumberOfMountTargets !== 0) {
          throw new Error(
            `${fileSystemId} has been in use, and would lose all its files to those of ${source.fileSystemId}. If that is what you want: aws efs update-file-system-protection --region ${region} --file-system-id ${fileSystemId} --replication-overwrite-protection DISABLED`,
          );
        }
        await efs.send(
          new sdk.UpdateFileSystemProtectionCommand({
            FileSystemId: fileSystemId,
            ReplicationOverwriteProtection: "DISABLED",
          }),
        );
      }
      const command = new sdk.CreateReplicationConfigurationCommand({
        SourceFileSystemId: source.fileSystemId,
        Destinations: [{ FileSystemId: fileSystemId, Region: region }],
      });
      try {
        await atSource.send(command);
      } catch (error) {
        // The SDK repeats a call whose response is lost, and EFS refuses to do it twice.
        if ((await find())?.SourceFileSystemId !== source.fileSystemId) throw error;
      }
    }
    const deadline = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const { Status, StatusMessage = "", LastReplicatedTimestamp } = (await find())?.Destinations?.[0] ?? {};
      if (Status === "ENABLED" && LastReplicatedTimestamp !== undefined) return;
      if (Status === "ERROR" || Status === "PAUSED") {
        throw new Error(`The replication of ${source.fileSystemId} to ${fileSystemId} is ${Status}: ${StatusMessage}`);
      }
      if (Date.now() > deadline) {
        throw new Error(
          `The first copy of ${source.fileSystemId} to ${fileSystemId} is not complete after ${timeoutSeconds} seconds. It goes on: run pulumi up again later`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
    }
  } finally {
    efs.destroy();
    atSource.destroy();
  }
}

/**
 * Ends the replication that a file system is in, as source or as destination, and waits until it is over. A destination can be
 * written to from then on.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there, so it takes nothing from this module but
 * what it is given.
 *
 * @throws when it is not over after `timeoutSeconds`.
 */
export async function endReplication(
  { fileSystemId, region, profile }: ReplicaSettings,
  timeoutSeconds: number,
  intervalSeconds: number,
): Promise<void> {
  const sdk = await import("@aws-sdk/client-efs");
  const clientIn = (where: string | undefined) =>
    new sdk.EFSClient({ region: where ?? region, ...(profile === undefined ? {} : { profile }) });
  const efs = clientIn(region);
  const isGone = (error: unknown) =>
    error instanceof sdk.ReplicationNotFound || error instanceof sdk.FileSystemNotFound;
  const find = async () => {
    try {
      const command = new sdk.DescribeReplicationConfigurationsCommand({ FileSystemId: fileSystemId });
      return (await efs.send(command)).Replications?.[0];
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  };
  /** EFS takes the call in either region. The destination's is the one that must know. */
  const endInBoth = async (SourceFileSystemId: string | undefined, where: string | undefined) => {
    const there = clientIn(where);
    try {
      await there.send(new sdk.DeleteReplicationConfigurationCommand({ SourceFileSystemId }));
    } finally {
      there.destroy();
    }
  };
  const endHere = async (SourceFileSystemId: string | undefined) => {
    const DeletionMode = "LOCAL_CONFIGURATION_ONLY";
    try {
      await efs.send(new sdk.DeleteReplicationConfigurationCommand({ SourceFileSystemId, DeletionMode }));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  };
  const begin = Date.now();
  let canEndInBoth = true;
  let isToldHere = false;
  try {
    for (;;) {
      const replication = await find();
      if (replication === undefined) return;
      const { Region, Status } = replication.Destinations?.[0] ?? {};
      const waited = (Date.now() - begin) / 1000;
      if (waited > timeoutSeconds) {
        throw new Error(`The replication of ${fileSystemId} has not ended after ${timeoutSeconds} seconds`);
      }
      if (canEndInBoth && Status !== "DELETING") {
        try {
          await endInBoth(replication.SourceFileSystemId, Region);
        } catch (error) {
          // The other region is lost, or has no half of it any more. One that only wants fewer calls is asked again.
          canEndInBoth = error instanceof sdk.ThrottlingException || error instanceof sdk.TooManyRequests;
        }
      }
      // A region that is lost can also keep the end in both waiting for ever.
      canEndInBoth &&= waited < timeoutSeconds / 4;
      if (!canEndInBoth && (Status !== "DELETING" || !isToldHere)) {
        await endHere(replication.SourceFileSystemId);
        isToldHere = true;
      }
      await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
    }
  } finally {
    efs.destroy();
  }
}

const provider: pulumi.dynamic.ResourceProvider<ReplicaSettings, ReplicaSettings> = {
  async create(inputs) {
    if (inputs.source) await startReplication(inputs, inputs.source, TIMEOUT_SECONDS, INTERVAL_SECONDS);
    return { id: inputs.fileSystemId, outs: inputs };
  },
  // Whether anything changed is left to the engine: it also sees a change of this code.
  async diff(_id, olds, news) {
    return { replaces: olds.fileSystemId === news.fileSystemId ? [] : ["fileSystemId"] };
  },
  // A primary's may be the source of a replication, which stays. A standby's that has been promoted is left alone.
  async update(_id, olds, news) {
    const isNew = news.source?.fileSystemId !== olds.source?.fileSystemId;
    if (news.source && isNew) await startReplication(news, news.source, TIMEOUT_SECONDS, INTERVAL_SECONDS);
    return { outs: news };
  },
  // EFS deletes no file system that is in a replication.
  async delete(_id, outs) {
    await endReplication(outs, TIMEOUT_SECONDS, INTERVAL_SECONDS);
  },
};

/** The properties of {@link ReplicaSettings}, as inputs. */
export type ReplicaArgs = { readonly [Name in keyof ReplicaSettings]: pulumi.Input<ReplicaSettings[Name]> };

/**
 * What a stack's file system is a replica of. A stack replicates only into its own file system, and ends the replication
 * that this is in before it is deleted.
 */
export class Replica extends pulumi.dynamic.Resource {
  constructor(name: string, args: ReplicaArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts, "efs-mount-autoscaling", "Replica");
  }
}
