import * as pulumi from "@pulumi/pulumi";
import { createTokenSecret } from "./token-secret.ts";

export interface S3AccessKeysArgs {
  /** The id of the first access key: 16 to 128 letters, digits and `_`. Example: `efs_mount_autoscaling_dev`. */
  readonly accessKeyId: string;
  /** The customer-managed key that encrypts the secret. Default: `aws/secretsmanager`. */
  readonly kmsKeyArn?: string | undefined;
}

/** The access keys that clients of the S3 API must have, in Secrets Manager, which has one at first. */
export class S3AccessKeys extends pulumi.ComponentResource {
  /** The secret, known once it has an access key. */
  readonly secretArn: pulumi.Output<string>;

  constructor(name: string, { accessKeyId, kmsKeyArn }: S3AccessKeysArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:S3AccessKeys", name, {}, opts);

    this.secretArn = createTokenSecret(
      name,
      {
        description: "The access keys of the S3 API",
        kmsKeyArn,
        template: JSON.stringify({ accessKeys: [{ accessKeyId, secretAccessKey: "<token>" }] }),
      },
      { parent: this },
    );

    this.registerOutputs();
  }
}
