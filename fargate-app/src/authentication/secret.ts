/** Secrets in AWS Secrets Manager. */
import { AWS_CLIENT_OPTIONS, AWS_REQUEST_TIMEOUT } from "@efs-mount-autoscaling/routed-files/aws-client";
import type { TokenSource } from "./api-tokens.ts";
import type { SecretSource } from "./followed-source.ts";

/** A `b64token` (RFC 6750 §2.1) that nobody guesses. */
const TOKEN = /^(?=.{32,4096}$)[A-Za-z0-9._~+/-]+=*$/;

/** A secret that cannot be used; the message does not tell what is in it. */
class SecretError extends Error {
  override readonly name = "SecretError";
}

/** How a secret is read. */
export interface SecretForm<Value> {
  /** Completes "The secret must be …". */
  readonly allowed: string;
  /** What is in a secret of this form; undefined for a text of another one. */
  readonly parse: (text: string) => Value | undefined;
}

const TOKEN_FORM: SecretForm<string> = {
  allowed: "a text of 32 to 4096 letters, digits and -._~+/",
  parse: (text) => (TOKEN.test(text) ? text : undefined),
};

/** The token in the secret, and the one that was in it before. */
export function secretSource(secretId: string): TokenSource {
  return versionsOf(secretId, TOKEN_FORM);
}

/**
 * What is in the secret, and what was in it before (Secrets Manager, GetSecretValue of the versions AWSCURRENT and
 * AWSPREVIOUS): while a secret is rotated, clients have the one or the other.
 *
 * @param secretId The secret's ARN or name.
 */
export function versionsOf<Value>(secretId: string, { allowed, parse }: SecretForm<Value>): SecretSource<Value> {
  const load = async () => {
    const sdk = await import("@aws-sdk/client-secrets-manager");
    const client = new sdk.SecretsManagerClient(AWS_CLIENT_OPTIONS);
    const abortSignal = AbortSignal.timeout(AWS_REQUEST_TIMEOUT);
    const read = async (VersionStage: string) => {
      const command = new sdk.GetSecretValueCommand({ SecretId: secretId, VersionStage });
      // A file that it came from ends with a line feed.
      return parse((await client.send(command, { abortSignal })).SecretString?.trim() ?? "");
    };
    try {
      const current = await read("AWSCURRENT");
      if (current === undefined) throw new SecretError(`The secret ${secretId} must be ${allowed}, and is not`);
      const previous = await read("AWSPREVIOUS").catch((error: unknown) => {
        if (error instanceof sdk.ResourceNotFoundException) return undefined;
        throw error;
      });
      return previous === undefined ? [current] : [current, previous];
    } catch (error) {
      if (error instanceof SecretError) throw error;
      // What AWS says can be told; what other errors say might quote the response.
      if (error instanceof sdk.SecretsManagerServiceException) {
        throw new SecretError(`The secret ${secretId} cannot be read: ${error.name}: ${error.message}`);
      }
      throw new SecretError(
        `The secret ${secretId} cannot be read: ${error instanceof Error ? error.name : "unknown"}`,
      );
    } finally {
      client.destroy();
    }
  };
  return { name: `The secret ${secretId}`, load };
}
