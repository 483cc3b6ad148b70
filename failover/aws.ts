/** The two regions in AWS. Each call goes to the region that it is about, or to its endpoint. */
import {
  CreateReplicationConfigurationCommand,
  DeleteFileSystemPolicyCommand,
  DeleteReplicationConfigurationCommand,
  DescribeFileSystemPolicyCommand,
  DescribeFileSystemsCommand,
  DescribeReplicationConfigurationsCommand,
  EFSClient,
  EFSServiceException,
  FileSystemNotFound,
  PolicyNotFound,
  PutFileSystemPolicyCommand,
  type ReplicationConfigurationDescription,
  ReplicationNotFound,
  UpdateFileSystemProtectionCommand,
} from "@aws-sdk/client-efs";
import {
  GetParameterCommand,
  ParameterNotFound,
  ParameterVersionNotFound,
  PutParameterCommand,
  SSMClient,
  SSMServiceException,
} from "@aws-sdk/client-ssm";
import {
  parseRegionRole,
  type RegionRole,
  RegionRoleError,
  serializeRegionRole,
  supersedes,
} from "@efs-mount-autoscaling/mount-table";
import * as z from "zod";
import { type Action, type FileSystemState, otherSide, type ReplicationView, SIDES, type Side } from "./observation.ts";
import { isFenced, withFence, withoutFence } from "./policy.ts";
import type { RegionDescription } from "./regions.ts";
import { askRouters } from "./routers.ts";
import { FailoverError, type Glimpse, NOTHING_SEEN, NotNowError, type World } from "./run.ts";

/** For the SDK's clients: a region that is lost must be noticed soon, and not for the first request that fails. */
const CLIENT_OPTIONS = {
  maxAttempts: 5,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;

/** Milliseconds for a request and its retries. */
const CALL_TIMEOUT = 20_000;

interface Clients {
  readonly efs: EFSClient;
  readonly ssm: SSMClient;
}

export function awsWorld(regions: Readonly<Record<Side, RegionDescription>>): World & { readonly close: () => void } {
  const clients = { home: clientsOf(regions.home), standby: clientsOf(regions.standby) };
  return {
    look: (side) => look(clients[side], side, regions),
    act: (action) => act(clients, action, regions),
    close: () => {
      for (const { efs, ssm } of Object.values(clients)) {
        efs.destroy();
        ssm.destroy();
      }
    },
  };
}

function clientsOf({ region, endpoint }: RegionDescription): Clients {
  const options = { ...CLIENT_OPTIONS, region, ...(endpoint !== undefined && { endpoint }) };
  return { efs: new EFSClient(options), ssm: new SSMClient(options) };
}

function deadline(): { readonly abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(CALL_TIMEOUT) };
}

type Regions = Readonly<Record<Side, RegionDescription>>;

async function look(clients: Clients, side: Side, regions: Regions): Promise<Glimpse> {
  // At once: in a region that is lost, each of the two waits until its deadline.
  const [routers, seen] = await Promise.all([askRouters(regions[side].url), lookAtApis(clients, side, regions)]);
  return { ...seen, ...routers };
}

async function lookAtApis(
  { efs, ssm }: Clients,
  side: Side,
  regions: Regions,
): Promise<Omit<Glimpse, "routersAnswer" | "routersWrite">> {
  const { region: name, fileSystemId, regionParameterName } = regions[side];
  try {
    const [role, state, policy, replication] = await Promise.all([
      readRole(ssm, regionParameterName),
      readProtection(efs, fileSystemId),
      readPolicy(efs, fileSystemId),
      readReplication(efs, fileSystemId),
    ]);
    return {
      ...{ name, reachable: true, role: role?.role },
      ...{ roleModifiedAt: role?.modifiedAt ?? 0, roleAge: role?.age ?? 0 },
      ...{ fileSystem: fileSystemState(state), fenced: isFenced(policy) },
      replication: replication && viewOf(replication, regions),
    };
  } catch (error) {
    if (isThrottling(error)) throw notNow(name, error);
    if (isAnswer(error)) throw new FailoverError(`${name} refuses: ${messageOf(error)}`, { cause: error });
    return { name, reachable: false, problem: messageOf(error), ...NOTHING_SEEN };
  }
}

/** Whether AWS has answered, and refused: such a region is not lost, and what is wrong is to be put right. */
function isAnswer(error: unknown): boolean {
  if (error instanceof EFSServiceException || error instanceof SSMServiceException) return error.$fault === "client";
  return error instanceof RegionRoleError || (error instanceof Error && error.name === "CredentialsProviderError");
}

/** By these names, and not only by the status 429, EFS and Systems Manager ask for fewer calls. */
const THROTTLING: ReadonlySet<string> = new Set([
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "TooManyRequests",
  "TooManyRequestsException",
  "RequestLimitExceeded",
]);

function isThrottling(error: unknown): boolean {
  if (!(error instanceof EFSServiceException || error instanceof SSMServiceException)) return false;
  return error.$retryable?.throttling === true || error.$metadata.httpStatusCode === 429 || THROTTLING.has(error.name);
}

function notNow(region: string, error: unknown): NotNowError {
  return new NotNowError(region, messageOf(error), { cause: error });
}

/** Milliseconds, by the clock of AWS. */
interface ReadRole {
  readonly role: RegionRole;
  readonly modifiedAt: number;
  readonly age: number;
}

async function readRole(ssm: SSMClient, name: string): Promise<ReadRole | undefined> {
  const command = new GetParameterCommand({ Name: name });
  const dateOf = watchDate(command);
  try {
    const { Parameter } = await ssm.send(command, deadline());
    const modifiedAt = Parameter?.LastModifiedDate?.getTime();
    const now = dateOf();
    const age = modifiedAt === undefined || now === undefined ? 0 : Math.max(0, now - modifiedAt);
    return { role: parseRegionRole(Parameter?.Value ?? ""), modifiedAt: modifiedAt ?? 0, age };
  } catch (error) {
    if (error instanceof ParameterNotFound) return undefined;
    throw error;
  }
}

const datedSchema = z.object({ headers: z.object({ date: z.string().transform((text) => Date.parse(text)) }) });

/**
 * When AWS responded to a command, by its own clock in whole seconds (RFC 9110, section 6.6.1): the operator's clock may
 * be wrong.
 *
 * @returns what tells it after the response, in milliseconds since 1970; undefined where the response has no date.
 */
function watchDate({ middlewareStack }: GetParameterCommand): () => number | undefined {
  let date: number | undefined;
  middlewareStack.add(
    (next) => async (request) => {
      const result = await next(request);
      date = datedSchema.safeParse(result.response).data?.headers.date;
      return result;
    },
    { step: "deserialize", name: "watchDate" },
  );
  return () => (date === undefined || Number.isNaN(date) ? undefined : date);
}

async function readProtection(efs: EFSClient, fileSystemId: string): Promise<string | undefined> {
  const { FileSystems } = await efs.send(new DescribeFileSystemsCommand({ FileSystemId: fileSystemId }), deadline());
  return FileSystems?.[0]?.FileSystemProtection?.ReplicationOverwriteProtection;
}

async function readPolicy(efs: EFSClient, fileSystemId: string): Promise<string | undefined> {
  try {
    return (await efs.send(new DescribeFileSystemPolicyCommand({ FileSystemId: fileSystemId }), deadline())).Policy;
  } catch (error) {
    if (error instanceof PolicyNotFound) return undefined;
    throw error;
  }
}

async function readReplication(
  efs: EFSClient,
  fileSystemId: string,
): Promise<ReplicationConfigurationDescription | undefined> {
  try {
    const command = new DescribeReplicationConfigurationsCommand({ FileSystemId: fileSystemId });
    return (await efs.send(command, deadline())).Replications?.[0];
  } catch (error) {
    if (error instanceof ReplicationNotFound) return undefined;
    throw error;
  }
}

const STATUSES: Readonly<Record<string, ReplicationView["status"]>> = {
  ENABLED: "enabled",
  ENABLING: "enabling",
  DELETING: "deleting",
  PAUSED: "paused",
  PAUSING: "paused",
  ERROR: "error",
};

function viewOf(
  { SourceFileSystemId, Destinations }: ReplicationConfigurationDescription,
  regions: Regions,
): ReplicationView {
  const [destination] = Destinations ?? [];
  const sideOf = (fileSystemId: string | undefined) =>
    SIDES.find((side) => regions[side].fileSystemId === fileSystemId);
  return {
    source: sideOf(SourceFileSystemId),
    destination: sideOf(destination?.FileSystemId),
    status: STATUSES[destination?.Status ?? ""] ?? "error",
    replicatedUntil: destination?.LastReplicatedTimestamp?.getTime(),
  };
}

/** @throws {NotNowError} when it is worth another attempt: EFS is asked to end a replication until it does. */
async function act(clients: Readonly<Record<Side, Clients>>, action: Action, regions: Regions): Promise<void> {
  try {
    await actNow(clients, action, regions);
  } catch (error) {
    if (!isThrottling(error) && action.kind !== "delete-replication") throw error;
    throw notNow(regions["side" in action ? action.side : action.from].region, error);
  }
}

async function actNow(clients: Readonly<Record<Side, Clients>>, action: Action, regions: Regions): Promise<void> {
  const side = action.kind === "create-replication" ? action.from : action.side;
  const { efs, ssm } = clients[side];
  const { fileSystemId, regionParameterName } = regions[side];
  switch (action.kind) {
    case "write-role":
      return writeRole(ssm, regionParameterName, action.role);
    case "fence": {
      const policy = withFence(await readPolicy(efs, fileSystemId));
      await efs.send(new PutFileSystemPolicyCommand({ FileSystemId: fileSystemId, Policy: policy }), deadline());
      return;
    }
    case "unfence":
      return unfence(efs, fileSystemId);
    case "allow-overwrite":
    case "protect": {
      const protection = action.kind === "protect" ? "ENABLED" : "DISABLED";
      const command = new UpdateFileSystemProtectionCommand({
        FileSystemId: fileSystemId,
        ReplicationOverwriteProtection: protection,
      });
      await efs.send(command, deadline());
      return;
    }
    case "delete-replication":
      return deleteReplication(efs, fileSystemId, action.where);
    case "create-replication": {
      const { region, fileSystemId: destination } = regions[otherSide(side)];
      const Destinations = [{ Region: region, FileSystemId: destination }];
      const command = new CreateReplicationConfigurationCommand({ SourceFileSystemId: fileSystemId, Destinations });
      try {
        await efs.send(command, deadline());
      } catch (error) {
        // The SDK repeats a call whose response is lost, and EFS refuses to do it twice.
        const found = await readReplication(efs, fileSystemId);
        if (found?.SourceFileSystemId !== fileSystemId || found.Destinations?.[0]?.FileSystemId !== destination) {
          throw error;
        }
      }
    }
  }
}

/**
 * Parameter Store has no condition on writes: the version tells whether somebody else has written in between. The SDK
 * repeats a write whose response is lost, which is a version of our own.
 */
async function writeRole(ssm: SSMClient, name: string, role: RegionRole): Promise<void> {
  const Value = serializeRegionRole(role);
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: name }), deadline());
  if (Parameter?.Value !== undefined && !supersedes(role, parseRegionRole(Parameter.Value)))
    throw writtenByOthers(name);
  const command = new PutParameterCommand({
    Name: name,
    Value,
    Type: "String",
    Overwrite: true,
  });
  const { Version } = await ssm.send(command, deadline());
  const first = (Parameter?.Version ?? 0) + 1;
  if (Version === undefined || Version === first) return;
  if (Version < first || Version - first >= CLIENT_OPTIONS.maxAttempts) throw writtenByOthers(name);
  for (let version = first; version < Version; version++) {
    if ((await readVersion(ssm, name, version)) !== Value) throw writtenByOthers(name);
  }
}

async function readVersion(ssm: SSMClient, name: string, version: number): Promise<string | undefined> {
  try {
    return (await ssm.send(new GetParameterCommand({ Name: `${name}:${version}` }), deadline())).Parameter?.Value;
  } catch (error) {
    if (error instanceof ParameterVersionNotFound) return undefined;
    throw error;
  }
}

function writtenByOthers(name: string): FailoverError {
  return new FailoverError(
    `Somebody else has written the role in ${name}, too: find out who, and run the command again`,
  );
}

async function unfence(efs: EFSClient, fileSystemId: string): Promise<void> {
  const before = await readPolicy(efs, fileSystemId);
  if (before === undefined) return;
  const policy = withoutFence(before);
  const input = { FileSystemId: fileSystemId };
  if (policy === undefined) await efs.send(new DeleteFileSystemPolicyCommand(input), deadline());
  else await efs.send(new PutFileSystemPolicyCommand({ ...input, Policy: policy }), deadline());
}

/**
 * The source's id names the replication in both regions (EFS, DeleteReplicationConfiguration). Where EFS has none of that
 * id any more, or no such file system, the next look shows what is left.
 */
async function deleteReplication(efs: EFSClient, fileSystemId: string, where: "everywhere" | "here"): Promise<void> {
  const replication = await readReplication(efs, fileSystemId);
  if (replication?.SourceFileSystemId === undefined) return;
  const command = new DeleteReplicationConfigurationCommand({
    SourceFileSystemId: replication.SourceFileSystemId,
    DeletionMode: where === "here" ? "LOCAL_CONFIGURATION_ONLY" : "ALL_CONFIGURATIONS",
  });
  try {
    await efs.send(command, deadline());
  } catch (error) {
    if (!(error instanceof ReplicationNotFound || error instanceof FileSystemNotFound)) throw error;
  }
}

/** By the replication overwrite protection (EFS, FileSystemProtectionDescription). */
function fileSystemState(protection: string | undefined): FileSystemState {
  if (protection === "REPLICATING") return "replica";
  return protection === "DISABLED" ? "overwritable" : "writable";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
