/**
 * Amazon EFS: the replication that a file system is part of.
 */
import { DescribeReplicationConfigurationsCommand } from "@aws-sdk/client-efs";
import * as z from "zod";
import { AwsCallError, type AwsSession, call } from "./session.ts";

/** There is one destination (EFS API reference, DescribeReplicationConfigurations). */
const replicationSchema = z
  .object({
    Replications: z.tuple([
      z.object({ Destinations: z.tuple([z.object({ LastReplicatedTimestamp: z.date().optional() })]) }),
    ]),
  })
  .transform(({ Replications: [{ Destinations }] }) => Destinations[0].LastReplicatedTimestamp?.getTime());

/**
 * Until when all that was written is in the replica, in milliseconds since 1970; undefined where there is no replication,
 * or its first sync is not over.
 *
 * @throws {AwsCallError}
 */
export async function readReplicatedUntil(
  { efs, signal }: AwsSession,
  fileSystemId: string,
): Promise<number | undefined> {
  try {
    return await call("DescribeReplicationConfigurations", replicationSchema, () =>
      efs.send(new DescribeReplicationConfigurationsCommand({ FileSystemId: fileSystemId }), { abortSignal: signal }),
    );
  } catch (error) {
    if (error instanceof AwsCallError && error.code === "ReplicationNotFound") return undefined;
    throw error;
  }
}
