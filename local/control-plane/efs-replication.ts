/**
 * Amazon EFS: replication configurations, and the protection against becoming a destination.
 *
 * Rules, errors and names: EFS API reference, CreateReplicationConfiguration, DescribeReplicationConfigurations,
 * DeleteReplicationConfiguration, UpdateFileSystemProtection; EFS user guide, "Replicating file systems", "Deleting
 * replication configurations" and "File system protection". The pages contradict each other on file systems whose
 * protection is DISABLED: here, as in the guide, they are writable until they are a destination.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import {
  badRequest,
  findFileSystem,
  isDestination,
  pageOf,
  replaceFileSystem,
  requireAvailable,
  resourceId,
} from "./efs-file-systems.ts";
import { type Environment, type Operation, operationsOf } from "./operation.ts";
import type { AwsState, FileSystem, RegionalFileSystem, Replication } from "./state.ts";

const invalid = (message: string) => new AwsError("ValidationException", 400, message);
const { query, command } = operationsOf(badRequest);

const fileSystemId = z
  .string()
  .max(128)
  .regex(/^(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:file-system\/)?fs-[0-9a-f]{8,40}$/, "not a file system's id");
const regionName = z
  .string()
  .max(64)
  .regex(/^[a-z]{2}-((iso[a-z]?-)|(gov-))?[a-z]+-?[0-9]?$/, "not the name of a Region");

const creation = z.object({
  SourceFileSystemId: fileSystemId,
  Destinations: z
    .array(
      z.object({
        Region: regionName.optional(),
        AvailabilityZoneName: z.string().optional(),
        KmsKeyId: z.string().optional(),
        FileSystemId: fileSystemId.optional(),
        RoleArn: z.string().optional(),
      }),
    )
    .length(1, "exactly one destination is supported"),
});

/** What the source's region asks the destination's for, before the source's keeps the replication. */
export interface Proposal {
  readonly id: string;
  readonly source: RegionalFileSystem;
  /** The region; and the file system, unless a new one is to be made. */
  readonly destination: { readonly region: string; readonly fileSystemId?: string };
}

/** The first half of CreateReplicationConfiguration, in the source's region. */
export function propose(state: AwsState, input: unknown, { newId }: Environment): Proposal {
  const parsed = creation.safeParse(input);
  if (!parsed.success) throw badRequest(parsed.error.issues.map(({ message }) => message).join("; "));
  const { SourceFileSystemId, Destinations } = parsed.data;
  const [destination] = Destinations;
  const source = findFileSystem(state, SourceFileSystemId);
  requireAvailable(source);
  requireUnreplicated(state, source);
  const given = destination?.FileSystemId;
  const region = destination?.Region ?? regionOf(given) ?? state.region;
  if (given !== undefined && resourceId(given) === source.fileSystemId && region === state.region) {
    throw invalid("A file system cannot be replicated to itself.");
  }
  return {
    id: newId("replication-", 17),
    source: { region: state.region, fileSystemId: source.fileSystemId },
    destination: { region, ...(given === undefined ? {} : { fileSystemId: resourceId(given) }) },
  };
}

const regionalFileSystem = z.object({ region: z.string(), fileSystemId: z.string() });

/** What the regions ask each other; no operations of the API. */
export const betweenRegions = {
  /** In the destination's region: becomes the destination of a proposal. Its file system is read-only from then on. */
  accept: command(
    z.object({
      id: z.string(),
      source: regionalFileSystem,
      destination: z.object({ region: z.string(), fileSystemId: z.string().exactOptional() }),
    }),
    (state, { id, source, destination }, environment) => {
      const existing = destination.fileSystemId;
      const [fileSystem, withFileSystem] =
        existing === undefined ? newFileSystem(state, environment) : [findFileSystem(state, existing), state];
      requireAvailable(fileSystem);
      requireUnreplicated(state, fileSystem);
      if (existing !== undefined && fileSystem.replicationOverwriteProtection !== "DISABLED") {
        throw invalid(
          `File system '${existing}' has replication overwrite protection enabled: it can't be used as a destination.`,
        );
      }
      const replication: Replication = {
        id,
        source,
        destination: { region: state.region, fileSystemId: fileSystem.fileSystemId },
        creationTime: environment.now,
        status: "ENABLING",
      };
      return { state: keep(withFileSystem, replication), output: replication };
    },
  ),
  /** In either region: the other one has deleted it, or is about to. */
  delete: command(z.object({ id: z.string() }), (state, { id }) => ({
    state: changeReplication(state, id, { status: "DELETING", deletionMode: "LOCAL_CONFIGURATION_ONLY" }),
    output: { found: state.replications.some((each) => each.id === id) },
  })),
  /** In the destination's region: a sync that began then is finished. */
  report: command(z.object({ id: z.string(), startedAt: z.coerce.date() }), (state, { id, startedAt }) => {
    requireReplicating(state, id);
    const change = { status: "ENABLED", lastReplicatedTimestamp: startedAt } as const;
    return { state: changeReplication(state, id, change), output: {} };
  }),
} satisfies Readonly<Record<string, Operation>>;

/** The second half of CreateReplicationConfiguration, in the source's region. */
export function commit(state: AwsState, replication: Replication): AwsState {
  requireUnreplicated(state, findFileSystem(state, replication.source.fileSystemId));
  return keep(state, replication);
}

const describeReplicationConfigurations = query(
  z.object({
    FileSystemId: fileSystemId.optional(),
    NextToken: z.string().optional(),
    MaxResults: z.coerce.number().int().min(1).optional(),
  }),
  (state, { FileSystemId, NextToken, MaxResults }, environment) => {
    const found =
      FileSystemId === undefined
        ? state.replications
        : [requireReplication(state, findFileSystem(state, FileSystemId).fileSystemId)];
    const { items, nextToken } = pageOf(found, (each) => each.id, MaxResults, NextToken, environment);
    return { Replications: items.map((each) => describeReplication(state, each)), NextToken: nextToken };
  },
);

const deleteReplicationConfiguration = command(
  z.object({
    SourceFileSystemId: fileSystemId,
    deletionMode: z.enum(["ALL_CONFIGURATIONS", "LOCAL_CONFIGURATION_ONLY"]).default("ALL_CONFIGURATIONS"),
  }),
  (state, { SourceFileSystemId, deletionMode }) => {
    const id = resourceId(SourceFileSystemId);
    const found = state.replications.find(({ source }) => source.fileSystemId === id);
    if (found === undefined) {
      // The source's region has its file system; the destination's has only the replication to know it by.
      if (state.fileSystems.some((one) => one.fileSystemId === id)) throw replicationNotFound(id);
      throw new AwsError("FileSystemNotFound", 404, `File system '${id}' does not exist.`);
    }
    if (deletionMode === "LOCAL_CONFIGURATION_ONLY" && found.source.region === found.destination.region) {
      throw badRequest("LOCAL_CONFIGURATION_ONLY is not for replication within an account and a Region.");
    }
    return { state: changeReplication(state, found.id, { status: "DELETING", deletionMode }), output: {} };
  },
);

const updateFileSystemProtection = command(
  z.object({
    FileSystemId: fileSystemId,
    ReplicationOverwriteProtection: z.enum(["ENABLED", "DISABLED"]).optional(),
  }),
  (state, { FileSystemId, ReplicationOverwriteProtection }) => {
    const before = findFileSystem(state, FileSystemId);
    requireAvailable(before);
    if (isDestination(state, before.fileSystemId)) {
      throw new AwsError(
        "ReplicationAlreadyExists",
        409,
        "ReplicationOverwriteProtection cannot be changed while the file system is a replication destination.",
      );
    }
    const protection = ReplicationOverwriteProtection ?? before.replicationOverwriteProtection ?? "ENABLED";
    const after = { ...before, replicationOverwriteProtection: protection };
    return {
      state: replaceFileSystem(state, after),
      output: { ReplicationOverwriteProtection: protection },
    };
  },
);

/** The operations that one region carries out alone, by their API names. */
export const efsReplication = {
  DeleteReplicationConfiguration: deleteReplicationConfiguration,
  DescribeReplicationConfigurations: describeReplicationConfigurations,
  UpdateFileSystemProtection: updateFileSystemProtection,
};

/** The replication with this id, while it carries files. @throws {AwsError} ReplicationNotFound */
export function requireReplicating(state: AwsState, id: string): Replication {
  const found = state.replications.find((each) => each.id === id);
  if (found === undefined || found.status === "DELETING") throw replicationNotFound(id);
  return found;
}

/** Without effect when there is none with this id. A deletion is not taken back. */
export function changeReplication(
  state: AwsState,
  id: string,
  change: Partial<Pick<Replication, "status" | "statusMessage" | "deletionMode" | "lastReplicatedTimestamp">>,
): AwsState {
  return {
    ...state,
    replications: state.replications.map((each) => {
      if (each.id !== id || (each.status === "DELETING" && change.status !== "DELETING")) return each;
      return { ...each, ...change };
    }),
  };
}

/** Ends a replication in this region: a file system that was its destination is writable, and protected again. */
export function forgetReplication(state: AwsState, id: string): AwsState {
  const replications = state.replications.filter((each) => each.id !== id);
  const { destination } = state.replications.find((each) => each.id === id) ?? {};
  const fileSystem = state.fileSystems.find((one) => one.fileSystemId === destination?.fileSystemId);
  const forgotten = { ...state, replications };
  if (fileSystem === undefined || destination?.region !== state.region) return forgotten;
  return replaceFileSystem(forgotten, { ...fileSystem, replicationOverwriteProtection: "ENABLED" });
}

function keep(state: AwsState, replication: Replication): AwsState {
  return { ...state, replications: [...state.replications, replication] };
}

function newFileSystem(state: AwsState, { now, newId }: Environment): [FileSystem, AwsState] {
  const fileSystem: FileSystem = {
    fileSystemId: newId("fs-", 17),
    creationToken: newId("destination-", 17),
    creationTime: now,
    lifeCycleState: "available",
  };
  return [fileSystem, { ...state, fileSystems: [...state.fileSystems, fileSystem] }];
}

function requireUnreplicated(state: AwsState, { fileSystemId: id }: FileSystem): void {
  const isIn = ({ region, fileSystemId }: RegionalFileSystem) => fileSystemId === id && region === state.region;
  if (!state.replications.some(({ source, destination }) => isIn(source) || isIn(destination))) return;
  throw invalid(`File system '${id}' is already in a replication configuration.`);
}

function requireReplication(state: AwsState, id: string): Replication {
  const isIn = ({ region, fileSystemId }: RegionalFileSystem) => fileSystemId === id && region === state.region;
  const found = state.replications.find(({ source, destination }) => isIn(source) || isIn(destination));
  if (found === undefined) throw replicationNotFound(id);
  return found;
}

function replicationNotFound(id: string): AwsError {
  return new AwsError("ReplicationNotFound", 404, `There is no replication configuration of '${id}'.`);
}

function regionOf(idOrArn: string | undefined): string | undefined {
  return /^arn:[^:]+:elasticfilesystem:([^:]+):/.exec(idOrArn ?? "")?.[1];
}

function arnOf({ accountId }: AwsState, { region, fileSystemId: id }: RegionalFileSystem): string {
  return `arn:aws:elasticfilesystem:${region}:${accountId}:file-system/${id}`;
}

export function describeReplication(state: AwsState, replication: Replication): object {
  const { source, destination, creationTime, status, statusMessage, lastReplicatedTimestamp } = replication;
  return {
    SourceFileSystemId: source.fileSystemId,
    SourceFileSystemRegion: source.region,
    SourceFileSystemArn: arnOf(state, source),
    OriginalSourceFileSystemArn: arnOf(state, source),
    CreationTime: creationTime,
    SourceFileSystemOwnerId: state.accountId,
    Destinations: [
      {
        Status: status,
        StatusMessage: statusMessage,
        FileSystemId: destination.fileSystemId,
        Region: destination.region,
        LastReplicatedTimestamp: lastReplicatedTimestamp,
        OwnerId: state.accountId,
      },
    ],
  };
}
