/** What `openFiles` takes. What is not given, it finds in the environment: in the router's variables, by their names. */
import type { RoutingStrategy } from "@efs-mount-autoscaling/routed-files";

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
  /** Of mount targets for which the table names none. Default: `NFS_PORT`, or 2049. */
  readonly nfsPort?: number | undefined;
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

export type { RoutingStrategy };

export interface Log {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}
