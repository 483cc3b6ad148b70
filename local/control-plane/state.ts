/**
 * The AWS account of the control plane: plain data, changed only by pure functions.
 *
 * Field names follow the AWS APIs, in camel case. A value of `AwsState` is never changed in place.
 */

export interface AwsState {
  readonly accountId: string;
  readonly region: string;
  readonly subnets: readonly Subnet[];
  readonly securityGroups: readonly SecurityGroup[];
  readonly fileSystems: readonly FileSystem[];
  readonly mountTargets: readonly MountTarget[];
  readonly replications: readonly Replication[];
  readonly parameters: readonly Parameter[];
  readonly secrets: readonly Secret[];
  readonly clusters: readonly Cluster[];
  readonly taskDefinitions: readonly TaskDefinition[];
  readonly services: readonly Service[];
  readonly tasks: readonly Task[];
  readonly logGroups: readonly LogGroup[];
  readonly alarms: readonly Alarm[];
}

export interface Subnet {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly availabilityZone: string;
  readonly availabilityZoneId: string;
  readonly cidrBlock: string;
  /** The addresses that a new network interface can get, in the order they are handed out. */
  readonly addresses: readonly string[];
  /** False in an Availability Zone where EFS makes no mount targets. */
  readonly supportsEfs: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

export interface SecurityGroup {
  readonly groupId: string;
  readonly vpcId: string;
}

export type LifeCycleState = "creating" | "available" | "updating" | "deleting" | "deleted" | "error";

export type ThroughputMode = "bursting" | "provisioned" | "elastic";

export interface FileSystem {
  readonly fileSystemId: string;
  readonly creationToken: string;
  readonly creationTime: Date;
  readonly lifeCycleState: LifeCycleState;
  /** Set for a One Zone file system: the only zone that may hold its mount target. */
  readonly availabilityZoneName?: string;
  /** Default: elastic. */
  readonly throughputMode?: ThroughputMode;
  readonly provisionedThroughputInMibps?: number;
  /** Each is one transition, like `{ TransitionToIA: "AFTER_30_DAYS" }`. Default: none. */
  readonly lifecyclePolicies?: readonly Readonly<Record<string, string>>[];
  /** Whether it may become a destination; that it is one, its replication says. Default: ENABLED. */
  readonly replicationOverwriteProtection?: "ENABLED" | "DISABLED";
  /** The resource policy, as JSON. Default: none, which lets everyone mount and write. */
  readonly policy?: string;
}

export type ReplicationStatus = "ENABLED" | "ENABLING" | "DELETING" | "ERROR";

/** A replication as one region knows it: both regions keep a copy, which can differ while they cannot reach each other. */
export interface Replication {
  /** The same in both regions, and never used again. EFS shows none: it tells replications of the same two apart. */
  readonly id: string;
  readonly source: RegionalFileSystem;
  readonly destination: RegionalFileSystem;
  readonly creationTime: Date;
  readonly status: ReplicationStatus;
  readonly statusMessage?: string;
  /** Set while `DELETING`: whether the other region must have deleted it first. */
  readonly deletionMode?: DeletionMode;
  /** When the latest finished sync began: what was written before is at the destination. */
  readonly lastReplicatedTimestamp?: Date;
}

export type DeletionMode = "ALL_CONFIGURATIONS" | "LOCAL_CONFIGURATION_ONLY";

export interface RegionalFileSystem {
  readonly region: string;
  readonly fileSystemId: string;
}

export interface MountTarget {
  readonly mountTargetId: string;
  readonly fileSystemId: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly availabilityZoneId: string;
  readonly availabilityZoneName: string;
  readonly ipAddress: string;
  readonly networkInterfaceId: string;
  readonly securityGroups: readonly string[];
  readonly lifeCycleState: LifeCycleState;
}

export type ParameterType = "String" | "StringList" | "SecureString";
export type ParameterTier = "Standard" | "Advanced";

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly tier: ParameterTier;
  readonly value: string;
  readonly version: number;
  readonly lastModifiedDate: Date;
  /** The value of the version before. AWS keeps a hundred of them. */
  readonly previousValue?: string;
}

export interface Secret {
  readonly name: string;
  readonly arn: string;
  /** Newest first. */
  readonly versions: readonly SecretVersion[];
}

export interface SecretVersion {
  readonly versionId: string;
  readonly secretString: string;
  /** Staging labels: AWSCURRENT, AWSPREVIOUS. */
  readonly stages: readonly string[];
  readonly createdDate: Date;
}

export interface Alarm {
  readonly alarmName: string;
  /** ARNs of whom it tells. */
  readonly alarmActions: readonly string[];
  readonly stateValue: "OK" | "ALARM" | "INSUFFICIENT_DATA";
}

export interface LogGroup {
  readonly logGroupName: string;
  /** Days. Default: for ever. */
  readonly retentionInDays?: number;
}

export interface Cluster {
  readonly clusterName: string;
}

/** What a task runs. One container: the log sidecar has no process of its own here. */
export interface TaskDefinition {
  readonly family: string;
  readonly revision: number;
  readonly containerName: string;
  /** A program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly stopTimeout: number;
}

interface DeploymentConfiguration {
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  readonly deploymentCircuitBreaker: { readonly enable: boolean; readonly rollback: boolean };
}

export interface Deployment {
  readonly id: string;
  /** PRIMARY is the deployment being brought in; ACTIVE ones still have tasks. */
  readonly status: "PRIMARY" | "ACTIVE";
  readonly taskDefinition: string;
  readonly desiredCount: number;
  /** Tasks that failed one after the other: a task that becomes healthy sets this to 0. */
  readonly failedTasks: number;
  readonly lastFailureAt?: Date;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly rolloutState: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly rolloutStateReason: string;
  /** The circuit breaker started it; it is not rolled back again. */
  readonly isRollback: boolean;
}

/** A deployment as the service's history keeps it: with its rollback, if there was one. */
export interface ServiceDeployment {
  readonly id: string;
  readonly createdAt: Date;
  readonly finishedAt?: Date;
  readonly status: ServiceDeploymentStatus;
}

/** Those that the scheduler brings about. */
export type ServiceDeploymentStatus =
  | "IN_PROGRESS"
  | "SUCCESSFUL"
  | "STOPPED"
  | "ROLLBACK_IN_PROGRESS"
  | "ROLLBACK_SUCCESSFUL"
  | "ROLLBACK_FAILED";

export interface ServiceEvent {
  readonly id: string;
  readonly createdAt: Date;
  readonly message: string;
}

export interface Service {
  readonly serviceName: string;
  readonly clusterName: string;
  readonly status: "ACTIVE" | "DRAINING" | "INACTIVE";
  readonly desiredCount: number;
  readonly taskDefinition: string;
  readonly deploymentConfiguration: DeploymentConfiguration;
  /** Newest first; exactly one is PRIMARY. */
  readonly deployments: readonly Deployment[];
  /** Newest first, at most 100. */
  readonly serviceDeployments: readonly ServiceDeployment[];
  /** The deployment that the circuit breaker rolls back to. */
  readonly lastCompleted?: { readonly deploymentId: string; readonly taskDefinition: string };
  /** Newest first, at most 100. */
  readonly events: readonly ServiceEvent[];
  readonly createdAt: Date;
}

type TaskStatus = "PENDING" | "RUNNING" | "DEACTIVATING" | "STOPPING" | "STOPPED";

export interface Task {
  readonly taskId: string;
  readonly clusterName: string;
  readonly serviceName: string;
  readonly deploymentId: string;
  readonly taskDefinition: string;
  readonly lastStatus: TaskStatus;
  readonly desiredStatus: "RUNNING" | "STOPPED";
  readonly healthStatus: "UNKNOWN" | "HEALTHY" | "UNHEALTHY";
  /** Where it is in the VPC; a task of a local run is nowhere there. */
  readonly networkInterface?: { readonly availabilityZone: string; readonly securityGroups: readonly string[] };
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly stoppingAt?: Date;
  readonly stoppedAt?: Date;
  readonly stoppedReason?: string;
  readonly exitCode?: number;
  /** Where it listens, once it has been started. */
  readonly address?: { readonly host: string; readonly port: number };
}

/** An account with nothing in it. */
export function emptyState(accountId: string, region: string): AwsState {
  return {
    accountId,
    region,
    subnets: [],
    securityGroups: [],
    fileSystems: [],
    mountTargets: [],
    replications: [],
    parameters: [],
    secrets: [],
    clusters: [],
    taskDefinitions: [],
    services: [],
    tasks: [],
    logGroups: [],
    alarms: [],
  };
}
