import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Seconds that clients may keep an answer. */
const TTL_SECONDS = 10;

export interface RegionalDnsArgs {
  readonly hostedZoneId: string;
  /** The name that leads to the primary. Example: `files.example.com`. Default: there is none. */
  readonly sharedDomainName?: string | undefined;
  /** The name that leads each client to the nearer region. Default: there is none. */
  readonly readDomainName?: string | undefined;
  readonly role: pulumi.Output<"primary" | "standby">;
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly targetGroup: aws.lb.TargetGroup;
  /** The SNS topic of the alarm. */
  readonly topicArn: pulumi.Input<string>;
}

/**
 * This region's records of the names that both regions have: one leads to the primary as long as it has a healthy
 * router, and else to the standby, the other one to the nearer region.
 *
 * Each region's stack changes its own record alone, so no record may depend on the other one. Of failover records Route 53
 * takes one PRIMARY and one SECONDARY, which two stacks cannot swap. Weights need not differ, so the stacks may change their
 * roles in any order. Route 53 answers with a record of weight 0 only where no healthy record has more; where none is
 * healthy, it answers as if all were. Records of equal weight share the clients.
 *
 * They are CNAME records, since those of aliases are kept for a minute. The checkers of Route 53 cannot reach an internal
 * load balancer, so they look at an alarm.
 *
 * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html
 * @see https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
 */
export class RegionalDns extends pulumi.ComponentResource {
  readonly #name: string;

  constructor(name: string, args: RegionalDnsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:RegionalDns", name, {}, opts);
    this.#name = name;

    const healthCheck = this.#checkHealth(args);
    const { region } = aws.getRegionOutput({}, { parent: this });
    this.#record("shared", args.sharedDomainName, args, region, healthCheck, {
      weightedRoutingPolicies: [{ weight: args.role.apply((role) => (role === "primary" ? 1 : 0)) }],
    });
    this.#record("reads", args.readDomainName, args, region, healthCheck, { latencyRoutingPolicies: [{ region }] });

    this.registerOutputs();
  }

  /**
   * Healthy as long as the load balancer has a healthy router. A region that says nothing is not.
   *
   * Route 53 copies the alarm's settings, and reads them again only when the health check is updated: `triggers` sees to that.
   *
   * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-updating-cloudwatch-alarm-settings.html
   */
  #checkHealth({ loadBalancer, targetGroup, topicArn }: RegionalDnsArgs): aws.route53.HealthCheck {
    const settings = {
      namespace: "AWS/ApplicationELB",
      metricName: "HealthyHostCount",
      dimensions: { LoadBalancer: loadBalancer.arnSuffix, TargetGroup: targetGroup.arnSuffix },
      statistic: "Maximum",
      period: 60,
      evaluationPeriods: 2,
      comparisonOperator: "LessThanThreshold",
      threshold: 1,
      treatMissingData: "breaching",
    };
    const alarm = new aws.cloudwatch.MetricAlarm(
      this.#name,
      {
        ...settings,
        alarmDescription: "No router of this region is healthy: Route 53 leads clients to the other one.",
        alarmActions: [topicArn],
        okActions: [topicArn],
      },
      { parent: this },
    );
    return new aws.route53.HealthCheck(
      this.#name,
      {
        type: "CLOUDWATCH_METRIC",
        cloudwatchAlarmName: alarm.name,
        cloudwatchAlarmRegion: aws.getRegionOutput({}, { parent: this }).region,
        insufficientDataHealthStatus: "Unhealthy",
        triggers: { alarm: pulumi.jsonStringify(settings) },
      },
      { parent: this },
    );
  }

  #record(
    name: string,
    domainName: string | undefined,
    { hostedZoneId, loadBalancer }: RegionalDnsArgs,
    region: pulumi.Output<string>,
    healthCheck: aws.route53.HealthCheck,
    policy: Pick<aws.route53.RecordArgs, "weightedRoutingPolicies" | "latencyRoutingPolicies">,
  ): void {
    if (domainName === undefined) return;
    new aws.route53.Record(
      `${this.#name}-${name}`,
      {
        zoneId: hostedZoneId,
        name: domainName,
        type: "CNAME",
        ttl: TTL_SECONDS,
        records: [loadBalancer.dnsName],
        setIdentifier: region,
        healthCheckId: healthCheck.id,
        ...policy,
      },
      { parent: this },
    );
  }
}
