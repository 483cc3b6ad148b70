/**
 * Amazon EFS: mount targets and file systems.
 *
 * Rules, errors and names: EFS API reference, CreateMountTarget, DescribeMountTargets, DeleteMountTarget,
 * DescribeMountTargetSecurityGroups, DescribeFileSystems, UpdateFileSystem, DescribeLifecycleConfiguration,
 * PutLifecycleConfiguration.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { type Environment, operationsOf } from "./operation.ts";
import { page } from "./page.ts";
import type { AwsState, FileSystem, LifeCycleState, MountTarget, Subnet } from "./state.ts";

/** DescribeMountTargets and DescribeFileSystems give at most this many a page. */
const PAGE_SIZE = 100;
/** AWS's default quota. */
const MAX_SECURITY_GROUPS = 5;

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
  if (mountTarget.lifeCycleState === "deleting") throw incorrectState(mountTarget);
  return { SecurityGroups: mountTarget.securityGroups };
});

const deleteMountTarget = command(z.object({ MountTargetId: z.string() }), (state, input) => {
  const mountTarget = findMountTarget(state, input.MountTargetId);
  return { state: setLifeCycleState(state, mountTarget.mountTargetId, "deleting"), output: {} };
});

const describeFileSystems = query(
  z.object({
    FileSystemId: z.string().optional(),
    CreationToken: z.string().optional(),
    MaxItems: z.coerce.number().int().min(1).optional(),
    Marker: z.string().optional(),
  }),
  (state, { FileSystemId, CreationToken, MaxItems, Marker }, environment) => {
    if (FileSystemId !== undefined && CreationToken !== undefined) {
      throw badRequest("Request cannot contain both a file system ID and a creation token.");
    }
    const found =
      FileSystemId !== undefined
        ? [findFileSystem(state, FileSystemId)]
        : state.fileSystems.filter((one) => CreationToken === undefined || one.creationToken === CreationToken);
    const { items, nextToken } = pageOf(found, (one) => one.fileSystemId, MaxItems, Marker, environment);
    return { Marker, FileSystems: items.map((one) => describeFileSystem(state, one)), NextMarker: nextToken };
  },
);

const updateFileSystem = command(
  z.object({
    FileSystemId: z.string(),
    ThroughputMode: z.enum(["bursting", "provisioned", "elastic"]).optional(),
    ProvisionedThroughputInMibps: z.number().min(1).optional(),
  }),
  (state, { FileSystemId, ThroughputMode, ProvisionedThroughputInMibps }) => {
    const before = findFileSystem(state, FileSystemId);
    requireAvailable(before);
    const throughputMode = ThroughputMode ?? before.throughputMode ?? "elastic";
    const provisioned = ProvisionedThroughputInMibps ?? before.provisionedThroughputInMibps;
    if (throughputMode === "provisioned" && provisioned === undefined) {
      throw badRequest("ProvisionedThroughputInMibps is required with the throughput mode provisioned.");
    }
    const { provisionedThroughputInMibps: _, ...rest } = before;
    const fileSystem: FileSystem = {
      ...rest,
      throughputMode,
      ...(throughputMode === "provisioned" && provisioned !== undefined
        ? { provisionedThroughputInMibps: provisioned }
        : {}),
    };
    return { state: replaced(state, before, fileSystem), output: describeFileSystem(state, fileSystem) };
  },
);

const describeLifecycleConfiguration = query(z.object({ FileSystemId: z.string() }), (state, { FileSystemId }) => ({
  LifecyclePolicies: findFileSystem(state, FileSystemId).lifecyclePolicies ?? [],
}));

const putLifecycleConfiguration = command(
  z.object({ FileSystemId: z.string(), LifecyclePolicies: z.array(z.record(z.string(), z.string())).max(3) }),
  (state, { FileSystemId, LifecyclePolicies }) => {
    const before = findFileSystem(state, FileSystemId);
    requireAvailable(before);
    const after = { ...before, lifecyclePolicies: LifecyclePolicies };
    return { state: replaced(state, before, after), output: { LifecyclePolicies } };
  },
);

function replaced(state: AwsState, before: FileSystem, after: FileSystem): AwsState {
  return { ...state, fileSystems: state.fileSystems.map((each) => (each === before ? after : each)) };
}

/** EFS's operations by their API names. */
export const efs = {
  CreateMountTarget: createMountTarget,
  DeleteMountTarget: deleteMountTarget,
  DescribeFileSystems: describeFileSystems,
  DescribeLifecycleConfiguration: describeLifecycleConfiguration,
  DescribeMountTargets: describeMountTargets,
  DescribeMountTargetSecurityGroups: describeMountTargetSecurityGroups,
  PutLifecycleConfiguration: putLifecycleConfiguration,
  UpdateFileSystem: updateFileSystem,
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

function findFileSystem(state: AwsState, id: string): FileSystem {
  const found = state.fileSystems.find((one) => one.fileSystemId === resourceId(id));
  if (found === undefined) throw new AwsError("FileSystemNotFound", 404, `File system '${id}' does not exist.`);
  return found;
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

/** EFS takes an ARN wherever it takes an id. */
function resourceId(idOrArn: string): string {
  return idOrArn.slice(idOrArn.lastIndexOf("/") + 1);
}

function mountTargetsOf(state: AwsState, fileSystem: FileSystem): MountTarget[] {
  return state.mountTargets.filter((target) => target.fileSystemId === fileSystem.fileSystemId);
}

function requireAvailable(fileSystem: FileSystem): void {
  if (fileSystem.lifeCycleState === "available") return;
  throw new AwsError(
    "IncorrectFileSystemLifeCycleState",
    409,
    `File system '${fileSystem.fileSystemId}' is in life cycle state '${fileSystem.lifeCycleState}', not 'available'.`,
  );
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

function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  maxItems: number | undefined,
  marker: string | undefined,
  { maxPageSize }: Environment,
) {
  try {
    return page(items, keyOf, Math.min(maxItems ?? PAGE_SIZE, PAGE_SIZE, maxPageSize), marker);
  } catch (cause) {
    throw new AwsError("BadRequest", 400, "Invalid Marker", { cause });
  }
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

function describeFileSystem(state: AwsState, fileSystem: FileSystem): object {
  return {
    OwnerId: state.accountId,
    CreationToken: fileSystem.creationToken,
    FileSystemId: fileSystem.fileSystemId,
    FileSystemArn: `arn:aws:elasticfilesystem:${state.region}:${state.accountId}:file-system/${fileSystem.fileSystemId}`,
    CreationTime: fileSystem.creationTime,
    LifeCycleState: fileSystem.lifeCycleState,
    NumberOfMountTargets: mountTargetsOf(state, fileSystem).length,
    SizeInBytes: { Value: 6144, ValueInIA: 0, ValueInStandard: 6144, ValueInArchive: 0 },
    PerformanceMode: "generalPurpose",
    Encrypted: true,
    ThroughputMode: fileSystem.throughputMode ?? "elastic",
    ProvisionedThroughputInMibps: fileSystem.provisionedThroughputInMibps,
    AvailabilityZoneName: fileSystem.availabilityZoneName,
    Tags: [],
    FileSystemProtection: { ReplicationOverwriteProtection: "ENABLED" },
  };
}
