/**
 * The monitor's settings, from its environment.
 */
import { posix } from "node:path";
import type { MountTargetTlsSettings } from "@efs-mount-autoscaling/efs-tls";
import { DEFAULT_NFS_PORT } from "@efs-mount-autoscaling/mount-table";
import * as z from "zod";
import type { ServiceName } from "./aws/service.ts";
import { THRESHOLD_MODES, type ThresholdMode } from "./forecast/threshold.ts";

/** `observe` says what `on` would do. */
export const SCALE_IN_MODES = ["off", "observe", "on"] as const;

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

/** When a mount target is taken away again, and which one never. All times are milliseconds. */
export interface ScaleInSettings {
  /** Says what would be done, and does nothing. */
  readonly isObserved: boolean;
  /** The share of the threshold that the count has to be below: above 0 and below 1. */
  readonly share: number;
  /** For how long every run has to find so few files. */
  readonly window: number;
  /** For how long the mount targets must have been the same, and the threshold not passed. */
  readonly rest: number;
  readonly minMountTargets: number;
  /** Those that belong to the stack or to somebody else. */
  readonly keptMountTargetIds: readonly string[];
  /** The monitor gives it to the mount targets that it makes. */
  readonly securityGroupId: string;
  /** In whose Availability Zones this function needs a mount target, to mount the file system. */
  readonly mountedSubnetIds: readonly string[];
  /** How long a router may still work through a mount target that its table no longer gives it. */
  readonly drainTime: number;
  /** No mount target is taken away while an alarm is on that is sent there. */
  readonly alarmTopicArn: string | undefined;
  /** That of the routers' tasks, where an Availability Zone with tasks keeps its mount target. */
  readonly taskSecurityGroupId: string | undefined;
  /** The routers'. */
  readonly service: ServiceName;
  /** Whether running routers read the mount table again. */
  readonly isHotReload: boolean;
}

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
  /** What a count costs depends on it, and is not told where it is not known. */
  readonly region: string | undefined;
  readonly securityGroupId: string;
  readonly vpcId: string;
  /** The only subnets that may get a mount target; all of the VPC's when absent. */
  readonly subnetIds: readonly string[] | undefined;
  /** As many as there are Availability Zones when absent. */
  readonly maxMountTargets: number | undefined;
  readonly mountTargetPollInterval: number;
  readonly mountTargetTimeout: number;
  readonly parameterName: string;
  /** The parameter in which a run says what it saw and did; it says so nowhere where undefined. */
  readonly statusParameterName: string | undefined;
  /** Whether the file system is replicated, from or to another region. */
  readonly isReplicated: boolean;
  /** The KMS key of a SecureString parameter; Parameter Store's own key (aws/ssm) when absent. */
  readonly parameterKeyId: string | undefined;
  readonly rollout: Rollout;
  /** Undefined where no mount target is taken away. */
  readonly scaleIn: ScaleInSettings | undefined;
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

function seconds(from: number, to: number) {
  return duration("seconds", 1000, from, to);
}

/** A length of time, fractions allowed, to milliseconds. */
function duration(unit: string, milliseconds: number, from: number, to: number) {
  return numberBetween(/^\d+(\.\d+)?$/, from, to, `a number of ${unit} from ${from} to ${to}`).transform(
    (number) => number * milliseconds,
  );
}

function numberBetween(form: RegExp, from: number, to: number, allowed: string) {
  return text(form, allowed)
    .transform(Number)
    .refine((number) => number >= from && number <= to, allowed);
}

/** Ids, separated by commas. */
function ids(form: RegExp, allowed: string) {
  const list = (text: string) => text.split(",").map((id) => id.trim());
  return z
    .string(allowed)
    .refine((text) => list(text).every((id) => form.test(id)), allowed)
    .transform(list);
}

const securityGroupId = text(/^sg-[0-9a-f]+$/, "a security group id like sg-0123abcd");

const subnetIds = ids(/^subnet-[0-9a-f]+$/, "subnet ids like subnet-0123abcd, separated by commas");

const ecsName = text(/^[\w-]{1,255}$/, "the name of an ECS cluster or service (letters, digits, - and _), not an ARN");

const parameterName = text(/^[\w./-]{1,1011}$/, "the name of an SSM parameter (letters, digits, . - _ /)");

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

/** Whether mount targets are taken away, by the names that the stack's configuration has for it. */
const scaleInSchema = z
  .object({
    SCALE_IN: z.enum(SCALE_IN_MODES, "off, observe or on").default("off"),
    SCALE_IN_PERCENT: wholeNumber(1, 95).default(70),
    SCALE_IN_MINUTES: duration("minutes", MILLISECONDS_IN_A_MINUTE, 0, 10_080).default(60 * MILLISECONDS_IN_A_MINUTE),
    SCALE_IN_MINIMUM_AGE_HOURS: duration("hours", MILLISECONDS_IN_AN_HOUR, 0, 8760).default(
      24 * MILLISECONDS_IN_AN_HOUR,
    ),
    INITIAL_MOUNT_TARGETS: wholeNumber(1, 1000).optional(),
    KEPT_MOUNT_TARGET_IDS: ids(/^fsmt-[0-9a-f]+$/, "mount target ids like fsmt-0123abcd, separated by commas").default(
      [],
    ),
    MOUNTED_SUBNET_IDS: subnetIds.default([]),
    DRAIN_SECONDS: seconds(0, SECONDS_IN_A_DAY).default(600_000),
    ALARM_TOPIC_ARN: text(/^arn:[^:]+:sns:[^:]+:\d+:.+$/, "the ARN of an SNS topic").optional(),
    TASK_SECURITY_GROUP_ID: securityGroupId.optional(),
    ECS_CLUSTER_NAME: ecsName.optional(),
    ECS_SERVICE_NAME: ecsName.optional(),
  })
  .superRefine((environment, context) => {
    if (environment.SCALE_IN === "off") return;
    const demand = (variable: keyof typeof environment, message: string) => {
      if (environment[variable] === undefined) context.addIssue({ code: "custom", path: [variable], message });
    };
    demand("INITIAL_MOUNT_TARGETS", "the number of mount targets that always stay");
    demand("ECS_CLUSTER_NAME", "the name of the routers' cluster");
    demand("ECS_SERVICE_NAME", "the name of the routers' service");
  });

/** The variables that the monitor reads: the stack sets them by these names. */
export const environmentSchema = z.intersection(
  z.intersection(z.intersection(rolloutSchema, scaleInSchema), nfsSchema),
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
    EFS_SECURITY_GROUP_ID: securityGroupId,
    VPC_ID: text(/^vpc-[0-9a-f]+$/, "a VPC id like vpc-0123abcd"),
    SUBNET_IDS: subnetIds.optional(),
    MAX_MOUNT_TARGETS: wholeNumber(1, 1000).optional(),
    MOUNT_TARGET_POLL_INTERVAL_SECONDS: seconds(0.001, 300).default(10_000),
    MOUNT_TARGET_TIMEOUT_SECONDS: seconds(0.001, 900).default(300_000),
    SSM_PARAMETER_NAME: parameterName.default("/efs-mount-autoscaling/mount-targets"),
    SSM_KMS_KEY_ID: z.string().optional(),
    STATUS_PARAMETER_NAME: parameterName.optional(),
    REPLICATION: ON_OFF.default("off"),
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

function toScaleIn(environment: MonitorEnvironment): ScaleInSettings | undefined {
  const { SCALE_IN, INITIAL_MOUNT_TARGETS, ECS_CLUSTER_NAME, ECS_SERVICE_NAME } = environment;
  const isComplete =
    INITIAL_MOUNT_TARGETS !== undefined && ECS_CLUSTER_NAME !== undefined && ECS_SERVICE_NAME !== undefined;
  if (SCALE_IN === "off" || !isComplete) return undefined;
  return {
    isObserved: SCALE_IN === "observe",
    share: environment.SCALE_IN_PERCENT / 100,
    window: environment.SCALE_IN_MINUTES,
    rest: environment.SCALE_IN_MINIMUM_AGE_HOURS,
    minMountTargets: INITIAL_MOUNT_TARGETS,
    securityGroupId: environment.EFS_SECURITY_GROUP_ID,
    keptMountTargetIds: environment.KEPT_MOUNT_TARGET_IDS,
    mountedSubnetIds: environment.MOUNTED_SUBNET_IDS,
    drainTime: environment.DRAIN_SECONDS,
    alarmTopicArn: environment.ALARM_TOPIC_ARN,
    taskSecurityGroupId: environment.TASK_SECURITY_GROUP_ID,
    service: { clusterName: ECS_CLUSTER_NAME, serviceName: ECS_SERVICE_NAME },
    isHotReload: environment.ROLLOUT === "hot-reload",
  };
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
    region: environment.AWS_REGION,
    securityGroupId: environment.EFS_SECURITY_GROUP_ID,
    vpcId: environment.VPC_ID,
    subnetIds: environment.SUBNET_IDS,
    maxMountTargets: environment.MAX_MOUNT_TARGETS,
    mountTargetPollInterval: environment.MOUNT_TARGET_POLL_INTERVAL_SECONDS,
    mountTargetTimeout: environment.MOUNT_TARGET_TIMEOUT_SECONDS,
    parameterName: environment.SSM_PARAMETER_NAME,
    parameterKeyId: environment.SSM_KMS_KEY_ID,
    statusParameterName: environment.STATUS_PARAMETER_NAME,
    isReplicated: environment.REPLICATION === "on",
    rollout:
      environment.ROLLOUT === "hot-reload"
        ? { kind: "hot-reload" }
        : {
            kind: "rolling-deployment",
            clusterName: environment.ECS_CLUSTER_NAME,
            serviceName: environment.ECS_SERVICE_NAME,
          },
    scaleIn: toScaleIn(environment),
  };
}
