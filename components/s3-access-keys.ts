import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { GeneratedToken } from "./generated-token.ts";

export interface S3AccessKeysArgs {
  /** The id of the first access key: 16 to 128 letters, digits and `_`. Example: `efs_mount_autoscaling_dev`. */
  readonly accessKeyId: string;
  /** The customer-managed key that encrypts the secret. Default: `aws/secretsmanager`. */
  readonly kmsKeyArn?: string | undefined;
}

/**
 * The access keys that clients of the S3 API must have, in Secrets Manager. The deployment generates the first one
 * directly in the secret, so it is in no state, no output and no task definition.
 */
export class S3AccessKeys extends pulumi.ComponentResource {
  /** The secret, known once it has an access key: routers do not start without one. */
  readonly secretArn: pulumi.Output<string>;

  constructor(name: string, { accessKeyId, kmsKeyArn }: S3AccessKeysArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:S3AccessKeys", name, {}, opts);

    const secret = new aws.secretsmanager.Secret(
      name,
      {
        description: "The access keys of the S3 API",
        // Without the stack, they are of no use.
        recoveryWindowInDays: 0,
        ...(kmsKeyArn === undefined ? {} : { kmsKeyId: kmsKeyArn }),
      },
      { parent: this },
    );
    const generated = new GeneratedToken(
      name,
      {
        secretId: secret.arn,
        region: aws.getRegionOutput({}, { parent: this }).region,
        profile: aws.config.profile,
        template: JSON.stringify({ accessKeys: [{ accessKeyId, secretAccessKey: "<token>" }] }),
      },
      { parent: this },
    );
    this.secretArn = generated.secretId;

    this.registerOutputs();
  }
}
