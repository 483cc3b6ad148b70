import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { denyBucketWithoutTls, policyDocument } from "./policy.ts";

export interface AuditTrailArgs {
  /** Days that the trail is kept. Example: 365. */
  readonly retentionDays: number;
  /** Leave bucket and trail in the account when they leave the stack; else they are deleted. */
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
    const policy = this.#admitCloudTrail(bucket);
    this.#createTrail(bucket, policy);
    this.bucketName = bucket.bucket;

    this.registerOutputs();
  }

  #createBucket({ retentionDays, retain }: AuditTrailArgs): aws.s3.Bucket {
    const bucket = new aws.s3.Bucket(
      "audit-trail",
      { forceDestroy: !retain },
      { parent: this, retainOnDelete: retain },
    );
    new aws.s3.BucketServerSideEncryptionConfiguration(
      "audit-trail",
      { bucket: bucket.bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
      { parent: this },
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
      { parent: this },
    );
    new aws.s3.BucketLifecycleConfiguration(
      "audit-trail",
      {
        bucket: bucket.bucket,
        rules: [{ id: "expire", status: "Enabled", filter: { prefix: "" }, expiration: { days: retentionDays } }],
      },
      { parent: this },
    );
    return bucket;
  }

  #admitCloudTrail(bucket: aws.s3.Bucket): aws.s3.BucketPolicy {
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
      { parent: this },
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
