import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createPrivateBucket } from "./private-bucket.ts";

export interface AccessLogsArgs {
  /** Days that the logs are kept. Example: 365. */
  readonly days: number;
  /** Leave the bucket in the account when it leaves the stack; else it is deleted. */
  readonly retain: boolean;
}

/** Where a load balancer writes each request that it was sent: also those that no router saw. */
export class AccessLogs extends pulumi.ComponentResource {
  /** The bucket, known once the load balancer may write to it. */
  readonly bucketName: pulumi.Output<string>;

  constructor(name: string, args: AccessLogsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:AccessLogs", name, {}, opts);

    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    const { bucket, policy } = createPrivateBucket(
      name,
      {
        // Elastic Load Balancing user guide, "Enable access logs for your Application Load Balancer".
        statements: ({ arn }) => [
          {
            Sid: "AllowLoadBalancers",
            Effect: "Allow",
            Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
            Action: "s3:PutObject",
            Resource: pulumi.interpolate`${arn}/AWSLogs/${accountId}/*`,
          },
        ],
        lifecycleRules: [{ id: "expire", status: "Enabled", filter: { prefix: "" }, expiration: { days: args.days } }],
        retain: args.retain,
      },
      this,
    );
    this.bucketName = pulumi.all([bucket.bucket, policy.id]).apply(([bucketName]) => bucketName);

    this.registerOutputs();
  }
}
