/** The secret with the API's token, in the local account. */
import { PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { REGION } from "../../local/account.ts";
import type { AwsState } from "../../local/control-plane/state.ts";
import { API_TOKEN_SECRET_ID } from "../../local/environments.ts";

/** The account with an empty secret, as the stack makes it before its first token. */
export function withTokenSecret(state: AwsState): AwsState {
  return { ...state, secrets: [{ name: "api-token", arn: API_TOKEN_SECRET_ID, versions: [] }] };
}

/** Puts a token into the secret, as an operator would; the one before stays as AWSPREVIOUS. */
export async function putToken(endpoint: string, token: string): Promise<void> {
  await secretsManager(endpoint).send(
    new PutSecretValueCommand({ SecretId: API_TOKEN_SECRET_ID, SecretString: token }),
  );
}

function secretsManager(endpoint: string): SecretsManagerClient {
  return new SecretsManagerClient({
    endpoint,
    region: REGION,
    credentials: { accessKeyId: "OPERATOR", secretAccessKey: "local" },
  });
}
