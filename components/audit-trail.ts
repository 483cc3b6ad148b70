import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { createPrivateBucket } from "./private-bucket.ts";

export interface AuditTrailArgs {
  /** Days that the trail is kept. Example: 365. */
  readonly retentionDays: number;
  /** Leave the bucket, with its policy and lifecycle, in the account when it leaves the stack; else it is deleted. */
  readonly retain: boolean;
}

/**
 * Who changed what: every management call of the region that writes, CreateMountTarget, PutParameter, UpdateService and
 * CreateNetworkInterface among them.
 */
export class AuditTrail extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;

  constructor(name: string, args: AuditTrailArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:AuditTrail", name, {}, opts);

    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    const { bucket, policy } = createPrivateBucket(
      name,
      {
        statements: (bucket) => admitCloudTrail(bucket, accountId),
        lifecycleRules: [
          { id: "expire", status: "Enabled", filter: { prefix: "" }, expiration: { days: args.retentionDays } },
        ],
        retain: args.retain,
      },
      this,
    );
    new aws.cloudtrail.Trail(
      name,
      {
        s3BucketName: bucket.bucket,
        enableLogFileValidation: true,
        includeGlobalServiceEvents: false,
        eventSelectors: [{ readWriteType: "WriteOnly", includeManagementEvents: true }],
      },
      { parent: this, dependsOn: [policy] },
    );
    this.bucketName = bucket.bucket;

    this.registerOutputs();
  }
}

/** CloudTrail looks at the bucket's ACL before it writes, and writes only for this account. */
function admitCloudTrail(bucket: aws.s3.Bucket, accountId: pulumi.Output<string>): aws.iam.PolicyStatement[] {
  const ours = { "aws:SourceAccount": accountId };
  return [
    {
      Sid: "AllowTrailToCheck",
      Effect: "Allow",
      Principal: { Service: "cloudtrail.amazonaws.com" },
      Action: "s3:GetBucketAcl",
      Resource: bucket.arn,
      Condition: { StringEquals: ours },
    },
    {
      Sid: "AllowTrailToWrite",
      Effect: "Allow",
      Principal: { Service: "cloudtrail.amazonaws.com" },
      Action: "s3:PutObject",
      Resource: pulumi.interpolate`${bucket.arn}/AWSLogs/${accountId}/*`,
      Condition: { StringEquals: { ...ours, "s3:x-amz-acl": "bucket-owner-full-control" } },
    },
  ];
}
