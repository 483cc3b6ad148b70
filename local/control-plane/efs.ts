/**
 * Amazon EFS: mount targets, and all of its operations by their names.
 *
 * Rules, errors and names: EFS API reference, CreateMountTarget, DescribeMountTargets, DeleteMountTarget,
 * DescribeMountTargetSecurityGroups.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import {
  efsFileSystems,
  findFileSystem,
  mountTargetsOf,
  pageOf,
  requireAvailable,
  resourceId,
} from "./efs-file-systems.ts";
import { efsReplication } from "./efs-replication.ts";
import { operationsOf } from "./operation.ts";
import type { AwsState, FileSystem, LifeCycleState, MountTarget, Subnet } from "./state.ts";

/** AWS's default quota. */
const MAX_SECURITY_GROUPS = 5;

/** States in which a mount target has no network interface yet, or no longer. */
const WITHOUT_INTERFACE: ReadonlySet<LifeCycleState> = new Set(["creating", "deleting", "error"]);

const badRequest = (message: string) => new AwsError("BadRequest", 400, message);
const { query, command } = operationsOf(badRequest);

const createMountTarget = command(
  z.object({
    FileSystemId: z.string(),
    SubnetId: z.string(),
    IpAddress: z.ipv4().optional(),
    SecurityGroups: z.array(z.string()).optional(),
  }),
  (state, input, { newId }) => {
    const fileSystem = findFileSystem(state, input.FileSystemId);
    const subnet = findSubnet(state, input.SubnetId);
    const securityGroups = input.SecurityGroups ?? [];
    requireAvailable(fileSystem);
    requireZone(fileSystem, subnet);
    requireSecurityGroups(state, subnet, securityGroups);
    requireNoConflict(state, fileSystem, subnet);
    const mountTarget: MountTarget = {
      mountTargetId: newId("fsmt-", 17),
      fileSystemId: fileSystem.fileSystemId,
      subnetId: subnet.subnetId,
      vpcId: subnet.vpcId,
      availabilityZoneId: subnet.availabilityZoneId,
      availabilityZoneName: subnet.availabilityZone,
      ipAddress: chooseAddress(state, subnet, input.IpAddress),
      networkInterfaceId: newId("eni-", 17),
      securityGroups,
      lifeCycleState: "creating",
    };
    return {
      state: { ...state, mountTargets: [...state.mountTargets, mountTarget] },
      output: describe(state, mountTarget),
    };
  },
);

const describeMountTargets = query(
  z.object({
    FileSystemId: z.string().optional(),
    MountTargetId: z.string().optional(),
    AccessPointId: z.string().optional(),
    MaxItems: z.coerce.number().int().min(1).optional(),
    Marker: z.string().optional(),
  }),
  (state, { FileSystemId, MountTargetId, AccessPointId, MaxItems, Marker }, environment) => {
    if ([FileSystemId, MountTargetId, AccessPointId].filter((id) => id !== undefined).length !== 1) {
      throw badRequest("Exactly one of FileSystemId, MountTargetId and AccessPointId must be given.");
    }
    if (AccessPointId !== undefined) {
      throw new AwsError("AccessPointNotFound", 404, `Access point '${AccessPointId}' does not exist.`);
    }
    const found =
      MountTargetId !== undefined
        ? [findMountTarget(state, MountTargetId)]
        : mountTargetsOf(state, findFileSystem(state, FileSystemId ?? ""));
    const { items, nextToken } = pageOf(found, (target) => target.mountTargetId, MaxItems, Marker, environment);
    return { Marker, MountTargets: items.map((target) => describe(state, target)), NextMarker: nextToken };
  },
);

const describeMountTargetSecurityGroups = query(z.object({ MountTargetId: z.string() }), (state, input) => {
  const mountTarget = findMountTarget(state, input.MountTargetId);
  if (WITHOUT_INTERFACE.has(mountTarget.lifeCycleState)) throw incorrectState(mountTarget);
  return { SecurityGroups: mountTarget.securityGroups };
});

const deleteMountTarget = command(z.object({ MountTargetId: z.string() }), (state, input) => {
  const mountTarget = findMountTarget(state, input.MountTargetId);
  return { state: setLifeCycleState(state, mountTarget.mountTargetId, "deleting"), output: {} };
});

/** EFS's operations by their API names. */
export const efs = {
  CreateMountTarget: createMountTarget,
  DeleteMountTarget: deleteMountTarget,
  DescribeMountTargets: describeMountTargets,
  DescribeMountTargetSecurityGroups: describeMountTargetSecurityGroups,
  ...efsFileSystems,
  ...efsReplication,
};

/** Moves a mount target on in its life: EFS does so by itself some time after a call. */
export function setLifeCycleState(state: AwsState, mountTargetId: string, lifeCycleState: LifeCycleState): AwsState {
  return {
    ...state,
    mountTargets: state.mountTargets.map((target) =>
      target.mountTargetId === mountTargetId ? { ...target, lifeCycleState } : target,
    ),
  };
}

/** Forgets a mount target, once it is deleted. */
export function removeMountTarget(state: AwsState, mountTargetId: string): AwsState {
  return { ...state, mountTargets: state.mountTargets.filter((target) => target.mountTargetId !== mountTargetId) };
}

function findMountTarget(state: AwsState, id: string): MountTarget {
  const found = state.mountTargets.find((one) => one.mountTargetId === resourceId(id));
  if (found === undefined) throw new AwsError("MountTargetNotFound", 404, `Mount target '${id}' does not exist.`);
  return found;
}

function findSubnet(state: AwsState, id: string): Subnet {
  const found = state.subnets.find((one) => one.subnetId === id);
  if (found === undefined) throw new AwsError("SubnetNotFound", 400, `The subnet ID '${id}' does not exist`);
  return found;
}

function requireZone(fileSystem: FileSystem, subnet: Subnet): void {
  if (!subnet.supportsEfs) {
    throw new AwsError(
      "UnsupportedAvailabilityZone",
      400,
      `Availability Zone '${subnet.availabilityZone}' does not support mount targets.`,
    );
  }
  const onlyZone = fileSystem.availabilityZoneName;
  if (onlyZone !== undefined && onlyZone !== subnet.availabilityZone) {
    throw new AwsError(
      "AvailabilityZonesMismatch",
      400,
      `File system '${fileSystem.fileSystemId}' is in Availability Zone '${onlyZone}', the subnet is in '${subnet.availabilityZone}'.`,
    );
  }
}

function requireSecurityGroups(state: AwsState, subnet: Subnet, groupIds: readonly string[]): void {
  if (groupIds.length > MAX_SECURITY_GROUPS) {
    throw new AwsError(
      "SecurityGroupLimitExceeded",
      400,
      "The maximum number of security groups per interface has been reached.",
    );
  }
  for (const id of groupIds) {
    if (!state.securityGroups.some((group) => group.groupId === id && group.vpcId === subnet.vpcId)) {
      throw new AwsError(
        "SecurityGroupNotFound",
        400,
        `The SecurityGroup ID '${id}' does not exist in VPC '${subnet.vpcId}'`,
      );
    }
  }
}

function requireNoConflict(state: AwsState, fileSystem: FileSystem, subnet: Subnet): void {
  for (const other of mountTargetsOf(state, fileSystem)) {
    if (other.vpcId !== subnet.vpcId) {
      throw conflict("requested subnet for new mount target is not in the same VPC as existing mount targets");
    }
    if (other.availabilityZoneName === subnet.availabilityZone) {
      throw conflict("mount target already exists in this AZ");
    }
  }
}

function conflict(message: string): AwsError {
  return new AwsError("MountTargetConflict", 409, message);
}

function incorrectState(mountTarget: MountTarget): AwsError {
  const { mountTargetId, lifeCycleState } = mountTarget;
  return new AwsError(
    "IncorrectMountTargetState",
    409,
    `Mount target '${mountTargetId}' is in life cycle state '${lifeCycleState}'.`,
  );
}

/** Takes the address asked for, or the subnet's first free one. */
function chooseAddress(state: AwsState, subnet: Subnet, wanted: string | undefined): string {
  const taken = new Set(state.mountTargets.map((target) => target.ipAddress));
  if (wanted !== undefined) {
    if (!subnet.addresses.includes(wanted)) {
      throw badRequest(`Address ${wanted} does not fall within the subnet's address range`);
    }
    if (taken.has(wanted)) throw new AwsError("IpAddressInUse", 409, `Address ${wanted} is in use.`);
    return wanted;
  }
  const free = subnet.addresses.find((address) => !taken.has(address));
  if (free === undefined) {
    throw new AwsError(
      "NoFreeAddressesInSubnet",
      409,
      `The specified subnet '${subnet.subnetId}' does not have enough free addresses to satisfy the request.`,
    );
  }
  return free;
}

function describe(state: AwsState, target: MountTarget): object {
  return {
    OwnerId: state.accountId,
    MountTargetId: target.mountTargetId,
    FileSystemId: target.fileSystemId,
    SubnetId: target.subnetId,
    LifeCycleState: target.lifeCycleState,
    IpAddress: target.ipAddress,
    NetworkInterfaceId: target.networkInterfaceId,
    AvailabilityZoneId: target.availabilityZoneId,
    AvailabilityZoneName: target.availabilityZoneName,
    VpcId: target.vpcId,
  };
}
