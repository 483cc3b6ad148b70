/** The router's settings, from its environment. */
import type { MountTargetTlsSettings } from "@efs-mount-autoscaling/efs-tls";
import {
  DEFAULT_NFS_PORT,
  type MountTable,
  MountTableError,
  parseMountTable,
} from "@efs-mount-autoscaling/mount-table";
import { DEFAULT_LOAD_FACTOR, ROUTING_STRATEGIES, type RoutingStrategy } from "@efs-mount-autoscaling/routed-files";
import * as z from "zod";
import type { HttpLimits } from "./http/limits.ts";

/** All times are milliseconds. */
export interface Settings {
  readonly parameterName: string;
  readonly fileSystemId: string;
  /** The table to use when neither the parameter nor the file system can be asked. */
  readonly defaultMountTable: MountTable | undefined;
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  /** Processes that share the port; undefined for one for each vCPU of the task. */
  readonly workers: number | undefined;
  /** The directory of the file system that the API's paths begin at. */
  readonly rootDirectory: string;
  readonly routingStrategy: RoutingStrategy;
  /** How far above the mean the load of a mount target may be, as a multiple of it. */
  readonly loadFactor: number;
  /** The share of the requests that makes a path hot; undefined where none is ever hot. */
  readonly hotSpotShare: number | undefined;
  /** Where a task learns of itself, in ECS. */
  readonly taskMetadataUri: string | undefined;
  /** The SSM parameter in which the file monitor says what it last saw and did; undefined where it does not. */
  readonly monitorStatusParameter: string | undefined;
  /** The path of a script, at the same host, that adds a section to the status page. */
  readonly statusPageExtension: string | undefined;
  /** The AWS region. */
  readonly region: string | undefined;
  readonly logLevel: LogLevel;
  /** Whether every request is a line in the log, or only those that fail. */
  readonly accessLog: boolean;
  readonly nfsPort: number;
  /** Plain TCP to the mount targets where undefined. */
  readonly nfsTls: MountTargetTlsSettings | undefined;
  /** To each mount target, at most. */
  readonly nfsConnections: number;
  readonly nfsOperationTimeout: number;
  readonly nfsConnectTimeout: number;
  /** After which a mount target that does not respond is lost. */
  readonly nfsDetectionTimeout: number;
  /** For the first mount target to be reachable, from when the router starts. */
  readonly startTimeout: number;
  /** From one poll of the mount table to the next; 0 to poll only when told to. */
  readonly mountTableRefreshInterval: number;
  /** For the in-flight operations of a mount target that the table no longer lists. */
  readonly mountTargetDrainTimeout: number;
  /** Bytes of file data that all requests together may hold. */
  readonly transferMemory: number;
  /** Unfinished files that nobody has written to for so long are removed, so often. */
  readonly orphanAge: number;
  readonly orphanSweepInterval: number;
  /** For which changes are kept for those who subscribe to them; nothing is recorded where undefined. */
  readonly changeFeedRetention: number | undefined;
  /** For the in-flight requests when the router is told to stop. */
  readonly shutdownTimeout: number;
  readonly httpLimits: HttpLimits;
  /** The secret with the token that clients must have. Everyone may use the API where undefined. */
  readonly apiTokenSecretId: string | undefined;
  readonly apiTokenRefreshInterval: number;
  /** The S3 API; undefined where it is off. */
  readonly s3: S3Settings | undefined;
  /** The SSM parameter with the role of this region. There is one region where undefined. */
  readonly regionParameterName: string | undefined;
  /** For which a router may write without confirming that its region is the primary. */
  readonly roleLease: number;
  /** For a read to wait until the replica has a write. */
  readonly readAfterTimeout: number;
  /** Undefined where nothing is traced. */
  readonly tracing: TracingSettings | undefined;
}

/** What is not here of the standard's variables, the exporter itself reads from the environment. */
export interface TracingSettings {
  readonly serviceName: string;
  /** Where spans are sent. */
  readonly url: string;
  readonly sampler: SamplerName;
  /** The share of the traces that a sampler with a ratio takes, from 0 to 1. */
  readonly ratio: number;
  /** From the first span that waits to when it is sent. */
  readonly delay: number;
  /** Spans that wait at most: more are dropped. */
  readonly maxQueueSize: number;
  readonly maxBatchSize: number;
}

export interface S3Settings {
  /** 0 lets the operating system choose. */
  readonly port: number;
  /** What follows the bucket in the host of a virtual-hosted-style request; all are path-style where undefined. */
  readonly domain: string | undefined;
  /** The secret with the access keys that clients must have. */
  readonly accessKeysSecretId: string;
  /** Whether access keys may be users: the file system takes requests for the uid and gid that they name. */
  readonly areUsersAllowed: boolean;
  /** Multipart uploads that had no part for so long are removed. */
  readonly uploadAge: number;
}

/** Those of the OpenTelemetry specification that need nothing beyond themselves. */
export const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

export type SamplerName = (typeof SAMPLERS)[number];

const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** An environment that the router cannot run with; the message names every bad variable and what is allowed. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/**
 * Reads the settings. An empty variable counts as absent.
 *
 * @throws {SettingsError} when a variable is missing or not allowed.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value));
  const result = environmentSchema.safeParse(given);
  if (result.success) return toSettings(result.data);
  const problems = result.error.issues.map(({ path: [variable], message }) => {
    const name = String(variable);
    return name in given ? `${name} is ${JSON.stringify(given[name])}, but must be ${message}` : `${name} is missing`;
  });
  throw new SettingsError(`The environment is not valid: ${problems.join("; ")}`, { cause: result.error });
}

/** A value of a form; `allowed` completes "must be …". */
function text(form: RegExp, allowed: string) {
  return z.string().regex(form, allowed);
}

function wholeNumber(from: number, to: number) {
  const allowed = `a whole number from ${from} to ${to}`;
  return text(/^\d+$/, allowed)
    .transform(Number)
    .refine((number) => number >= from && number <= to, allowed);
}

/** Seconds, fractions allowed, to milliseconds. */
function seconds(to: number, from = 0.001) {
  const allowed = `a number of seconds from ${from} to ${to}`;
  return text(/^\d+(\.\d+)?$/, allowed)
    .transform((value) => Number(value) * 1000)
    .refine((milliseconds) => milliseconds >= from * 1000 && milliseconds <= to * 1000, allowed);
}

function decimal(from: number, to: number) {
  const allowed = `a number from ${from} to ${to}`;
  return text(/^\d+(\.\d+)?$/, allowed)
    .transform(Number)
    .refine((number) => number >= from && number <= to, allowed);
}

function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, `one of ${values.join(", ")}`);
}

/** What EFS grants the proxy of its mount helper. */
const MAX_NFS_CONNECTIONS = 5;
export const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;

/** Of the transfer memory. Readers that do not read hold a half: the rest is for what moves. */
const APPEND_SHARE = 1 / 4;

/** More than any task has vCPUs. */
export const MAX_WORKERS = 16;

/** Milliseconds from one poll of what the file monitor has found to the next, where there is a change feed. */
export const MONITOR_POLL_INTERVAL = 30_000;

/** The only protocol of the exporter, and the specification's default. */
const OTLP_PROTOCOL = oneOf(["http/protobuf"]).default("http/protobuf");

const ON_OFF = oneOf(["on", "off"]);

const DOMAIN_NAME = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i;

const SECRET_ID = text(/^[\w/+=.@:-]{1,2048}$/, "the ARN or the name of a secret");

const HTTP_URL = z.url({ protocol: /^https?$/, error: "an http or https URL" });

const PARAMETER_NAME = text(/^[\w./-]{1,1011}$/, "the name of an SSM parameter (letters, digits, . - _ /)");

const variables = z.object({
  SSM_PARAMETER_NAME: PARAMETER_NAME.default("/efs-mount-autoscaling/mount-targets"),
  STATUS_PARAMETER_NAME: PARAMETER_NAME.optional(),
  REGION_PARAMETER_NAME: PARAMETER_NAME.optional(),
  ROLE_LEASE_SECONDS: seconds(3600, 1).default(120_000),
  READ_AFTER_TIMEOUT_SECONDS: seconds(60, 0).default(2_000),
  EFS_FILE_SYSTEM_ID: text(/^fs-[0-9a-f]+$/, "an EFS file system id like fs-0123abcd"),
  DEFAULT_MOUNT_TARGETS: z.string().transform(toMountTable).optional(),
  HOST: z.string().default("0.0.0.0"),
  PORT: wholeNumber(0, 65_535).default(8000),
  ROUTER_WORKERS: wholeNumber(1, MAX_WORKERS).optional(),
  ROOT_DIRECTORY: text(/^\/(?!(.*\/)?\.\.(\/|$))/, "an absolute path without ..").default("/data"),
  ROUTING_STRATEGY: oneOf(ROUTING_STRATEGIES).default("rendezvous"),
  LOAD_FACTOR: decimal(1.05, 10).default(DEFAULT_LOAD_FACTOR),
  HOT_SPOT_PERCENT: wholeNumber(0, 100).default(5),
  ECS_CONTAINER_METADATA_URI_V4: text(/^http:\/\//, "an http URL").optional(),
  STATUS_PAGE_EXTENSION: text(/^(\/[\w.-]+)+\.js$/, "the path of a script, such as /local/console.js").optional(),
  LOG_LEVEL: oneOf(LOG_LEVELS).default("info"),
  ACCESS_LOG: ON_OFF.default("off"),
  NFS_PORT: wholeNumber(1, 65_535).default(DEFAULT_NFS_PORT),
  NFS_TLS: ON_OFF.default("off"),
  NFS_TLS_SERVER_NAME: text(DOMAIN_NAME, "a DNS name").optional(),
  NFS_TLS_CA_FILE: z.string().optional(),
  EFS_ACCESS_POINT_ID: text(/^fsap-[0-9a-f]+$/, "an EFS access point id like fsap-0123abcd").optional(),
  EFS_IAM_AUTHORIZATION: ON_OFF.default("off"),
  AWS_REGION: text(/^[a-z0-9-]+$/, "an AWS region like ap-northeast-1").optional(),
  NFS_CONNECTIONS: wholeNumber(1, MAX_NFS_CONNECTIONS).default(1),
  NFS_OPERATION_TIMEOUT_SECONDS: seconds(3600).default(30_000),
  NFS_CONNECT_TIMEOUT_SECONDS: seconds(3600).default(5_000),
  NFS_DETECTION_TIMEOUT_SECONDS: seconds(3600).default(2_000),
  START_TIMEOUT_SECONDS: seconds(3600, 0).default(180_000),
  MOUNT_TABLE_REFRESH_SECONDS: seconds(3600, 0).default(30_000),
  MOUNT_TARGET_DRAIN_TIMEOUT_SECONDS: seconds(3600).default(300_000),
  TRANSFER_MEMORY_BYTES: wholeNumber(4 * MEBIBYTE, Number.MAX_SAFE_INTEGER).default(128 * MEBIBYTE),
  ORPHAN_AGE_SECONDS: seconds(604_800).default(86_400_000),
  ORPHAN_SWEEP_INTERVAL_SECONDS: seconds(604_800).default(86_400_000),
  CHANGE_FEED: ON_OFF.default("off"),
  CHANGE_FEED_RETENTION_SECONDS: seconds(86_400, 60).default(900_000),
  SHUTDOWN_TIMEOUT_SECONDS: seconds(3600).default(30_000),
  MAX_BODY_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(5 * GIBIBYTE),
  MAX_HEADER_BYTES: wholeNumber(1_024, 1_048_576).default(16_384),
  MAX_CONNECTIONS: wholeNumber(1, 1_000_000).default(5_000),
  HEADERS_TIMEOUT_SECONDS: seconds(3600).default(20_000),
  REQUEST_TIMEOUT_SECONDS: seconds(86_400).default(3_600_000),
  IDLE_TIMEOUT_SECONDS: seconds(3600).default(120_000),
  KEEP_ALIVE_TIMEOUT_SECONDS: seconds(3600).default(75_000),
  MIN_UPLOAD_BYTES_PER_SECOND: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(1_024),
  RATE_LIMIT_PER_MINUTE: wholeNumber(0, 1_000_000_000).default(0),
  TRUSTED_PROXIES: z.string().transform(toAddressRanges).default([]),
  MAX_MEMORY_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
  MAX_EVENT_LOOP_DELAY_SECONDS: seconds(60).default(1_000),
  API_TOKEN_SECRET_ID: SECRET_ID.optional(),
  API_TOKEN_REFRESH_SECONDS: seconds(3600).default(60_000),
  S3_API: ON_OFF.default("off"),
  S3_PORT: wholeNumber(0, 65_535).default(8001),
  S3_DOMAIN: text(DOMAIN_NAME, "a DNS name").optional(),
  S3_ACCESS_KEYS_SECRET_ID: SECRET_ID.optional(),
  S3_USERS: ON_OFF.default("off"),
  S3_UPLOAD_AGE_SECONDS: seconds(31_536_000).default(604_800_000),
  OTEL_EXPORTER_OTLP_ENDPOINT: HTTP_URL.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: HTTP_URL.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: OTLP_PROTOCOL,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: OTLP_PROTOCOL,
  OTEL_TRACES_EXPORTER: oneOf(["otlp", "none"]).default("otlp"),
  OTEL_SDK_DISABLED: text(/^(true|false)$/i, "true or false").default("false"),
  OTEL_SERVICE_NAME: z.string().default("efs-mount-autoscaling-router"),
  OTEL_TRACES_SAMPLER: oneOf(SAMPLERS).default("parentbased_always_on"),
  OTEL_TRACES_SAMPLER_ARG: decimal(0, 1).default(1),
  OTEL_BSP_SCHEDULE_DELAY: wholeNumber(1, 3_600_000).default(5_000),
  OTEL_BSP_MAX_QUEUE_SIZE: wholeNumber(1, 100_000).default(2_048),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: wholeNumber(1, 100_000).default(512),
});

/** The variables that the router reads: the stack sets them by these names. */
export const environmentSchema = variables.superRefine((environment, context) => {
  const { NFS_TLS, NFS_TLS_SERVER_NAME, EFS_ACCESS_POINT_ID, EFS_IAM_AUTHORIZATION, AWS_REGION } = environment;
  const demand = (variable: keyof typeof environment, allowed: string) => {
    context.addIssue({ code: "custom", path: [variable], message: allowed });
  };
  const iam = EFS_IAM_AUTHORIZATION === "on";
  if (NFS_TLS === "off") {
    if (iam) demand("NFS_TLS", "on for EFS_IAM_AUTHORIZATION");
    if (EFS_ACCESS_POINT_ID !== undefined) demand("NFS_TLS", "on for EFS_ACCESS_POINT_ID");
  } else if (AWS_REGION === undefined && (iam || NFS_TLS_SERVER_NAME === undefined)) {
    demand("AWS_REGION", "the file system's region");
  }
  if (environment.S3_API === "on" && environment.S3_ACCESS_KEYS_SECRET_ID === undefined) {
    demand("S3_ACCESS_KEYS_SECRET_ID", "set for S3_API");
  }
});

function toMountTable(document: string, context: z.RefinementCtx): MountTable {
  try {
    return parseMountTable(document);
  } catch (error) {
    if (!(error instanceof MountTableError)) throw error;
    context.addIssue({ code: "custom", message: `a mount table: ${error.message}` });
    return z.NEVER;
  }
}

function toAddressRanges(text: string, context: z.RefinementCtx): string[] {
  const { success, data } = z.array(z.union([z.cidrv4(), z.cidrv6()])).safeParse(text.split(/ *, */));
  if (success) return data;
  context.addIssue({ code: "custom", message: "address ranges like 10.0.0.0/16, separated by commas" });
  return z.NEVER;
}

type Environment = z.infer<typeof environmentSchema>;

function toS3Settings(environment: Environment): S3Settings | undefined {
  const { S3_API, S3_PORT: port, S3_DOMAIN: domain, S3_ACCESS_KEYS_SECRET_ID: accessKeysSecretId } = environment;
  if (S3_API === "off" || accessKeysSecretId === undefined) return undefined;
  const areUsersAllowed = environment.S3_USERS === "on";
  return { port, domain, accessKeysSecretId, areUsersAllowed, uploadAge: environment.S3_UPLOAD_AGE_SECONDS };
}

function toTracingSettings(environment: Environment): TracingSettings | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own } = environment;
  const url = own ?? (base && `${base.replace(/\/$/, "")}/v1/traces`);
  const isOff = environment.OTEL_TRACES_EXPORTER === "none" || /^true$/i.test(environment.OTEL_SDK_DISABLED);
  if (url === undefined || isOff) return undefined;
  return {
    serviceName: environment.OTEL_SERVICE_NAME,
    url,
    sampler: environment.OTEL_TRACES_SAMPLER,
    ratio: environment.OTEL_TRACES_SAMPLER_ARG,
    delay: environment.OTEL_BSP_SCHEDULE_DELAY,
    maxQueueSize: environment.OTEL_BSP_MAX_QUEUE_SIZE,
    maxBatchSize: Math.min(environment.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, environment.OTEL_BSP_MAX_QUEUE_SIZE),
  };
}

function toTlsSettings(environment: Environment): MountTargetTlsSettings | undefined {
  if (environment.NFS_TLS === "off") return undefined;
  const fileSystemId = environment.EFS_FILE_SYSTEM_ID;
  const region = environment.AWS_REGION;
  return {
    serverName: environment.NFS_TLS_SERVER_NAME ?? `${fileSystemId}.efs.${region}.amazonaws.com`,
    certificateAuthorityFile: environment.NFS_TLS_CA_FILE,
    fileSystemId,
    accessPointId: environment.EFS_ACCESS_POINT_ID,
    iamRegion: environment.EFS_IAM_AUTHORIZATION === "on" ? region : undefined,
  };
}

function toSettings(environment: Environment): Settings {
  return {
    parameterName: environment.SSM_PARAMETER_NAME,
    fileSystemId: environment.EFS_FILE_SYSTEM_ID,
    defaultMountTable: environment.DEFAULT_MOUNT_TARGETS,
    host: environment.HOST,
    port: environment.PORT,
    workers: environment.ROUTER_WORKERS,
    rootDirectory: environment.ROOT_DIRECTORY,
    routingStrategy: environment.ROUTING_STRATEGY,
    loadFactor: environment.LOAD_FACTOR,
    hotSpotShare: environment.HOT_SPOT_PERCENT === 0 ? undefined : environment.HOT_SPOT_PERCENT / 100,
    taskMetadataUri: environment.ECS_CONTAINER_METADATA_URI_V4,
    monitorStatusParameter: environment.STATUS_PARAMETER_NAME,
    statusPageExtension: environment.STATUS_PAGE_EXTENSION,
    region: environment.AWS_REGION,
    logLevel: environment.LOG_LEVEL,
    accessLog: environment.ACCESS_LOG === "on",
    nfsPort: environment.NFS_PORT,
    nfsTls: toTlsSettings(environment),
    nfsConnections: environment.NFS_CONNECTIONS,
    nfsOperationTimeout: environment.NFS_OPERATION_TIMEOUT_SECONDS,
    nfsConnectTimeout: environment.NFS_CONNECT_TIMEOUT_SECONDS,
    nfsDetectionTimeout: environment.NFS_DETECTION_TIMEOUT_SECONDS,
    startTimeout: environment.START_TIMEOUT_SECONDS,
    mountTableRefreshInterval: environment.MOUNT_TABLE_REFRESH_SECONDS,
    mountTargetDrainTimeout: environment.MOUNT_TARGET_DRAIN_TIMEOUT_SECONDS,
    transferMemory: environment.TRANSFER_MEMORY_BYTES,
    orphanAge: environment.ORPHAN_AGE_SECONDS,
    orphanSweepInterval: environment.ORPHAN_SWEEP_INTERVAL_SECONDS,
    changeFeedRetention: environment.CHANGE_FEED === "on" ? environment.CHANGE_FEED_RETENTION_SECONDS : undefined,
    shutdownTimeout: environment.SHUTDOWN_TIMEOUT_SECONDS,
    httpLimits: {
      maxBodyBytes: environment.MAX_BODY_BYTES,
      maxHeaderBytes: environment.MAX_HEADER_BYTES,
      maxConnections: environment.MAX_CONNECTIONS,
      headersTimeout: environment.HEADERS_TIMEOUT_SECONDS,
      requestTimeout: environment.REQUEST_TIMEOUT_SECONDS,
      idleTimeout: environment.IDLE_TIMEOUT_SECONDS,
      keepAliveTimeout: environment.KEEP_ALIVE_TIMEOUT_SECONDS,
      minUploadRate: environment.MIN_UPLOAD_BYTES_PER_SECOND,
      appendMemory: environment.TRANSFER_MEMORY_BYTES * APPEND_SHARE,
      requestsPerMinute: environment.RATE_LIMIT_PER_MINUTE,
      trustedProxies: environment.TRUSTED_PROXIES,
      maxMemory: environment.MAX_MEMORY_BYTES,
      maxEventLoopDelay: environment.MAX_EVENT_LOOP_DELAY_SECONDS,
    },
    apiTokenSecretId: environment.API_TOKEN_SECRET_ID,
    apiTokenRefreshInterval: environment.API_TOKEN_REFRESH_SECONDS,
    s3: toS3Settings(environment),
    regionParameterName: environment.REGION_PARAMETER_NAME,
    roleLease: environment.ROLE_LEASE_SECONDS,
    readAfterTimeout: environment.READ_AFTER_TIMEOUT_SECONDS,
    tracing: toTracingSettings(environment),
  };
}
