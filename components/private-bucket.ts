import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { denyBucketWithoutTls, policyDocument } from "./policy.ts";

export interface PrivateBucketArgs {
  /** Who may do what, besides what identities of the account are allowed by their own policies. */
  readonly statements: (bucket: aws.s3.Bucket) => readonly aws.iam.PolicyStatement[];
  /** How long objects are kept, and where. */
  readonly lifecycleRules: readonly aws.types.input.s3.BucketLifecycleConfigurationRule[];
  /** Leave the bucket, with its policy and lifecycle, in the account when it leaves the stack; else it is deleted. */
  readonly retain: boolean;
}

export interface PrivateBucket {
  readonly bucket: aws.s3.Bucket;
  /** Writers that only the policy lets in depend on it. */
  readonly policy: aws.s3.BucketPolicy;
}

/**
 * Makes a bucket that is encrypted, closed to the public, without ACLs, and refuses plain text.
 *
 * A function and not a component of its own: its resources are parts of the component that needs the bucket.
 */
export function createPrivateBucket(
  name: string,
  { statements, lifecycleRules, retain }: PrivateBucketArgs,
  parent: pulumi.ComponentResource,
): PrivateBucket {
  const opts = { parent, retainOnDelete: retain };
  const bucket = new aws.s3.Bucket(name, { forceDestroy: !retain }, opts);
  new aws.s3.BucketServerSideEncryptionConfiguration(
    name,
    { bucket: bucket.bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
    opts,
  );
  new aws.s3.BucketOwnershipControls(
    name,
    { bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" } },
    opts,
  );
  new aws.s3.BucketPublicAccessBlock(
    name,
    {
      bucket: bucket.bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    opts,
  );
  new aws.s3.BucketLifecycleConfiguration(name, { bucket: bucket.bucket, rules: [...lifecycleRules] }, opts);
  const policy = new aws.s3.BucketPolicy(
    name,
    { bucket: bucket.bucket, policy: policyDocument([denyBucketWithoutTls(bucket), ...statements(bucket)]) },
    opts,
  );
  return { bucket, policy };
}
