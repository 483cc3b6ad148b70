import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { GeneratedToken } from "./generated-token.ts";

export interface TokenSecretArgs {
  readonly description: string;
  /** The customer-managed key that encrypts the secret. Default: `aws/secretsmanager`. */
  readonly kmsKeyArn?: string | undefined;
  /** The secret's text, with `<token>` where the token goes. Default: the token alone. */
  readonly template?: string | undefined;
}

/**
 * Makes a secret of Secrets Manager for what clients of the stack's APIs must have. The deployment generates the first
 * token directly in the secret, so it is in no state, no output and no task definition.
 *
 * @returns the secret's ARN, known once it has a token: routers do not start without one.
 */
export function createTokenSecret(
  name: string,
  { description, kmsKeyArn, template }: TokenSecretArgs,
  opts: { readonly parent: pulumi.Resource },
): pulumi.Output<string> {
  const secret = new aws.secretsmanager.Secret(
    name,
    {
      description,
      // Without the stack, what it has is of no use.
      recoveryWindowInDays: 0,
      ...(kmsKeyArn === undefined ? {} : { kmsKeyId: kmsKeyArn }),
    },
    opts,
  );
  const token = new GeneratedToken(
    name,
    { secretId: secret.arn, region: aws.getRegionOutput({}, opts).region, profile: aws.config.profile, template },
    opts,
  );
  return token.secretId;
}
