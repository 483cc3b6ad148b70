import * as pulumi from "@pulumi/pulumi";

/** Where a token goes. */
export interface TokenPlace {
  readonly secretId: string;
  readonly region: string;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
  /** The secret's text, with `<token>` where the token goes. Default: the token alone. */
  readonly template?: string | undefined;
}

/**
 * Puts a random token into a secret: 64 letters and digits, which are 381 bits. Nobody is told but Secrets Manager.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there, so it takes nothing from this module but
 * what it is given.
 *
 * @returns the id of the secret's version that has the token.
 */
export async function generateToken({ secretId, region, profile, template }: TokenPlace): Promise<string> {
  const sdk = await import("@aws-sdk/client-secrets-manager");
  const secretsManager = new sdk.SecretsManagerClient({ region, ...(profile === undefined ? {} : { profile }) });
  try {
    const { RandomPassword: token } = await secretsManager.send(
      new sdk.GetRandomPasswordCommand({ PasswordLength: 64, ExcludePunctuation: true }),
    );
    if (token === undefined) throw new Error("Secrets Manager made no random token");
    const { VersionId } = await secretsManager.send(
      new sdk.PutSecretValueCommand({
        SecretId: secretId,
        SecretString: template === undefined ? token : template.replace("<token>", token),
      }),
    );
    if (VersionId === undefined) throw new Error(`Secrets Manager did not name the version it made of ${secretId}`);
    return VersionId;
  } finally {
    secretsManager.destroy();
  }
}

const provider: pulumi.dynamic.ResourceProvider<TokenPlace, TokenPlace> = {
  async create(inputs) {
    return { id: await generateToken(inputs), outs: inputs };
  },
  // Whether anything changed is left to the engine: it also sees a change of this code, which must not rotate a token.
  async diff(_id, olds, news) {
    return { replaces: olds.secretId === news.secretId ? [] : ["secretId"] };
  },
  async update(_id, _olds, news) {
    return { outs: news };
  },
};

export interface GeneratedTokenArgs {
  readonly secretId: pulumi.Input<string>;
  readonly region: pulumi.Input<string>;
  readonly profile?: pulumi.Input<string> | undefined;
  readonly template?: pulumi.Input<string> | undefined;
}

/** The first token of a secret, made once: rotations are the operator's, and Pulumi does not undo them. */
export class GeneratedToken extends pulumi.dynamic.Resource {
  /** The secret, once it has a token. */
  declare readonly secretId: pulumi.Output<string>;

  constructor(name: string, args: GeneratedTokenArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts, "efs-mount-autoscaling", "GeneratedToken");
  }
}
