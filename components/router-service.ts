import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { awslogs } from "./awslogs.ts";
import type { RouterEnvironment } from "./file-system-client.ts";
import type { LogSidecar } from "./log-sidecar.ts";
import type { MonitorStatusParameter } from "./monitor-status.ts";
import { logInToRegistryStatement, policyDocument, pullStatement, writeLogStatement } from "./policy.ts";
import {
  accessEnvironment,
  accessStatements,
  type RouterAccess,
  type RouterSecrets,
  readSecretsStatements,
  secretsEnvironment,
} from "./router-access.ts";
import { MOUNT_TARGET_DRAIN_SECONDS, routerContainer, STOP_SECONDS } from "./router-container.ts";
import { SharedLogGroup } from "./shared-log-group.ts";
import { type Tracing, tracingEnvironment } from "./tracing.ts";

/** Where the router listens, and the security groups let the load balancer in. */
export const ROUTER_PORT = 8000;

/** Where the router listens for S3 requests, and the load balancer as well. */
export const S3_PORT = 8001;

/** For clocks that differ, and for what AWS takes to stop a task. */
const MARGIN_SECONDS = 60;

/** How many polls of the mount table may fail one after the other. */
const FAILED_POLLS = 2;

/** Seconds from the first mount target that a router reaches until the load balancer calls it healthy, at most. */
const REGISTRATION_SECONDS = 60;

/** Minutes in which tasks start, pass their health checks and stop, in all but the time for draining. */
const ROLL_MINUTES = 20;

/**
 * Seconds until the load balancer closes an idle connection, and until a router does: the router must be the later, or
 * it could close a connection while a request is on its way.
 */
const LOAD_BALANCER_IDLE_SECONDS = 60;
const KEEP_ALIVE_SECONDS = LOAD_BALANCER_IDLE_SECONDS + 15;

export interface RouterServiceArgs extends RouterAccess, RouterSecrets {
  /** The task definition's name in the account and region. Example: `efs-mount-autoscaling-dev`. */
  readonly family: string;
  /** The cluster's name in the account and region. Example: `efs-mount-autoscaling-dev`. */
  readonly clusterName: string;
  readonly vpcId: pulumi.Input<string>;
  readonly subnetIds: readonly pulumi.Input<string>[];
  readonly taskSecurityGroupId: pulumi.Input<string>;
  readonly loadBalancerSecurityGroupId: pulumi.Input<string>;
  /** The certificate of an HTTPS listener on port 443. Default: HTTP on port 80. */
  readonly certificateArn?: string | undefined;
  /** The name that clients call it by, which the certificate is for. Default: the load balancer's own. */
  readonly domainName?: string | undefined;
  /** The hosted zone that gets the name. Default: the name is in DNS already. */
  readonly hostedZoneId?: string | undefined;
  /** Whether AWS refuses to delete the load balancer. */
  readonly deletionProtection: boolean;
  /** The bucket that the load balancer writes its access logs to. Default: it writes none. */
  readonly accessLogBucket?: pulumi.Input<string> | undefined;

  /** The router's image, and the repository that ECS pulls it from. */
  readonly image: pulumi.Input<string>;
  readonly imageRepositoryArn: pulumi.Input<string>;
  readonly cpuArchitecture: "ARM64" | "X86_64";
  /** CPU units and MiB of a task. Example: 512 and 1024. */
  readonly taskCpu: number;
  readonly taskMemory: number;

  readonly taskRole: aws.iam.Role;
  readonly executionRole: aws.iam.Role;

  /** The parameter in which the file monitor says what its last run saw and did. */
  readonly monitorStatus: Pick<MonitorStatusParameter, "parameterName" | "parameterArn">;
  /** The collector that gets the routers' traces. Default: nothing is traced. */
  readonly tracing?: Tracing | undefined;
  /** Where the load balancer calls the routers from. Example: `10.0.0.0/16`. */
  readonly loadBalancerCidr: pulumi.Input<string>;
  /** Variables besides those that follow from the rest. Example: `{ ROUTING_STRATEGY: "modulo" }`. */
  readonly environment: Partial<RouterEnvironment>;

  /** Seconds that a router waits at its start for a mount target to be reachable. Example: 180. */
  readonly startTimeoutSeconds: number;
  /**
   * Seconds that the load balancer waits before ECS stops a router that is replaced, also where no request is in flight.
   * Example: 60, in which a client with 100 Mbit/s transfers 750 MB.
   */
  readonly drainSeconds: number;
  readonly minTasks: number;
  readonly maxTasks: number;
  /** Average CPU, in percent, that scaling aims at. Example: 60. */
  readonly targetCpuPercent: number;
  /** Requests a minute and task that scaling aims at. Example: 30000. */
  readonly targetRequestsPerMinute: number;

  /** The log group that the routers write to where there is no sidecar. Example: `/ecs/efs-mount-autoscaling-fargate`. */
  readonly logGroupName: string;
  readonly logRetentionDays: number;
  /** For what the AWS provider does not tag. */
  readonly tags: Readonly<Record<string, string>>;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
  /** Where the routers' logs go. Default: to the log group, through `awslogs`. */
  readonly logSidecar?: LogSidecar | undefined;

  /** What is created before the first task, and deleted after the last one. */
  readonly outlivedBy: readonly pulumi.Resource[];
}

/** The routers: Fargate tasks behind an internal load balancer, scaled with the traffic. */
export class RouterService extends pulumi.ComponentResource {
  readonly url: pulumi.Output<string>;
  /** The URL of the S3 API; undefined where there is none. */
  readonly s3Url: pulumi.Output<string> | undefined;
  readonly cluster: aws.ecs.Cluster;
  readonly service: aws.ecs.Service;
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly targetGroup: aws.lb.TargetGroup;
  /** That of the S3 API; undefined where there is none. */
  readonly s3TargetGroup: aws.lb.TargetGroup | undefined;
  /** The routers' errors; with no sidecar, all their lines. */
  readonly errorLogGroup: aws.cloudwatch.LogGroup;
  readonly #name: string;

  constructor(name: string, args: RouterServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:RouterService", name, {}, opts);
    this.#name = name;

    this.cluster = this.#createCluster(args);
    this.errorLogGroup = args.logSidecar?.errorLogGroup ?? this.#createLogGroup(args);
    const policies = [this.#allowTask(args), this.#allowExecution(args)];
    const taskDefinition = this.#defineTask(args);

    this.loadBalancer = this.#createLoadBalancer(args);
    this.targetGroup = this.#createTargetGroup(name, ROUTER_PORT, args);
    const listeners = [this.#listen(name, listenerPort(args.certificateArn), this.targetGroup, args)];
    this.#addToDns(args);
    this.url = pulumi.interpolate`${args.certificateArn === undefined ? "http" : "https"}://${args.domainName ?? this.loadBalancer.dnsName}`;
    if (args.s3AccessKeysSecretArn !== undefined) {
      this.s3TargetGroup = this.#createTargetGroup(`${name}-s3`, S3_PORT, args);
      listeners.push(this.#listen(`${name}-s3`, S3_PORT, this.s3TargetGroup, args));
      this.s3Url = pulumi.interpolate`${this.url}:${S3_PORT}`;
    }

    this.service = this.#createService(args, taskDefinition, [...args.outlivedBy, ...listeners, ...policies]);
    this.#scale(args);

    this.registerOutputs();
  }

  #createLogGroup({ logGroupName, logRetentionDays }: RouterServiceArgs): aws.cloudwatch.LogGroup {
    return new aws.cloudwatch.LogGroup(
      this.#name,
      { name: logGroupName, retentionInDays: logRetentionDays },
      { parent: this },
    );
  }

  #allowTask(args: RouterServiceArgs): aws.iam.RolePolicy {
    const { region } = aws.getRegionOutput({}, { parent: this });
    return new aws.iam.RolePolicy(
      `${this.#name}-task`,
      {
        role: args.taskRole.id,
        policy: policyDocument([
          ...accessStatements(args, { parent: this }),
          ...this.#showStatusStatements(args),
          ...readSecretsStatements(args, region),
          ...(args.logSidecar?.taskStatements ?? []),
        ]),
      },
      { parent: this },
    );
  }

  /** What the status page is made of: ECS names the other routers of the cluster, the parameter the monitor's last run. */
  #showStatusStatements({ monitorStatus }: RouterServiceArgs): aws.iam.PolicyStatement[] {
    const Condition = { ArnEquals: { "ecs:cluster": this.cluster.arn } };
    return [
      // It is authorized on container instances, of which Fargate has none to name: the condition names the cluster.
      { Sid: "ListRouters", Effect: "Allow", Action: "ecs:ListTasks", Resource: "*", Condition },
      {
        Sid: "FindRouters",
        Effect: "Allow",
        Action: "ecs:DescribeTasks",
        Resource: pulumi.interpolate`${this.cluster.arn.apply((arn) => arn.replace(":cluster/", ":task/"))}/*`,
        Condition,
      },
      { Sid: "ReadMonitorStatus", Effect: "Allow", Action: "ssm:GetParameter", Resource: monitorStatus.parameterArn },
    ];
  }

  #allowExecution(args: RouterServiceArgs): aws.iam.RolePolicy {
    return new aws.iam.RolePolicy(
      `${this.#name}-execution`,
      {
        role: args.executionRole.id,
        policy: policyDocument([
          logInToRegistryStatement,
          pullStatement("PullRouterImage", args.imageRepositoryArn),
          ...(args.logSidecar?.executionStatements ?? [writeLogStatement("WriteRouterLog", this.errorLogGroup)]),
        ]),
      },
      { parent: this },
    );
  }

  #defineTask(args: RouterServiceArgs): aws.ecs.TaskDefinition {
    const { logSidecar } = args;
    const containers = [this.#routerContainer(args), ...(logSidecar === undefined ? [] : [logSidecar.container])];
    return new aws.ecs.TaskDefinition(
      this.#name,
      {
        family: args.family,
        requiresCompatibilities: ["FARGATE"],
        networkMode: "awsvpc",
        runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture: args.cpuArchitecture },
        cpu: String(args.taskCpu),
        memory: String(args.taskMemory),
        taskRoleArn: args.taskRole.arn,
        executionRoleArn: args.executionRole.arn,
        volumes: (logSidecar?.volumes ?? []).map((volume) => ({ name: volume })),
        containerDefinitions: pulumi.jsonStringify(containers),
      },
      { parent: this },
    );
  }

  #routerContainer(args: RouterServiceArgs): aws.ecs.ContainerDefinition {
    const region = aws.getRegionOutput({}, { parent: this }).region;
    const environment: RouterEnvironment = {
      ...accessEnvironment(args, { parent: this }),
      ...secretsEnvironment(args, S3_PORT),
      PORT: ROUTER_PORT,
      START_TIMEOUT_SECONDS: args.startTimeoutSeconds,
      KEEP_ALIVE_TIMEOUT_SECONDS: KEEP_ALIVE_SECONDS,
      TRUSTED_PROXIES: args.loadBalancerCidr,
      STATUS_PARAMETER_NAME: args.monitorStatus.parameterName,
      ...(args.tracing && { ...tracingEnvironment(args.tracing), OTEL_SERVICE_NAME: args.family }),
      ...args.environment,
    };
    const { logSidecar } = args;
    return routerContainer({
      name: "router",
      image: args.image,
      memory: args.taskMemory,
      environment,
      ports: [ROUTER_PORT, ...(args.s3AccessKeysSecretArn === undefined ? [] : [S3_PORT])],
      logConfiguration: logSidecar?.logConfiguration ?? awslogs(this.errorLogGroup, region, "router"),
      // ECS stops containers in the reverse order, so the sidecar gets the router's last lines.
      dependsOn: logSidecar === undefined ? [] : [{ containerName: logSidecar.container.name, condition: "HEALTHY" }],
    });
  }

  #createLoadBalancer(args: RouterServiceArgs): aws.lb.LoadBalancer {
    return new aws.lb.LoadBalancer(
      this.#name,
      {
        internal: true,
        loadBalancerType: "application",
        subnets: [...args.subnetIds],
        securityGroups: [args.loadBalancerSecurityGroupId],
        // A signature of S3 covers the host and the headers: what a client signed must arrive, and names of user
        // metadata may have a "_", which this drops.
        ...(args.s3AccessKeysSecretArn === undefined
          ? { dropInvalidHeaderFields: true }
          : { dropInvalidHeaderFields: false, preserveHostHeader: true }),
        idleTimeout: LOAD_BALANCER_IDLE_SECONDS,
        // The routers take the last address for the client's.
        xffHeaderProcessingMode: "append",
        ...(args.deletionProtection ? { enableDeletionProtection: true } : {}),
        ...(args.accessLogBucket === undefined ? {} : { accessLogs: { enabled: true, bucket: args.accessLogBucket } }),
      },
      { parent: this },
    );
  }

  #createTargetGroup(name: string, port: number, { vpcId, drainSeconds }: RouterServiceArgs): aws.lb.TargetGroup {
    return new aws.lb.TargetGroup(
      name,
      {
        vpcId,
        targetType: "ip",
        protocol: "HTTP",
        port,
        loadBalancingAlgorithmType: "least_outstanding_requests",
        deregistrationDelay: drainSeconds,
        healthCheck: {
          // It answers once a mount target was connected to. From then on, only a router that hangs is to be replaced:
          // with /readyz, ECS would replace all of them while the file system is away.
          path: "/healthz",
          // Of all that a router serves, the file API is the last to listen.
          ...(port === ROUTER_PORT ? {} : { port: String(ROUTER_PORT) }),
          matcher: "200",
          interval: 10,
          timeout: 5,
          healthyThreshold: 2,
          unhealthyThreshold: 3,
        },
      },
      { parent: this },
    );
  }

  #listen(
    name: string,
    port: number,
    targetGroup: aws.lb.TargetGroup,
    { certificateArn }: RouterServiceArgs,
  ): aws.lb.Listener {
    return new aws.lb.Listener(
      name,
      {
        loadBalancerArn: this.loadBalancer.arn,
        port,
        ...(certificateArn === undefined
          ? { protocol: "HTTP" }
          : { protocol: "HTTPS", certificateArn, sslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06" }),
        defaultActions: [{ type: "forward", targetGroupArn: targetGroup.arn }],
      },
      { parent: this },
    );
  }

  #addToDns({ domainName, hostedZoneId }: RouterServiceArgs): void {
    if (domainName === undefined || hostedZoneId === undefined) return;
    const { dnsName, zoneId } = this.loadBalancer;
    new aws.route53.Record(
      this.#name,
      {
        zoneId: hostedZoneId,
        name: domainName,
        type: "A",
        aliases: [{ name: dnsName, zoneId, evaluateTargetHealth: false }],
      },
      { parent: this },
    );
  }

  /** AWS would make the log of Container Insights, keep it for a day, and leave it behind. So it outlives the cluster. */
  #createCluster({ clusterName, logRetentionDays, tags, profile }: RouterServiceArgs): aws.ecs.Cluster {
    const log = new SharedLogGroup(
      `${this.#name}-insights`,
      {
        logGroupName: `/aws/ecs/containerinsights/${clusterName}/performance`,
        retentionDays: logRetentionDays,
        tags,
        region: aws.getRegionOutput({}, { parent: this }).region,
        profile,
      },
      { parent: this },
    );
    return new aws.ecs.Cluster(
      `${this.#name}s`,
      { name: clusterName, settings: [{ name: "containerInsights", value: "enabled" }] },
      { parent: this, dependsOn: [log] },
    );
  }

  #createService(
    args: RouterServiceArgs,
    taskDefinition: aws.ecs.TaskDefinition,
    dependsOn: pulumi.Resource[],
  ): aws.ecs.Service {
    const timeout = `${ROLL_MINUTES + Math.ceil(args.drainSeconds / 60)}m`;
    return new aws.ecs.Service(
      this.#name,
      {
        cluster: this.cluster.arn,
        taskDefinition: taskDefinition.arn,
        launchType: "FARGATE",
        desiredCount: args.minTasks,
        networkConfiguration: {
          subnets: [...args.subnetIds],
          securityGroups: [args.taskSecurityGroupId],
          assignPublicIp: false,
        },
        loadBalancers: [
          { targetGroupArn: this.targetGroup.arn, containerName: "router", containerPort: ROUTER_PORT },
          ...(this.s3TargetGroup === undefined
            ? []
            : [{ targetGroupArn: this.s3TargetGroup.arn, containerName: "router", containerPort: S3_PORT }]),
        ],
        deploymentMinimumHealthyPercent: 100,
        deploymentMaximumPercent: 200,
        deploymentCircuitBreaker: { enable: true, rollback: true },
        availabilityZoneRebalancing: "ENABLED",
        healthCheckGracePeriodSeconds: args.startTimeoutSeconds + REGISTRATION_SECONDS,
        enableEcsManagedTags: true,
        propagateTags: "SERVICE",
        waitForSteadyState: true,
      },
      {
        parent: this,
        dependsOn,
        customTimeouts: { create: timeout, update: timeout, delete: timeout },
        // Autoscaling decides the number of tasks after their creation.
        ignoreChanges: ["desiredCount"],
      },
    );
  }

  #scale(args: RouterServiceArgs): void {
    const target = new aws.appautoscaling.Target(
      this.#name,
      {
        serviceNamespace: "ecs",
        resourceId: pulumi.interpolate`service/${this.cluster.name}/${this.service.name}`,
        scalableDimension: "ecs:service:DesiredCount",
        minCapacity: args.minTasks,
        maxCapacity: args.maxTasks,
      },
      { parent: this },
    );
    this.#track("cpu", target, args.targetCpuPercent, { predefinedMetricType: "ECSServiceAverageCPUUtilization" });
    this.#trackRequests("requests", target, this.targetGroup, args);
    if (this.s3TargetGroup !== undefined) this.#trackRequests("s3-requests", target, this.s3TargetGroup, args);
  }

  #trackRequests(
    name: string,
    target: aws.appautoscaling.Target,
    targetGroup: aws.lb.TargetGroup,
    { targetRequestsPerMinute }: RouterServiceArgs,
  ): void {
    this.#track(name, target, targetRequestsPerMinute, {
      predefinedMetricType: "ALBRequestCountPerTarget",
      resourceLabel: pulumi.interpolate`${this.loadBalancer.arnSuffix}/${targetGroup.arnSuffix}`,
    });
  }

  #track(
    name: string,
    target: aws.appautoscaling.Target,
    targetValue: number,
    predefinedMetricSpecification: aws.types.input.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification,
  ): void {
    new aws.appautoscaling.Policy(
      `${this.#name}-${name}`,
      {
        policyType: "TargetTrackingScaling",
        serviceNamespace: target.serviceNamespace,
        resourceId: target.resourceId,
        scalableDimension: target.scalableDimension,
        targetTrackingScalingPolicyConfiguration: {
          targetValue,
          predefinedMetricSpecification,
          scaleOutCooldown: 60,
          scaleInCooldown: 300,
        },
      },
      { parent: this },
    );
  }
}

/** The load balancer's port: HTTPS where it has a certificate, else HTTP. */
export function listenerPort(certificateArn: string | undefined): number {
  return certificateArn === undefined ? 80 : 443;
}

/**
 * Seconds after which no router works any more on what its table no longer has, be it in the service or beside an
 * application: since the table was written, for routers that poll it, and since their deployment was completed, for
 * routers that are replaced. Those beside applications poll in any case.
 *
 * @param refreshSeconds between two polls.
 */
export function secondsToLetGo(
  rollout: "rolling-deployment" | "hot-reload",
  refreshSeconds: number,
  drainSeconds: number,
): number {
  const polling = (1 + FAILED_POLLS) * refreshSeconds + MOUNT_TARGET_DRAIN_SECONDS + MARGIN_SECONDS;
  const replaced = drainSeconds + STOP_SECONDS + MARGIN_SECONDS;
  return rollout === "hot-reload" ? polling : Math.max(polling, replaced);
}
