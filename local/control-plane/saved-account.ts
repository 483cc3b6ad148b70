/**
 * What outlives a region's outage, in a file: file systems, mount targets, replications and parameters. Tasks do not: ECS
 * starts new ones.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { ControlPlane } from "./server.ts";
import type { AwsState, FileSystem, MountTarget, Parameter, Replication } from "./state.ts";

const lifeCycleState = z.enum(["creating", "available", "updating", "deleting", "deleted", "error"]);

const fileSystem = z.object({
  fileSystemId: z.string(),
  creationToken: z.string(),
  creationTime: z.coerce.date(),
  lifeCycleState,
  availabilityZoneName: z.string().exactOptional(),
  throughputMode: z.enum(["bursting", "provisioned", "elastic"]).exactOptional(),
  provisionedThroughputInMibps: z.number().exactOptional(),
  lifecyclePolicies: z.array(z.record(z.string(), z.string())).exactOptional(),
  replicationOverwriteProtection: z.enum(["ENABLED", "DISABLED"]).exactOptional(),
  policy: z.string().exactOptional(),
}) satisfies z.ZodType<FileSystem>;

const mountTarget = z.object({
  mountTargetId: z.string(),
  fileSystemId: z.string(),
  subnetId: z.string(),
  vpcId: z.string(),
  availabilityZoneId: z.string(),
  availabilityZoneName: z.string(),
  ipAddress: z.string(),
  networkInterfaceId: z.string(),
  securityGroups: z.array(z.string()),
  lifeCycleState,
}) satisfies z.ZodType<MountTarget>;

const regionalFileSystem = z.object({ region: z.string(), fileSystemId: z.string() });

/** A replication, as JSON has it. */
export const replicationSchema = z.object({
  id: z.string(),
  source: regionalFileSystem,
  destination: regionalFileSystem,
  creationTime: z.coerce.date(),
  status: z.enum(["ENABLED", "ENABLING", "DELETING", "ERROR"]),
  statusMessage: z.string().exactOptional(),
  deletionMode: z.enum(["ALL_CONFIGURATIONS", "LOCAL_CONFIGURATION_ONLY"]).exactOptional(),
  lastReplicatedTimestamp: z.coerce.date().exactOptional(),
}) satisfies z.ZodType<Replication>;

const parameter = z.object({
  name: z.string(),
  type: z.enum(["String", "StringList", "SecureString"]),
  tier: z.enum(["Standard", "Advanced"]),
  value: z.string(),
  version: z.number(),
  lastModifiedDate: z.coerce.date(),
  previousValue: z.string().exactOptional(),
}) satisfies z.ZodType<Parameter>;

const savedSchema = z.object({
  fileSystems: z.array(fileSystem),
  mountTargets: z.array(mountTarget),
  replications: z.array(replicationSchema),
  parameters: z.array(parameter),
});

export type SavedAccount = Pick<AwsState, "fileSystems" | "mountTargets" | "replications" | "parameters">;

/** What was saved in the file; `undefined` when it does not exist yet. @throws when it is not such a file. */
export function readSavedAccount(path: string): SavedAccount | undefined {
  return existsSync(path) ? savedSchema.parse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
}

/** Saves what outlives an outage, after every change of it, and before anybody hears of that change. */
export function saveAccount(controlPlane: Pick<ControlPlane, "state" | "subscribe">, path: string): void {
  let saved: SavedAccount | undefined;
  const save = () => {
    const { fileSystems, mountTargets, replications, parameters } = controlPlane.state();
    const isSame =
      saved?.fileSystems === fileSystems &&
      saved.mountTargets === mountTargets &&
      saved.replications === replications &&
      saved.parameters === parameters;
    if (isSame) return;
    saved = { fileSystems, mountTargets, replications, parameters };
    writeFileSync(`${path}.new`, JSON.stringify(saved));
    renameSync(`${path}.new`, path);
  };
  controlPlane.subscribe(save);
  save();
}
