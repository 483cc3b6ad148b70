import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { GeneratedToken } from "./generated-token.ts";

export interface ApiTokenArgs {
  /** The customer-managed key that encrypts the secret. Default: `aws/secretsmanager`. */
  readonly kmsKeyArn?: string | undefined;
}

/**
 * The token that clients of the file API must have, in Secrets Manager. The deployment generates it directly
 * in the secret, so it is in no state, no output and no task definition.
 */
export class ApiToken extends pulumi.ComponentResource {
  /** The secret, known once it has a token: routers do not start without one. */
  readonly secretArn: pulumi.Output<string>;

  constructor(name: string, { kmsKeyArn }: ApiTokenArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:ApiToken", name, {}, opts);

    const secret = new aws.secretsmanager.Secret(
      name,
      {
        description: "The bearer token of the file API",
        // Without the stack, the token is of no use.
        recoveryWindowInDays: 0,
        ...(kmsKeyArn === undefined ? {} : { kmsKeyId: kmsKeyArn }),
      },
      { parent: this },
    );
    const token = new GeneratedToken(
      name,
      { secretId: secret.arn, region: aws.getRegionOutput({}, { parent: this }).region, profile: aws.config.profile },
      { parent: this },
    );
    this.secretArn = token.secretId;

    this.registerOutputs();
  }
}
