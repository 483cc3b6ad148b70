/** What `openFiles` takes, and what it finds in the environment: the router's variables, by their names. */
import * as z from "zod";
import { FileError } from "../errors.ts";

/** Times are in milliseconds. */
export interface OpenFilesOptions {
  /** The SSM parameter with the mount table. Default: `SSM_PARAMETER_NAME`, or `/efs-mount-autoscaling/mount-targets`. */
  readonly parameterName?: string | undefined;
  /** Default: `EFS_FILE_SYSTEM_ID`, or what EFS says of the first mount target of the table (DescribeMountTargets). */
  readonly fileSystemId?: string | undefined;
  /** Of the file system. Default: `AWS_REGION`. */
  readonly region?: string | undefined;
  /** The directory of the file system, or of the access point, that paths begin at. Default: `ROOT_DIRECTORY`, or `/data`. */
  readonly rootDirectory?: string | undefined;
  /** Default: `EFS_ACCESS_POINT_ID`, or none. */
  readonly accessPointId?: string | undefined;
  /** Whether EFS is told which IAM role this is. Default: `EFS_IAM_AUTHORIZATION=on`. */
  readonly iam?: boolean | undefined;
  /** Whether connections are encrypted. Default: unless `NFS_TLS=off`. */
  readonly tls?: boolean | TlsOptions | undefined;
  /** The Availability Zone that this runs in, for `zone-aware`. Default: what ECS says of the task. */
  readonly ownZone?: string | undefined;
  /** Which mount target a path goes to. Default: `ROUTING_STRATEGY`, or `rendezvous`. */
  readonly routingStrategy?: RoutingStrategy | undefined;
  /** How far above the mean the load of a mount target may be, as a multiple of it. Default 1.25. */
  readonly loadFactor?: number | undefined;
  /** To each mount target, at most: 1 to 5. Default 1. */
  readonly connections?: number | undefined;
  /** Bytes of file data in memory, at most, beside what the caller holds. Default 64 MiB. */
  readonly memory?: number | undefined;
  /** For the first mount target to be reachable. Default 30,000. */
  readonly startTimeout?: number | undefined;
  /** For a connection. Default 5,000. */
  readonly connectTimeout?: number | undefined;
  /** For an operation, its failover included. Default 30,000. */
  readonly operationTimeout?: number | undefined;
  /** After which a mount target that does not respond is lost. Default 2,000. */
  readonly detectionTimeout?: number | undefined;
  /** From one poll of the mount table to the next; 0: only when told to by `reload`. Default 30,000. */
  readonly mountTableRefreshInterval?: number | undefined;
  /** For what is in flight at a mount target that retires or is no longer in the table. Default 300,000. */
  readonly drainTimeout?: number | undefined;
  /** For what is in flight when `close` is called. Default 10,000. */
  readonly closeTimeout?: number | undefined;
  /** Where it is said what happens; a logger of pino is one. Default: nowhere. */
  readonly log?: Log | undefined;
  /** Ends the opening. */
  readonly signal?: AbortSignal | undefined;
}

export interface TlsOptions {
  /** The name in the certificate. Default: `NFS_TLS_SERVER_NAME`, or `FILE_SYSTEM.efs.REGION.amazonaws.com`. */
  readonly serverName?: string | undefined;
  /** A PEM file of the only authorities to trust. Default: `NFS_TLS_CA_FILE`, or Amazon's. */
  readonly certificateAuthorityFile?: string | undefined;
}

export type RoutingStrategy = "rendezvous" | "modulo" | "bounded-load" | "zone-aware";

export interface Log {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

const MEBIBYTE = 2 ** 20;

/** What EFS grants the proxy of its mount helper. */
const MAX_CONNECTIONS = 5;

function text(form: RegExp, allowed: string) {
  const message = `must be ${allowed}`;
  return z.string(message).regex(form, message);
}

function number(from: number, to: number) {
  const message = `must be a number from ${from} to ${to}`;
  return z.number(message).min(from, message).max(to, message);
}

/** Timers take no more. */
const time = (from = 1) => number(from, 2 ** 31 - 1);

const onOff = z.enum(["on", "off"], "must be on or off").transform((value) => value === "on");

const strategy = z.enum(
  ["rendezvous", "modulo", "bounded-load", "zone-aware"] satisfies readonly RoutingStrategy[],
  "must be rendezvous, modulo, bounded-load or zone-aware",
);

const tls = z.object({
  serverName: text(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, "a DNS name").optional(),
  certificateAuthorityFile: z.string().optional(),
});

/** As options and environment have it together. */
const settings = z.object({
  parameterName: text(/^[\w./-]{1,1011}$/, "the name of an SSM parameter (letters, digits, . - _ /)").default(
    "/efs-mount-autoscaling/mount-targets",
  ),
  fileSystemId: text(/^fs-[0-9a-f]+$/, "an EFS file system id like fs-0123abcd").optional(),
  region: text(/^[a-z0-9-]+$/, "an AWS region like ap-northeast-1").optional(),
  rootDirectory: text(/^\/(?!(.*\/)?\.\.(\/|$))/, "an absolute path without ..").default("/data"),
  accessPointId: text(/^fsap-[0-9a-f]+$/, "an EFS access point id like fsap-0123abcd").optional(),
  iam: z.boolean("must be true or false").default(false),
  tls: z.union([z.boolean(), tls], "must be true, false, or an object").default(true),
  ownZone: z.string("must be a string").min(1).optional(),
  metadataUri: z.string().optional(),
  routingStrategy: strategy.optional(),
  loadFactor: number(1.05, 10).optional(),
  connections: number(1, MAX_CONNECTIONS).int().default(1),
  memory: number(4 * MEBIBYTE, Number.MAX_SAFE_INTEGER).default(64 * MEBIBYTE),
  startTimeout: time().default(30_000),
  connectTimeout: time().default(5_000),
  operationTimeout: time().default(30_000),
  detectionTimeout: time().default(2_000),
  mountTableRefreshInterval: time(0).default(30_000),
  drainTimeout: time().default(300_000),
  closeTimeout: time(0).default(10_000),
});

export type Settings = z.infer<typeof settings>;

const environmentSchema = z
  .object({
    SSM_PARAMETER_NAME: z.string().optional(),
    EFS_FILE_SYSTEM_ID: z.string().optional(),
    AWS_REGION: z.string().optional(),
    ROOT_DIRECTORY: z.string().optional(),
    EFS_ACCESS_POINT_ID: z.string().optional(),
    EFS_IAM_AUTHORIZATION: onOff.optional(),
    NFS_TLS: onOff.optional(),
    NFS_TLS_SERVER_NAME: z.string().optional(),
    NFS_TLS_CA_FILE: z.string().optional(),
    ROUTING_STRATEGY: strategy.optional(),
    ECS_CONTAINER_METADATA_URI_V4: z.string().optional(),
  })
  .transform((variables) => ({
    parameterName: variables.SSM_PARAMETER_NAME,
    fileSystemId: variables.EFS_FILE_SYSTEM_ID,
    region: variables.AWS_REGION,
    rootDirectory: variables.ROOT_DIRECTORY,
    accessPointId: variables.EFS_ACCESS_POINT_ID,
    iam: variables.EFS_IAM_AUTHORIZATION,
    tls: variables.NFS_TLS ?? true,
    serverName: variables.NFS_TLS_SERVER_NAME,
    certificateAuthorityFile: variables.NFS_TLS_CA_FILE,
    routingStrategy: variables.ROUTING_STRATEGY,
    metadataUri: variables.ECS_CONTAINER_METADATA_URI_V4,
  }));

/**
 * An option goes before the environment; an empty variable counts as absent.
 *
 * @throws {FileError} `EINVAL` for what is not allowed; the message names each of them.
 */
export function readSettings(
  { log: _, signal: __, ...options }: OpenFilesOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const variables = Object.fromEntries(Object.entries(environment).filter(([, value]) => value));
  const { serverName, certificateAuthorityFile, tls: isTlsOn, ...defaults } = valid(environmentSchema, variables);
  const { tls = isTlsOn } = options;
  const ofTls = tls !== false && { serverName, certificateAuthorityFile, ...given(tls === true ? {} : tls) };
  return valid(settings, { ...given(defaults), ...given(options), tls: ofTls });
}

function given(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function valid<Schema extends z.ZodType>(schema: Schema, values: unknown): z.infer<Schema> {
  const { data, error } = schema.safeParse(values);
  if (error === undefined) return data;
  const problems = error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
  throw new FileError("EINVAL", `The files cannot be opened: ${problems.join("; ")}`, { cause: error });
}
