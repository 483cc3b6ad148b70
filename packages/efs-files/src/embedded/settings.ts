/** What `openFiles` goes by: its options, and what the environment has. */
import { ROUTING_STRATEGIES } from "@efs-mount-autoscaling/routed-files";
import * as z from "zod";
import { MAX_TIME, noOthers, numberFrom, validOptions } from "../valid-options.ts";
import type { Log, OpenFilesOptions } from "./options.ts";

const MEBIBYTE = 2 ** 20;

/** What EFS grants the proxy of its mount helper. */
const MAX_CONNECTIONS = 5;

function text(form: RegExp, allowed: string) {
  const message = `must be ${allowed}`;
  return z.string(message).regex(form, message);
}

const time = (from = 1) => numberFrom(from, MAX_TIME);

const onOff = z.enum(["on", "off"], "must be on or off").transform((value) => value === "on");

const strategy = z.enum(ROUTING_STRATEGIES, `must be one of ${ROUTING_STRATEGIES.join(", ")}`);

const tls = noOthers(
  {
    serverName: text(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, "a DNS name").optional(),
    certificateAuthorityFile: z.string("must be the path of a file").optional(),
  },
  "must be true, false, or an object",
);

function isLog(value: unknown): boolean {
  return ["debug", "info", "warn", "error"].every((level) => typeof Reflect.get(Object(value), level) === "function");
}

/** As options and environment have it together. */
const settings = noOthers({
  parameterName: text(/^[\w./-]{1,1011}$/, "the name of an SSM parameter (letters, digits, . - _ /)").default(
    "/efs-mount-autoscaling/mount-targets",
  ),
  fileSystemId: text(/^fs-[0-9a-f]+$/, "an EFS file system id like fs-0123abcd").optional(),
  region: text(/^[a-z0-9-]+$/, "an AWS region like ap-northeast-1").optional(),
  rootDirectory: text(/^\/(?!(.*\/)?\.\.(\/|$))/, "an absolute path without ..").default("/data"),
  accessPointId: text(/^fsap-[0-9a-f]+$/, "an EFS access point id like fsap-0123abcd").optional(),
  iam: z.boolean("must be true or false").default(false),
  tls: tls.optional(),
  ownZone: z.string("must be a string").min(1).optional(),
  routingStrategy: strategy.optional(),
  loadFactor: numberFrom(1.05, 10).optional(),
  nfsPort: numberFrom(1, 65_535).int().optional(),
  connections: numberFrom(1, MAX_CONNECTIONS).int().default(1),
  memory: numberFrom(4 * MEBIBYTE, Number.MAX_SAFE_INTEGER).default(64 * MEBIBYTE),
  startTimeout: time().default(30_000),
  connectTimeout: time().default(5_000),
  operationTimeout: time().default(30_000),
  detectionTimeout: time().default(2_000),
  mountTableRefreshInterval: time(0).default(30_000),
  drainTimeout: time().default(300_000),
  closeTimeout: time(0).default(10_000),
  log: z.custom<Log>(isLog, "must be an object with debug, info, warn and error").optional(),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, "must be an AbortSignal").optional(),
});

export interface Settings extends Omit<z.infer<typeof settings>, "tls"> {
  readonly tls: z.infer<typeof tls> | false;
  /** Where ECS says what the task is. */
  readonly metadataUri: string | undefined;
}

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
    NFS_PORT: z.coerce.number().optional(),
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
    nfsPort: variables.NFS_PORT,
    routingStrategy: variables.ROUTING_STRATEGY,
    metadataUri: variables.ECS_CONTAINER_METADATA_URI_V4,
  }));

/**
 * An option goes before the environment; an empty variable counts as absent.
 *
 * @throws {FileError} `EINVAL` for what is not allowed; the message names each of them.
 */
export function readSettings(
  options: OpenFilesOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const variables = Object.fromEntries(Object.entries(environment).filter(([, value]) => value));
  const {
    serverName,
    certificateAuthorityFile,
    tls: isTlsOn,
    metadataUri,
    ...defaults
  } = valid(environmentSchema, variables);
  const { tls = isTlsOn } = options;
  const givenTls = tlsOf(tls, { serverName, certificateAuthorityFile });
  const checked = valid(settings, { ...given(defaults), ...given(options), tls: givenTls });
  return { ...checked, tls: checked.tls ?? false, metadataUri };
}

function tlsOf(tls: unknown, defaults: object): unknown {
  if (typeof tls === "boolean") return tls ? defaults : undefined;
  return isObject(tls) ? { ...defaults, ...given(tls) } : tls;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function given(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function valid<Schema extends z.ZodType>(schema: Schema, values: unknown): z.infer<Schema> {
  return validOptions(schema, values, "The files cannot be opened");
}
