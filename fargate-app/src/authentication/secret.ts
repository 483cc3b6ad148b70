/** API tokens in AWS Secrets Manager. */
import { AWS_CLIENT_OPTIONS, AWS_REQUEST_TIMEOUT } from "../aws-client.ts";
import type { TokenSource } from "./api-tokens.ts";

/** A `b64token` (RFC 6750 §2.1) that nobody guesses. */
const TOKEN = /^(?=.{32,4096}$)[A-Za-z0-9._~+/-]+=*$/;

/** A secret without a token that can be used; the message does not tell what is in it. */
class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * The token in the secret, and the one that was in it before (Secrets Manager, GetSecretValue of the versions
 * AWSCURRENT and AWSPREVIOUS): while a secret is rotated, clients have the one or the other.
 *
 * @param secretId The secret's ARN or name.
 */
export function secretSource(secretId: string): TokenSource {
  const load = async () => {
    const sdk = await import("@aws-sdk/client-secrets-manager");
    const client = new sdk.SecretsManagerClient(AWS_CLIENT_OPTIONS);
    const abortSignal = AbortSignal.timeout(AWS_REQUEST_TIMEOUT);
    const read = async (VersionStage: string) => {
      const command = new sdk.GetSecretValueCommand({ SecretId: secretId, VersionStage });
      // A file that the token came from ends with a line feed.
      return (await client.send(command, { abortSignal })).SecretString?.trim() ?? "";
    };
    try {
      const current = await read("AWSCURRENT");
      if (!TOKEN.test(current)) {
        throw new SecretError(
          `The secret ${secretId} must be a text of 32 to 4096 letters, digits and -._~+/, and is not`,
        );
      }
      const previous = await read("AWSPREVIOUS").catch((error: unknown) => {
        if (error instanceof sdk.ResourceNotFoundException) return "";
        throw error;
      });
      return TOKEN.test(previous) ? [current, previous] : [current];
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
