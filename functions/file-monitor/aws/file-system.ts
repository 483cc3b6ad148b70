/**
 * Amazon EFS: the file system and its mount targets.
 */
import {
  CreateMountTargetCommand,
  DeleteMountTargetCommand,
  DescribeFileSystemsCommand,
  DescribeMountTargetSecurityGroupsCommand,
  paginateDescribeMountTargets,
} from "@aws-sdk/client-efs";
import * as z from "zod";
import { AwsCallError, type AwsSession, call } from "./session.ts";

export interface FileSystem {
  /** The only Availability Zone a One Zone file system can have a mount target in; undefined for a regional one. */
  readonly availabilityZone: string | undefined;
  /** The file system's own number of them, in any state: a second source beside the list. */
  readonly numberOfMountTargets: number;
}

/** A mount target in any state; only one that is `available` serves. */
export interface MountTargetDescription {
  readonly mountTargetId: string;
  readonly subnetId: string;
  readonly availabilityZone: string;
  /** creating, available, updating, deleting, deleted or error. */
  readonly state: string;
  readonly ipAddress: string | undefined;
}

const fileSystemSchema = z
  .object({
    FileSystems: z.tuple([
      z.object({ AvailabilityZoneName: z.string().optional(), NumberOfMountTargets: z.number().default(0) }),
    ]),
  })
  .transform(
    ({ FileSystems: [fileSystem] }): FileSystem => ({
      availabilityZone: fileSystem.AvailabilityZoneName,
      numberOfMountTargets: fileSystem.NumberOfMountTargets,
    }),
  );

const mountTargetSchema = z
  .object({
    MountTargetId: z.string(),
    SubnetId: z.string(),
    AvailabilityZoneName: z.string(),
    LifeCycleState: z.string(),
    IpAddress: z.string().optional(),
    Ipv6Address: z.string().optional(),
  })
  .transform(
    (target): MountTargetDescription => ({
      mountTargetId: target.MountTargetId,
      subnetId: target.SubnetId,
      availabilityZone: target.AvailabilityZoneName,
      state: target.LifeCycleState,
      ipAddress: target.IpAddress ?? target.Ipv6Address,
    }),
  );

/** @throws {AwsCallError} */
export function describeFileSystem({ efs, signal }: AwsSession, fileSystemId: string): Promise<FileSystem> {
  return call("DescribeFileSystems", fileSystemSchema, () =>
    efs.send(new DescribeFileSystemsCommand({ FileSystemId: fileSystemId }), { abortSignal: signal }),
  );
}

/** Every mount target of the file system, all pages. @throws {AwsCallError} */
export function listMountTargets({ efs, signal }: AwsSession, fileSystemId: string): Promise<MountTargetDescription[]> {
  return call("DescribeMountTargets", z.array(mountTargetSchema), async () => {
    const targets = [];
    const pages = paginateDescribeMountTargets(
      { client: efs, stopOnSameToken: true },
      { FileSystemId: fileSystemId },
      { abortSignal: signal },
    );
    for await (const page of pages) targets.push(...(page.MountTargets ?? []));
    return targets;
  });
}

/**
 * Starts the creation of a mount target; it is `creating` for a minute or two.
 *
 * @throws {AwsCallError} with the codes of
 * https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html#API_CreateMountTarget_Errors
 */
export function createMountTarget(
  { efs, signal }: AwsSession,
  request: { readonly fileSystemId: string; readonly subnetId: string; readonly securityGroupId: string },
): Promise<MountTargetDescription> {
  return call("CreateMountTarget", mountTargetSchema, () =>
    efs.send(
      new CreateMountTargetCommand({
        FileSystemId: request.fileSystemId,
        SubnetId: request.subnetId,
        SecurityGroups: [request.securityGroupId],
      }),
      { abortSignal: signal },
    ),
  );
}

const securityGroupsSchema = z
  .object({ SecurityGroups: z.array(z.string()) })
  .transform(({ SecurityGroups }) => SecurityGroups);

/** The ids of a mount target's security groups. @throws {AwsCallError} */
export function describeSecurityGroups({ efs, signal }: AwsSession, mountTargetId: string): Promise<string[]> {
  return call("DescribeMountTargetSecurityGroups", securityGroupsSchema, () =>
    efs.send(new DescribeMountTargetSecurityGroupsCommand({ MountTargetId: mountTargetId }), { abortSignal: signal }),
  );
}

/**
 * Starts the deletion of a mount target, which breaks every connection through it; it is `deleting` for a minute or two.
 * One that is gone already is deleted.
 *
 * @throws {AwsCallError} with the codes of https://docs.aws.amazon.com/efs/latest/ug/API_DeleteMountTarget.html
 */
export async function deleteMountTarget({ efs, signal }: AwsSession, mountTargetId: string): Promise<void> {
  try {
    await call("DeleteMountTarget", z.unknown(), () =>
      efs.send(new DeleteMountTargetCommand({ MountTargetId: mountTargetId }), { abortSignal: signal }),
    );
  } catch (error) {
    if (error instanceof AwsCallError && error.code === "MountTargetNotFound") return;
    throw error;
  }
}
