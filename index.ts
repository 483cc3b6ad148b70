/**
 * The Pulumi program: reads the stack's configuration, connects the components, and exports what an operator needs.
 */
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { buildBundles } from "./build.ts";
import { AccessLogs } from "./components/access-logs.ts";
import { findAdoption, NOTHING_ADOPTED } from "./components/adoption.ts";
import { AlarmTopic } from "./components/alarm-topic.ts";
import { Alarms } from "./components/alarms.ts";
import { ApiToken } from "./components/api-token.ts";
import { AuditTrail } from "./components/audit-trail.ts";
import { Backup } from "./components/backup.ts";
import { ContainerImage } from "./components/container-image.ts";
import { Dashboard } from "./components/dashboard.ts";
import { failoverPolicy } from "./components/failover-policy.ts";
import { FileMonitor } from "./components/file-monitor.ts";
import { FileStorage } from "./components/file-storage.ts";
import { findByFormerNames } from "./components/former-names.ts";
import { LogRouter } from "./components/log-router.ts";
import { Maintenance } from "./components/maintenance.ts";
import { MonitorStatusParameter } from "./components/monitor-status.ts";
import { MountTable } from "./components/mount-table.ts";
import { MountTargetSweeper } from "./components/mount-target-sweeper.ts";
import { nameOfStack } from "./components/name-of-stack.ts";
import { Network } from "./components/network.ts";
import { refuseOtherPartitions } from "./components/partition.ts";
import { findPeer } from "./components/peer.ts";
import { PeerAccess } from "./components/peer-access.ts";
import { RegionRole } from "./components/region-role.ts";
import { RegionalDns } from "./components/regional-dns.ts";
import { RestoreTest } from "./components/restore-test.ts";
import { Roles } from "./components/roles.ts";
import { blueprintOf } from "./components/router-blueprint.ts";
import { listenerPort, ROUTER_PORT, RouterService, S3_PORT, secondsToLetGo } from "./components/router-service.ts";
import { S3AccessKeys } from "./components/s3-access-keys.ts";
import { SecurityGroups } from "./components/security-groups.ts";
import { tagAwsResources } from "./components/tags.ts";
import { collectorPort, tracingEnvironment } from "./components/tracing.ts";
import { VpcEndpoints, zonesOfEndpointServices } from "./components/vpc-endpoints.ts";
import { parameterName, readConfig, roleParameterName, workersOf } from "./config.ts";

const config = readConfig();
await refuseOtherPartitions();
// What is deployed is built from what is checked out.
await buildBundles();
/** Of the cluster, the dashboard and the task definition, with room for what is put behind it. */
const stackName = nameOfStack(pulumi.getProject(), pulumi.getStack(), {
  joint: "-",
  forbidden: /[^A-Za-z0-9_-]/g,
  maxLength: 200,
});
const retain = config.dataOnDestroy === "retain";

findByFormerNames();
const identity = { Project: pulumi.getProject(), Stack: pulumi.getStack() };
const tags = { ...identity, Owner: config.owner };
tagAwsResources(tags);

const adopted =
  config.existingFileSystemId === undefined
    ? NOTHING_ADOPTED
    : await findAdoption({
        fileSystemId: config.existingFileSystemId,
        vpcId: config.vpcId,
        privateSubnetIds: config.privateSubnetIds,
        initialMountTargets: config.initialMountTargets,
        opensMountTargets: config.openExistingMountTargets,
        tags: identity,
        profile: aws.config.profile,
      });

const peer = await findPeer(config);
/** The stack whose role the routers read, too. */
const confirmingPeer = config.confirmRoleBy === "peer" ? peer : undefined;
/** Whether they need a way of their own to it. */
const isPeered = config.vpcId === undefined && confirmingPeer !== undefined;

const roles = new Roles("roles", { maintenance: config.maintenance });

const needs = { maintenance: config.maintenance, scaleIn: config.scaleIn !== "off" };

const network = new Network("network", {
  vpcId: config.vpcId,
  privateSubnetIds: config.privateSubnetIds,
  cidrBlock: config.vpcCidr,
  availabilityZones: config.availabilityZones,
  availabilityZoneCount: config.availabilityZoneCount,
  zonesOfServices: config.createVpcEndpoints ? zonesOfEndpointServices(needs) : {},
});
const subnetIds = network.subnets.map(({ id }) => id);

/** Where routers send their traces, in the VPC. */
const tracing = config.otlpEndpoint && {
  endpoint: config.otlpEndpoint,
  percent: config.tracePercent,
  collector: {
    cidrs: network.cidrBlocks,
    port: collectorPort(config.otlpEndpoint),
  },
};

const securityGroups = new SecurityGroups("security-groups", {
  vpcId: network.vpcId,
  allowedCidrs: network.cidrBlock.apply((own) => (config.allowedCidrs.length > 0 ? [...config.allowedCidrs] : [own])),
  listenerPort: listenerPort(config.certificateArn),
  routerPort: ROUTER_PORT,
  s3Port: config.s3Api ? S3_PORT : undefined,
  httpsToAnywhere: !config.createVpcEndpoints,
  collector: tracing?.collector,
  maintenance: config.maintenance,
  adoptedGroupIds: [...new Set(adopted.mountTargets.flatMap(({ securityGroupIds }) => securityGroupIds.slice(0, 1)))],
  opensAdoptedGroups: config.openExistingMountTargets,
});

const vpcEndpoints = config.createVpcEndpoints
  ? new VpcEndpoints("vpc-endpoints", {
      vpcId: network.vpcId,
      subnetIds,
      routeTableIds: network.routeTableIds(),
      monitor: securityGroups.monitor,
      tasks: securityGroups.tasks,
      maintenance: securityGroups.maintenance,
      scaleIn: needs.scaleIn,
      otherClients: config.vpcId === undefined ? undefined : network.cidrBlocks,
      peerCidr: isPeered ? confirmingPeer.vpcCidr : undefined,
    })
  : undefined;
/** Without these, tasks and function can connect to nothing. */
const connections = [securityGroups, vpcEndpoints].filter((each) => each !== undefined);

const peerAccess =
  confirmingPeer &&
  new PeerAccess("peer-access", {
    peer: confirmingPeer,
    taskRole: roles.task,
    network: isPeered
      ? {
          vpcId: network.vpcId,
          cidrBlock: config.vpcCidr,
          routeTableId: network.routeTableIds().apply(([id = ""]) => id),
          taskSecurityGroupId: securityGroups.tasks.id,
        }
      : undefined,
  });
const regionRole =
  config.role === undefined || peer === undefined
    ? undefined
    : new RegionRole("region-role", {
        parameterName: roleParameterName(config),
        role: config.role,
        peer,
        peerAccess,
        profile: aws.config.profile,
      });

const storage = new FileStorage("file-storage", {
  subnets: network.subnets,
  securityGroupId: securityGroups.fileSystem.id,
  initialMountTargets: config.initialMountTargets,
  directory: config.targetDirectory,
  clients: config.efsIamAuthorization ? { router: roles.task, monitor: roles.monitor } : undefined,
  maintenanceRole: roles.maintenance?.task,
  existingFileSystemId: config.existingFileSystemId,
  adopted,
  profile: aws.config.profile,
  kmsKeyArn: config.kmsKeyArn,
  performanceMode: config.performanceMode,
  throughputMode: config.throughputMode,
  provisionedThroughput: config.provisionedThroughput,
  transitionToIaDays: config.transitionToIaDays,
  replication: peer && regionRole ? { role: regionRole.role, peer } : undefined,
  retain,
});
/** Which of the two file systems is the other one's replica. */
const replication = peer &&
  regionRole && {
    ids: pulumi
      .all([regionRole.role, storage.fileSystemId, peer.fileSystemId])
      .apply(([role, own, its]) =>
        role === "primary" ? { source: own, destination: its } : { source: its, destination: own },
      ),
    lagMinutes: config.replicaLagMinutes,
  };

const mountTable = new MountTable(
  "mount-table",
  {
    parameterName: parameterName(config),
    parameterType: config.parameterType,
    kmsKeyArn: config.kmsKeyArn,
    fileSystemId: storage.fileSystemId,
    mountTargets: storage.mountTargets,
  },
  // Stacks with an existing file system have it under this name.
  {
    aliases: config.existingFileSystemId === undefined ? [] : [{ name: `mount-table-${config.existingFileSystemId}` }],
  },
);
const monitorStatus = new MonitorStatusParameter("monitor-status", { tableParameterName: parameterName(config) });
const parameterKeyArn = config.parameterType === "SecureString" ? config.kmsKeyArn : undefined;
/** How routers and the maintenance task find the file system. */
const fileSystemClient = {
  fileSystemId: storage.fileSystemId,
  fileSystemArn: storage.fileSystemArn,
  fileSystemDnsName: storage.dnsName,
  parameterName: mountTable.parameterName,
  parameterArn: mountTable.parameterArn,
  parameterKeyArn,
};

/** How routers get to the files, in the service and beside applications. */
const routerAccess = {
  ...fileSystemClient,
  accessPoint: storage.accessPoint,
  efsIamAuthorization: config.efsIamAuthorization,
  regionRole: regionRole && {
    parameterName: regionRole.parameterName,
    parameterArn: regionRole.parameterArn,
    leaseSeconds: config.roleLeaseSeconds,
  },
};
/** What all routers of the file system do alike. */
const routerConduct = {
  LOAD_FACTOR: config.loadFactor,
  HOT_SPOT_PERCENT: config.hotSpotShare,
  CHANGE_FEED: config.changeFeed ? "on" : "off",
  NFS_DETECTION_TIMEOUT_SECONDS: config.detectionTimeoutSeconds,
} as const;

const image = new ContainerImage("router", {
  context: ".",
  dockerfile: "fargate-app/Dockerfile",
  platform: config.cpuArchitecture === "ARM64" ? "linux/arm64" : "linux/amd64",
  // Applications that run it beside themselves are deployed later.
  keepImages: 20,
});

const topic = new AlarmTopic("alarms", { email: config.alarmEmail });

const logRouter = config.logRouter
  ? new LogRouter("log-router", {
      context: "fluent-bit",
      cpuArchitecture: config.cpuArchitecture,
      nameSuffix: config.nameSuffix,
      taskMemory: config.taskMemory,
      taskRole: roles.task,
      topicArn: topic.arn,
      logRetentionDays: config.logRetentionDays,
      logObjectSize: config.logObjectSize,
      logArchiveDays: config.logArchiveDays,
      retain,
    })
  : undefined;

const apiToken = config.apiToken ? new ApiToken("api-token", { kmsKeyArn: config.kmsKeyArn }) : undefined;

const s3AccessKeys = config.s3Api
  ? new S3AccessKeys("s3-access-keys", {
      accessKeyId: `${pulumi.getProject()}_${pulumi.getStack()}`.replaceAll(/\W/g, "_"),
      kmsKeyArn: config.kmsKeyArn,
    })
  : undefined;

const accessLogs = config.accessLogs
  ? new AccessLogs("access-logs", { days: config.logArchiveDays, retain })
  : undefined;

/** Routers that are replaced with each table read it once. */
const refreshSeconds = config.rollout === "hot-reload" ? config.mountTableRefreshSeconds : 0;

const router = new RouterService("router", {
  family: stackName,
  clusterName: stackName,
  vpcId: network.vpcId,
  subnetIds,
  taskSecurityGroupId: securityGroups.tasks.id,
  loadBalancerSecurityGroupId: securityGroups.loadBalancer.id,
  certificateArn: config.certificateArn,
  domainName: config.domainName,
  hostedZoneId: config.hostedZoneId,
  deletionProtection: config.deletionProtection,
  accessLogBucket: accessLogs?.bucketName,
  image: image.ref,
  imageRepositoryArn: image.repositoryArn,
  cpuArchitecture: config.cpuArchitecture,
  taskCpu: config.taskCpu,
  taskMemory: config.taskMemory,
  taskRole: roles.task,
  executionRole: roles.execution,
  ...routerAccess,
  apiTokenSecretArn: apiToken?.secretArn,
  s3AccessKeysSecretArn: s3AccessKeys?.secretArn,
  secretKeyArn: config.kmsKeyArn,
  monitorStatus,
  tracing,
  loadBalancerCidr: network.cidrBlock,
  environment: {
    ...routerConduct,
    ROUTING_STRATEGY: config.routingStrategy,
    RATE_LIMIT_PER_MINUTE: config.requestsPerMinutePerClient,
    S3_DOMAIN: config.s3Domain,
    MOUNT_TABLE_REFRESH_SECONDS: refreshSeconds,
    ROUTER_WORKERS: workersOf(config),
  },
  startTimeoutSeconds: config.startTimeoutSeconds,
  drainSeconds: config.drainSeconds,
  minTasks: config.minTasks,
  maxTasks: config.maxTasks,
  targetCpuPercent: config.targetCpuPercent,
  targetRequestsPerMinute: config.targetRequestsPerMinute,
  logGroupName: `/ecs/efs-mount-autoscaling-fargate${config.nameSuffix}`,
  logRetentionDays: config.logRetentionDays,
  tags,
  profile: aws.config.profile,
  logSidecar: logRouter?.sidecar,
  outlivedBy: connections,
});

const sweeper = new MountTargetSweeper(
  "mount-target-sweeper",
  {
    fileSystemId: storage.fileSystemId,
    ownMountTargetIds: storage.mountTargets.map(({ id }) => id),
    // What others make of an existing file system is theirs.
    securityGroupId: config.existingFileSystemId === undefined ? undefined : securityGroups.fileSystem.id,
    region: aws.getRegionOutput().region,
    profile: aws.config.profile,
  },
  { dependsOn: [network, securityGroups, storage] },
);

const monitor = new FileMonitor("file-monitor", {
  bundle: "dist/file-monitor",
  role: roles.monitor,
  memory: config.monitorMemory,
  scheduleExpression: config.scheduleExpression,
  topicArn: topic.arn,
  logGroupName: `/aws/lambda/efs-mount-autoscaling-file-monitor${config.nameSuffix}`,
  logRetentionDays: config.logRetentionDays,
  countConcurrency: config.countConcurrency,
  countVia: config.countVia,
  environment: {
    FULL_COUNT_HOURS: config.fullCountHours,
    FILE_COUNT_THRESHOLD: config.fileCountThreshold,
    THRESHOLD_MODE: config.thresholdMode,
    FORECAST_HORIZON_MINUTES: config.forecastHorizonMinutes,
    COUNT_TIME_BUDGET_SECONDS: config.countTimeBudgetSeconds,
    COUNT_TIME_PERCENT: config.countTimePercent,
    MAX_MOUNT_TARGETS: config.maxMountTargets > 0 ? config.maxMountTargets : undefined,
    MOUNT_TARGET_POLL_INTERVAL_SECONDS: config.mountTargetPollIntervalSeconds,
    MOUNT_TARGET_TIMEOUT_SECONDS: config.mountTargetTimeoutSeconds,
  },
  vpcId: network.vpcId,
  mountTargetSubnets: network.subnets,
  functionSubnetIds: config.countVia === "mount" ? storage.coveredSubnetIds : subnetIds,
  functionSecurityGroupId: securityGroups.monitor.id,
  mountTargetSecurityGroupId: securityGroups.fileSystem.id,
  fileSystemId: mountTable.fileSystemId,
  fileSystemArn: storage.fileSystemArn,
  fileSystemDnsName: storage.dnsName,
  accessPoint: storage.accessPoint,
  efsIamAuthorization: config.efsIamAuthorization,
  parameterName: mountTable.parameterName,
  parameterArn: mountTable.parameterArn,
  parameterKeyArn,
  status: monitorStatus,
  isReplicated: regionRole !== undefined,
  rollout: config.rollout,
  cluster: router.cluster,
  service: router.service,
  scaleIn:
    config.scaleIn === "off"
      ? undefined
      : {
          mode: config.scaleIn,
          percent: config.scaleInPercent,
          minutes: config.scaleInMinutes,
          minimumAgeHours: config.scaleInMinimumAgeHours,
          minMountTargets: config.initialMountTargets,
          keptMountTargetIds: storage.mountTargets.map(({ id }) => id),
          drainSeconds: secondsToLetGo(config.rollout, config.mountTableRefreshSeconds, config.drainSeconds),
          taskSecurityGroupId: config.routingStrategy === "zone-aware" ? securityGroups.tasks.id : undefined,
        },
  retain,
  outlivedBy: [...connections, ...storage.ownMountTargets, sweeper],
});

const backup = config.backup
  ? new Backup("backup", {
      fileSystemArn: storage.fileSystemArn,
      timeZone: config.timeZone,
      retentionDays: config.backupRetentionDays,
      kmsKeyArn: config.kmsKeyArn,
      copyRegion: config.backupCopyRegion,
      copyKmsKeyArn: config.backupCopyKmsKeyArn,
      retain,
    })
  : undefined;

if (backup && config.restoreTest !== "never") {
  new RestoreTest("restore-test", {
    every: config.restoreTest,
    timeZone: config.timeZone,
    fileSystemArn: storage.fileSystemArn,
    backup,
  });
}

new Alarms("alarms", {
  topicArn: topic.arn,
  fileSystemId: storage.fileSystemId,
  monitor: monitor.function,
  scheduleExpression: config.scheduleExpression,
  cluster: router.cluster,
  service: router.service,
  loadBalancer: router.loadBalancer,
  targetGroup: router.targetGroup,
  // How an existing file system is set up is not known before it is asked.
  bursting:
    config.throughputMode === "bursting" ||
    (config.throughputMode === undefined && config.existingFileSystemId !== undefined),
  meteredGibPerDay: config.meteredGibPerDay,
  replication,
  backup,
  restoreIsTested: config.restoreTest !== "never",
});

const dashboard = new Dashboard("dashboard", {
  dashboardName: stackName,
  cluster: router.cluster,
  service: router.service,
  loadBalancer: router.loadBalancer,
  targetGroup: router.targetGroup,
  s3TargetGroup: router.s3TargetGroup,
  fileSystemId: storage.fileSystemId,
  replication,
  logGroupNames: [monitor.logGroup.name, router.errorLogGroup.name],
});

if (regionRole && config.hostedZoneId && (config.sharedDomainName || config.readDomainName)) {
  new RegionalDns("regional-dns", {
    hostedZoneId: config.hostedZoneId,
    sharedDomainName: config.sharedDomainName,
    readDomainName: config.readDomainName,
    role: regionRole.role,
    loadBalancer: router.loadBalancer,
    targetGroup: router.targetGroup,
    topicArn: topic.arn,
  });
}

const maintenance =
  roles.maintenance && storage.rootAccessPoint && securityGroups.maintenance
    ? new Maintenance("maintenance", {
        ...fileSystemClient,
        accessPoint: storage.rootAccessPoint,
        // Root's rights come with the role, also where everyone may mount.
        efsIamAuthorization: true,
        family: `${stackName}-maintenance`,
        taskRole: roles.maintenance.task,
        executionRole: roles.maintenance.execution,
        subnetIds,
        securityGroupId: securityGroups.maintenance.id,
        image: image.ref,
        imageRepositoryArn: image.repositoryArn,
        cpuArchitecture: config.cpuArchitecture,
        logGroupName: `/ecs/efs-mount-autoscaling-maintenance${config.nameSuffix}`,
        logRetentionDays: config.logRetentionDays,
        profile: aws.config.profile,
        outlivedBy: connections,
      })
    : undefined;

const auditTrail = config.auditTrail ? new AuditTrail("audit-trail", { retentionDays: 365, retain }) : undefined;

/** The URL of the file API, within the VPC. */
export const url = router.url;
/** The secret with its token. */
export const apiTokenSecret = apiToken?.secretArn ?? "none";
/** The URL of the S3 API, and the secret with its access keys. */
export const s3Url = router.s3Url ?? "none";
export const s3AccessKeysSecret = s3AccessKeys?.secretArn ?? "none";
export const fileSystemId = storage.fileSystemId;
/** With `url` and `fileSystemId`, what the stack in the other region asks for. */
export const { region } = aws.getRegionOutput();
/** The parameter that has the region's role or will have it, and how long a router's lease is, for the failover program. */
export const regionParameterName = regionRole?.parameterName ?? roleParameterName(config);
export const roleLeaseSeconds = config.roleLeaseSeconds;
/** How the routers of the other region reach this region's role. */
export const vpcId = network.vpcId;
export const vpcCidr = network.cidrBlock;
export const ssmEndpoint = vpcEndpoints?.ssmEndpoint ?? "none";
export const peeringConnectionId = peerAccess?.peeringConnectionId ?? "none";
/** The IAM policy that operators need in this region to fail over. */
export const failoverPolicyDocument =
  regionRole && peer
    ? failoverPolicy({
        parameterArn: regionRole.parameterArn,
        fileSystemArn: storage.fileSystemArn,
        peerFileSystemId: peer.fileSystemId,
      })
    : "none";
export const mountTableParameter = mountTable.parameterName;
export const monitorFunction = monitor.function.name;
export const clusterName = router.cluster.name;
export const serviceName = router.service.name;
export const dashboardUrl = dashboard.url;
export const alarmTopic = topic.arn;
export const monitorLogGroup = monitor.logGroup.name;
/** The routers' errors; with no log router, all their lines. */
export const errorLogGroup = router.errorLogGroup.name;
/** The log router's own lines, and the bucket with all lines of the routers. */
export const logRouterLogGroup = logRouter?.ownLogGroup.name ?? "none";
export const logBucket = logRouter?.archive.bucketName ?? "none";
export const accessLogBucket = accessLogs?.bucketName ?? "none";
/** What a program needs to run a router beside an application of its own. */
export const routerBlueprint = blueprintOf({
  access: routerAccess,
  environment: { ...routerConduct, MOUNT_TABLE_REFRESH_SECONDS: config.mountTableRefreshSeconds },
  statements: peerAccess ? [peerAccess.statement] : [],
  told: {
    image: image.ref,
    imageRepositoryArn: image.repositoryArn,
    cpuArchitecture: config.cpuArchitecture,
    vpcId: network.vpcId,
    subnetIds,
    mountTargetGroups: securityGroups.ofMountTargets,
    vpcEndpoints: vpcEndpoints && {
      securityGroupId: vpcEndpoints.securityGroupId,
      s3PrefixListId: vpcEndpoints.s3PrefixListId,
    },
    peerCidr: peerAccess?.cidrBlock,
    tracing: tracing && { environment: tracingEnvironment(tracing), collector: tracing.collector },
    s3AccessKeysSecretArn: s3AccessKeys?.secretArn,
    secretKeyArn: config.kmsKeyArn,
  },
});
/** The vault and the role that a restore needs. */
export const backupVault = backup?.vaultName ?? "none";
export const backupRole = backup?.roleArn ?? "none";
/** The vault in the other region. */
export const backupCopyVault = backup?.copyVaultName ?? "none";
export const auditBucket = auditTrail?.bucketName ?? "none";
/** Command lines of the AWS CLI: one starts the maintenance task, the other runs `nfs ls /` in it. */
export const maintenanceTask = maintenance?.startCommand ?? "none";
export const maintenanceCommand = maintenance?.executeCommand ?? "none";
export const maintenanceLogGroup = maintenance?.logGroup.name ?? "none";
