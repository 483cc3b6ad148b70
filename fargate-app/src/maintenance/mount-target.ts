/** A client for the file system of a router's settings, through any of its mount targets. */
import { DEFAULT_NFS_PORT, type MountTable, type MountTarget } from "@efs-mount-autoscaling/mount-table";
import {
  ConnectionError,
  DeadlineError,
  messageOf,
  type NfsClient,
  type NfsClientOptions,
  ProtocolError,
} from "nfs-client";

/** No mount target answered; the message says what each of them did. */
export class NoMountTargetError extends Error {
  override readonly name = "NoMountTargetError";
}

/** Connects to the first mount target of the table that answers. */
export async function connectToAny(
  { mount_targets: targets }: MountTable,
  connect: (target: Pick<NfsClientOptions, "host" | "port">) => Promise<NfsClient>,
  defaultPort = DEFAULT_NFS_PORT,
): Promise<NfsClient> {
  const failures: string[] = [];
  for (const target of targets) {
    try {
      return await connect({ host: target.ip_address, port: target.port ?? defaultPort });
    } catch (error) {
      if (!isOfTarget(error)) throw error;
      failures.push(`${nameOf(target)}: ${messageOf(error)}`);
    }
  }
  throw new NoMountTargetError(`No mount target can be reached: ${failures.join("; ")}`);
}

function isOfTarget(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof DeadlineError || error instanceof ProtocolError;
}

function nameOf({ mount_target_id: id, availability_zone: zone }: MountTarget): string {
  return `${id} in ${zone}`;
}
