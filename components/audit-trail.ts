import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { denyBucketWithoutTls, policyDocument } from "./policy.ts";

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

    const bucket = this.#createBucket(args);
    const policy = this.#admitCloudTrail(bucket, args);
    this.#createTrail(bucket, policy);
    this.bucketName = bucket.bucket;

    this.registerOutputs();
  }

  #createBucket({ retentionDays, retain }: AuditTrailArgs): aws.s3.Bucket {
    const opts = { parent: this, retainOnDelete: retain };
    const bucket = new aws.s3.Bucket("audit-trail", { forceDestroy: !retain }, opts);
    new aws.s3.BucketServerSideEncryptionConfiguration(
      "audit-trail",
      { bucket: bucket.bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
      opts,
    );
    new aws.s3.BucketPublicAccessBlock(
      "audit-trail",
      {
        bucket: bucket.bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      opts,
    );
    new aws.s3.BucketLifecycleConfiguration(
      "audit-trail",
      {
        bucket: bucket.bucket,
        rules: [{ id: "expire", status: "Enabled", filter: { prefix: "" }, expiration: { days: retentionDays } }],
      },
      opts,
    );
    return bucket;
  }

  #admitCloudTrail(bucket: aws.s3.Bucket, { retain }: AuditTrailArgs): aws.s3.BucketPolicy {
    const opts = { parent: this, retainOnDelete: retain };
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    const ours = { "aws:SourceAccount": accountId };
    return new aws.s3.BucketPolicy(
      "audit-trail",
      {
        bucket: bucket.bucket,
        policy: policyDocument([
          denyBucketWithoutTls(bucket),
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
        ]),
      },
      opts,
    );
  }

  #createTrail(bucket: aws.s3.Bucket, policy: aws.s3.BucketPolicy): void {
    new aws.cloudtrail.Trail(
      "audit-trail",
      {
        s3BucketName: bucket.bucket,
        enableLogFileValidation: true,
        includeGlobalServiceEvents: false,
        eventSelectors: [{ readWriteType: "WriteOnly", includeManagementEvents: true }],
      },
      { parent: this, dependsOn: [policy] },
    );
  }
}
