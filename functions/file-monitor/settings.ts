/**
 * The monitor's settings, from its environment.
 */
import { posix } from "node:path";
import type { MountTargetTlsSettings } from "@efs-mount-autoscaling/efs-tls";
import { DEFAULT_NFS_PORT } from "@efs-mount-autoscaling/mount-table";
import * as z from "zod";
import { THRESHOLD_MODES, type ThresholdMode } from "./forecast/threshold.ts";

/** How routers get a changed mount table: by new tasks, or by reading it again themselves. */
export type Rollout =
  | { readonly kind: "rolling-deployment"; readonly clusterName: string; readonly serviceName: string }
  | { readonly kind: "hot-reload" };

/** How the files are counted: through a mount of this process, or over NFS. */
export type CountVia =
  /** The directory to count as this process sees it: below the path where the file system is mounted. */
  | { readonly kind: "mount"; readonly countedPath: string }
  /** Plain TCP where `tls` is undefined. */
  | { readonly kind: "nfs"; readonly port: number; readonly tls: MountTargetTlsSettings | undefined };

/** All times are milliseconds. */
export interface Settings {
  /** The directory to count, as a path inside the file system. */
  readonly targetDirectory: string;
  readonly countVia: CountVia;
  /** Where what one count has seen is kept for the next. Nothing is kept where both are undefined. */
  readonly treeFile: string | undefined;
  /** It keeps what the forecast remembers, too: without a bucket the threshold is the configured one. */
  readonly treeBucket: string | undefined;
  /** After which every directory is read again. */
  readonly fullCountInterval: number;
  readonly countTimeBudget: number;
  /** How many directories are read at once. libuv runs no more of them than UV_THREADPOOL_SIZE (4). */
  readonly countConcurrency: number;
  /** How much of the time counting may take, far from the threshold: above 0, at most 1. */
  readonly maxCountTimeShare: number;
  readonly fileCountThreshold: number;
  readonly thresholdMode: ThresholdMode;
  /** How far ahead the forecast may look. */
  readonly forecastHorizon: number;
  readonly fileSystemId: string;
  readonly securityGroupId: string;
  readonly vpcId: string;
  /** The only subnets that may get a mount target; all of the VPC's when absent. */
  readonly subnetIds: readonly string[] | undefined;
  /** As many as there are Availability Zones when absent. */
  readonly maxMountTargets: number | undefined;
  readonly mountTargetPollInterval: number;
  readonly mountTargetTimeout: number;
  readonly parameterName: string;
  /** The KMS key of a SecureString parameter; Parameter Store's own key (aws/ssm) when absent. */
  readonly parameterKeyId: string | undefined;
  readonly rollout: Rollout;
}

/** An environment the monitor cannot run with; the message names every bad variable, its value and what is allowed. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/**
 * Reads the settings. An empty variable counts as absent.
 *
 * @throws {SettingsError} when a variable is missing or not allowed.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = environmentSchema.safeParse({ ROLLOUT: "rolling-deployment", ...given });
  if (result.success) return toSettings(result.data);
  const problems = result.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    return `${name} ${given[name] !== undefined ? `is ${JSON.stringify(given[name])} but` : "is missing; it"} must be ${message}`;
  });
  throw new SettingsError(`The environment is not valid: ${problems.join("; ")}`, { cause: result.error });
}

const SECONDS_IN_A_DAY = 86_400;
const MILLISECONDS_IN_A_MINUTE = 60_000;
const MILLISECONDS_IN_AN_HOUR = 3_600_000;

/** A required string of a form; `allowed` completes "must be …". */
function text(form: RegExp, allowed: string) {
  return z.string(allowed).regex(form, allowed);
}

function wholeNumber(from: number, to: number) {
  return numberBetween(/^\d+$/, from, to, `a whole number from ${from} to ${to}`);
}

/** Seconds, fractions allowed, to milliseconds. */
function seconds(from: number, to: number) {
  return numberBetween(/^\d+(\.\d+)?$/, from, to, `a number of seconds from ${from} to ${to}`).transform(
    (s) => s * 1000,
  );
}

function numberBetween(form: RegExp, from: number, to: number, allowed: string) {
  return text(form, allowed)
    .transform(Number)
    .refine((number) => number >= from && number <= to, allowed);
}

const SUBNET_IDS = /^subnet-[0-9a-f]+(\s*,\s*subnet-[0-9a-f]+)*$/;

const ecsName = text(/^[\w-]{1,255}$/, "the name of an ECS cluster or service (letters, digits, - and _), not an ARN");

const absolutePath = text(/^\//, "an absolute path").refine(
  (path) => !path.split("/").includes(".."),
  "an absolute path without ..",
);

const rolloutSchema = z.discriminatedUnion(
  "ROLLOUT",
  [
    z.object({ ROLLOUT: z.literal("rolling-deployment"), ECS_CLUSTER_NAME: ecsName, ECS_SERVICE_NAME: ecsName }),
    z.object({ ROLLOUT: z.literal("hot-reload") }),
  ],
  "rolling-deployment or hot-reload",
);

const ON_OFF = z.enum(["on", "off"], "on or off");

/** How the function connects to mount targets, by the names that the router has for it. */
const nfsSchema = z
  .object({
    COUNT_VIA: z.enum(["mount", "nfs"], "mount or nfs").default("mount"),
    NFS_PORT: wholeNumber(1, 65_535).default(DEFAULT_NFS_PORT),
    NFS_TLS: ON_OFF.default("off"),
    NFS_TLS_SERVER_NAME: text(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, "a DNS name").optional(),
    NFS_TLS_CA_FILE: z.string().optional(),
    EFS_ACCESS_POINT_ID: text(/^fsap-[0-9a-f]+$/, "an EFS access point id like fsap-0123abcd").optional(),
    EFS_IAM_AUTHORIZATION: ON_OFF.default("off"),
    AWS_REGION: z.string().optional(),
  })
  .superRefine((environment, context) => {
    const { COUNT_VIA, NFS_TLS, NFS_TLS_SERVER_NAME, EFS_ACCESS_POINT_ID, EFS_IAM_AUTHORIZATION, AWS_REGION } =
      environment;
    const demand = (variable: string, message: string) =>
      context.addIssue({ code: "custom", path: [variable], message });
    if (NFS_TLS === "on") {
      if (NFS_TLS_SERVER_NAME === undefined)
        demand("NFS_TLS_SERVER_NAME", "the name in the mount targets' certificate");
      if (EFS_IAM_AUTHORIZATION === "on" && AWS_REGION === undefined) demand("AWS_REGION", "the file system's region");
      return;
    }
    if (EFS_IAM_AUTHORIZATION === "on") demand("NFS_TLS", "on for EFS_IAM_AUTHORIZATION");
    // Without it, all of the file system would be counted.
    else if (COUNT_VIA === "nfs" && EFS_ACCESS_POINT_ID !== undefined) demand("NFS_TLS", "on for EFS_ACCESS_POINT_ID");
  });

/** The variables that the monitor reads: the stack sets them by these names. */
export const environmentSchema = z.intersection(
  z.intersection(rolloutSchema, nfsSchema),
  z.object({
    TARGET_DIRECTORY: absolutePath.default("/data"),
    EFS_MOUNT_PATH: absolutePath.default("/mnt/efs"),
    FILE_COUNT_THRESHOLD: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(100_000),
    THRESHOLD_MODE: z.enum(THRESHOLD_MODES, "fixed, observe or forecast").default("fixed"),
    FORECAST_HORIZON_MINUTES: wholeNumber(5, 1440)
      .transform((minutes) => minutes * MILLISECONDS_IN_A_MINUTE)
      .default(60 * MILLISECONDS_IN_A_MINUTE),
    COUNT_TIME_BUDGET_SECONDS: seconds(0.001, SECONDS_IN_A_DAY).default(600_000),
    COUNT_CONCURRENCY: wholeNumber(1, 256).default(32),
    COUNT_TIME_PERCENT: wholeNumber(1, 100).default(10),
    FULL_COUNT_HOURS: wholeNumber(1, 8760)
      .transform((hours) => hours * MILLISECONDS_IN_AN_HOUR)
      .default(24 * MILLISECONDS_IN_AN_HOUR),
    COUNT_TREE_FILE: absolutePath.optional(),
    COUNT_TREE_BUCKET: text(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "the name of an S3 bucket").optional(),
    EFS_FILE_SYSTEM_ID: text(/^fs-[0-9a-f]+$/, "an EFS file system id like fs-0123abcd"),
    EFS_SECURITY_GROUP_ID: text(/^sg-[0-9a-f]+$/, "a security group id like sg-0123abcd"),
    VPC_ID: text(/^vpc-[0-9a-f]+$/, "a VPC id like vpc-0123abcd"),
    SUBNET_IDS: text(SUBNET_IDS, "subnet ids like subnet-0123abcd, separated by commas")
      .transform((ids) => ids.split(",").map((id) => id.trim()))
      .optional(),
    MAX_MOUNT_TARGETS: wholeNumber(1, 1000).optional(),
    MOUNT_TARGET_POLL_INTERVAL_SECONDS: seconds(0.001, 300).default(10_000),
    MOUNT_TARGET_TIMEOUT_SECONDS: seconds(0.001, 900).default(300_000),
    SSM_PARAMETER_NAME: text(/^[\w./-]{1,1011}$/, "the name of an SSM parameter (letters, digits, . - _ /)").default(
      "/efs-mount-autoscaling/mount-targets",
    ),
    SSM_KMS_KEY_ID: z.string().optional(),
  }),
);

type MonitorEnvironment = z.infer<typeof environmentSchema>;

function toCountVia(environment: MonitorEnvironment): CountVia {
  if (environment.COUNT_VIA === "mount") {
    const countedPath = posix.join(environment.EFS_MOUNT_PATH, environment.TARGET_DIRECTORY);
    return { kind: "mount", countedPath };
  }
  const { NFS_PORT: port, NFS_TLS_SERVER_NAME: serverName } = environment;
  if (environment.NFS_TLS === "off" || serverName === undefined) return { kind: "nfs", port, tls: undefined };
  const tls = {
    serverName,
    certificateAuthorityFile: environment.NFS_TLS_CA_FILE,
    fileSystemId: environment.EFS_FILE_SYSTEM_ID,
    accessPointId: environment.EFS_ACCESS_POINT_ID,
    iamRegion: environment.EFS_IAM_AUTHORIZATION === "on" ? environment.AWS_REGION : undefined,
  };
  return { kind: "nfs", port, tls };
}

function toSettings(environment: MonitorEnvironment): Settings {
  return {
    targetDirectory: posix.normalize(environment.TARGET_DIRECTORY),
    countVia: toCountVia(environment),
    treeFile: environment.COUNT_TREE_FILE,
    treeBucket: environment.COUNT_TREE_BUCKET,
    fullCountInterval: environment.FULL_COUNT_HOURS,
    countTimeBudget: environment.COUNT_TIME_BUDGET_SECONDS,
    countConcurrency: environment.COUNT_CONCURRENCY,
    maxCountTimeShare: environment.COUNT_TIME_PERCENT / 100,
    fileCountThreshold: environment.FILE_COUNT_THRESHOLD,
    thresholdMode: environment.THRESHOLD_MODE,
    forecastHorizon: environment.FORECAST_HORIZON_MINUTES,
    fileSystemId: environment.EFS_FILE_SYSTEM_ID,
    securityGroupId: environment.EFS_SECURITY_GROUP_ID,
    vpcId: environment.VPC_ID,
    subnetIds: environment.SUBNET_IDS,
    maxMountTargets: environment.MAX_MOUNT_TARGETS,
    mountTargetPollInterval: environment.MOUNT_TARGET_POLL_INTERVAL_SECONDS,
    mountTargetTimeout: environment.MOUNT_TARGET_TIMEOUT_SECONDS,
    parameterName: environment.SSM_PARAMETER_NAME,
    parameterKeyId: environment.SSM_KMS_KEY_ID,
    rollout:
      environment.ROLLOUT === "hot-reload"
        ? { kind: "hot-reload" }
        : {
            kind: "rolling-deployment",
            clusterName: environment.ECS_CLUSTER_NAME,
            serviceName: environment.ECS_SERVICE_NAME,
          },
  };
}
