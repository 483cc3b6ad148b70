import * as pulumi from "@pulumi/pulumi";
import { createTokenSecret } from "./token-secret.ts";

export interface ApiTokenArgs {
  /** The customer-managed key that encrypts the secret. Default: `aws/secretsmanager`. */
  readonly kmsKeyArn?: string | undefined;
}

/** The token that clients of the file API must have, in Secrets Manager. */
export class ApiToken extends pulumi.ComponentResource {
  /** The secret, known once it has a token. */
  readonly secretArn: pulumi.Output<string>;

  constructor(name: string, { kmsKeyArn }: ApiTokenArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:ApiToken", name, {}, opts);

    this.secretArn = createTokenSecret(
      name,
      { description: "The bearer token of the file API", kmsKeyArn },
      { parent: this },
    );

    this.registerOutputs();
  }
}
