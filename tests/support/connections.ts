/** How many connections to a server the NFS clients of suites may have: all suites can run with several. */
import type { Dialect } from "@efs-mount-autoscaling/nfs-server";
import * as z from "zod";

export const CONNECTIONS = z.coerce
  .number()
  .int()
  .min(1)
  .parse(process.env.NFS_CONNECTIONS ?? 1);

/** A server that has its clients open all of them, whatever the traffic. */
const GENEROUS: Partial<Dialect> = { partitions: 1, partitionConnections: CONNECTIONS, scaleUpBytesPerSecond: 0 };

/** What the environment of the suites has for that, where it does not say itself how servers differ. */
export const connectionSettings: Readonly<Record<string, string>> =
  CONNECTIONS === 1 ? {} : { LOCAL_NFS_DIALECT: process.env.LOCAL_NFS_DIALECT ?? JSON.stringify(GENEROUS) };
