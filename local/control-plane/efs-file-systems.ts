/**
 * Amazon EFS: file systems, and their policies.
 *
 * Rules, errors and names: EFS API reference, DescribeFileSystems, UpdateFileSystem, DescribeLifecycleConfiguration,
 * PutLifecycleConfiguration, DescribeFileSystemPolicy, PutFileSystemPolicy, DeleteFileSystemPolicy.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { type Environment, operationsOf } from "./operation.ts";
import { page } from "./page.ts";
import type { AwsState, FileSystem, MountTarget } from "./state.ts";

/** The operations that list something give at most this many a page. */
const PAGE_SIZE = 100;

export const badRequest = (message: string, options?: ErrorOptions) =>
  new AwsError("BadRequest", 400, message, options);
const { query, command } = operationsOf(badRequest);

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
    return { state: replaceFileSystem(state, fileSystem), output: describeFileSystem(state, fileSystem) };
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
    return { state: replaceFileSystem(state, after), output: { LifecyclePolicies } };
  },
);

const describeFileSystemPolicy = query(z.object({ FileSystemId: z.string() }), (state, { FileSystemId }) => {
  const { fileSystemId, policy } = findFileSystem(state, FileSystemId);
  if (policy === undefined) {
    throw new AwsError("PolicyNotFound", 404, `File system '${fileSystemId}' has no policy.`);
  }
  return { FileSystemId: fileSystemId, Policy: policy };
});

const putFileSystemPolicy = command(
  z.object({
    FileSystemId: z.string(),
    Policy: z.string().min(1).max(20_000),
    BypassPolicyLockoutSafetyCheck: z.boolean().optional(),
  }),
  (state, { FileSystemId, Policy }) => {
    const before = findFileSystem(state, FileSystemId);
    requireAvailable(before);
    if (parsePolicy(Policy) === undefined) {
      throw new AwsError("InvalidPolicyException", 400, "The policy is not a policy document in JSON.");
    }
    return {
      state: replaceFileSystem(state, { ...before, policy: Policy }),
      output: { FileSystemId: before.fileSystemId, Policy },
    };
  },
);

const deleteFileSystemPolicy = command(z.object({ FileSystemId: z.string() }), (state, { FileSystemId }) => {
  const { policy: _, ...before } = findFileSystem(state, FileSystemId);
  requireAvailable(before);
  return { state: replaceFileSystem(state, before), output: {} };
});

/** The operations on file systems by their API names. */
export const efsFileSystems = {
  DeleteFileSystemPolicy: deleteFileSystemPolicy,
  DescribeFileSystemPolicy: describeFileSystemPolicy,
  DescribeFileSystems: describeFileSystems,
  DescribeLifecycleConfiguration: describeLifecycleConfiguration,
  PutFileSystemPolicy: putFileSystemPolicy,
  PutLifecycleConfiguration: putLifecycleConfiguration,
  UpdateFileSystem: updateFileSystem,
};

/** Whether its clients can change nothing: it is the destination of a replication, or its policy denies writing. */
export function isReadOnly(state: AwsState, { fileSystemId, policy }: FileSystem): boolean {
  return isDestination(state, fileSystemId) || (policy !== undefined && deniesWriting(policy));
}

export function isDestination({ replications, region }: AwsState, id: string): boolean {
  return replications.some(({ destination }) => destination.fileSystemId === id && destination.region === region);
}

/** The protection against becoming a destination, as the API shows it. */
function protectionOf(state: AwsState, fileSystem: FileSystem): "ENABLED" | "DISABLED" | "REPLICATING" {
  if (isDestination(state, fileSystem.fileSystemId)) return "REPLICATING";
  return fileSystem.replicationOverwriteProtection ?? "ENABLED";
}

const CLIENT_WRITE = "elasticfilesystem:ClientWrite";

const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

const policySchema = z.object({
  Statement: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown()).transform((one) => [one])]).pipe(
    z.array(
      z.object({
        Effect: z.enum(["Allow", "Deny"]),
        Action: oneOrMore.optional(),
        Condition: z.unknown().optional(),
      }),
    ),
  ),
});

function parsePolicy(text: string): z.infer<typeof policySchema> | undefined {
  try {
    return policySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Whoever is denied: nobody but the stack's own tasks mounts a file system here. What has a condition is not judged. */
function deniesWriting(policy: string): boolean {
  const statements = parsePolicy(policy)?.Statement ?? [];
  return statements.some(
    ({ Effect, Action = [], Condition }) =>
      Effect === "Deny" && Condition === undefined && Action.some((pattern) => matches(pattern, CLIENT_WRITE)),
  );
}

/** An action of a policy may have `*` in it, and its case does not matter. */
function matches(pattern: string, action: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "i").test(action);
}

export function mountTargetsOf(state: AwsState, fileSystem: FileSystem): MountTarget[] {
  return state.mountTargets.filter((target) => target.fileSystemId === fileSystem.fileSystemId);
}

export function findFileSystem(state: AwsState, id: string): FileSystem {
  const found = state.fileSystems.find((one) => one.fileSystemId === resourceId(id));
  if (found === undefined) throw new AwsError("FileSystemNotFound", 404, `File system '${id}' does not exist.`);
  return found;
}

export function replaceFileSystem(state: AwsState, after: FileSystem): AwsState {
  const fileSystems = state.fileSystems.map((each) => (each.fileSystemId === after.fileSystemId ? after : each));
  return { ...state, fileSystems };
}

/** EFS takes an ARN wherever it takes an id. */
export function resourceId(idOrArn: string): string {
  return idOrArn.slice(idOrArn.lastIndexOf("/") + 1);
}

export function requireAvailable(fileSystem: FileSystem): void {
  if (fileSystem.lifeCycleState === "available") return;
  throw new AwsError(
    "IncorrectFileSystemLifeCycleState",
    409,
    `File system '${fileSystem.fileSystemId}' is in life cycle state '${fileSystem.lifeCycleState}', not 'available'.`,
  );
}

/** @throws {AwsError} BadRequest for a token that no page gave out. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  maxItems: number | undefined,
  token: string | undefined,
  { maxPageSize }: Environment,
) {
  try {
    return page(items, keyOf, Math.min(maxItems ?? PAGE_SIZE, PAGE_SIZE, maxPageSize), token);
  } catch (cause) {
    throw badRequest("Invalid Marker", { cause });
  }
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
    FileSystemProtection: { ReplicationOverwriteProtection: protectionOf(state, fileSystem) },
  };
}
