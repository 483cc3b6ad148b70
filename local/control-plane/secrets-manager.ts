/**
 * AWS Secrets Manager.
 *
 * Rules, errors and names: Secrets Manager API reference, GetSecretValue, PutSecretValue and GetRandomPassword.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { operationsOf } from "./operation.ts";
import type { AwsState, Secret, SecretVersion } from "./state.ts";

const { query, command } = operationsOf((message) => new AwsError("ValidationException", 400, message));

const getSecretValue = query(
  z.object({ SecretId: z.string(), VersionId: z.string().optional(), VersionStage: z.string().optional() }),
  (state, { SecretId, VersionId, VersionStage }) => {
    const secret = findSecret(state, SecretId);
    const stage = VersionStage ?? (VersionId === undefined ? "AWSCURRENT" : undefined);
    const version = secret.versions.find(
      ({ versionId, stages }) =>
        (VersionId === undefined || versionId === VersionId) && (stage === undefined || stages.includes(stage)),
    );
    if (version === undefined) {
      throw notFound(
        `Secrets Manager can't find the specified secret value for ${
          stage === undefined ? `VersionId: ${VersionId}` : `staging label: ${stage}`
        }`,
      );
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      VersionId: version.versionId,
      SecretString: version.secretString,
      VersionStages: version.stages,
      CreatedDate: version.createdDate.getTime() / 1000,
    };
  },
);

const putSecretValue = command(
  z.object({
    SecretId: z.string(),
    SecretString: z.string().min(1),
    ClientRequestToken: z.string().min(32).optional(),
  }),
  (state, { SecretId, SecretString, ClientRequestToken }, { now, newId }) => {
    const secret = findSecret(state, SecretId);
    const versionId = ClientRequestToken ?? newId("", 32);
    const same = secret.versions.find((version) => version.versionId === versionId);
    if (same !== undefined && same.secretString !== SecretString) {
      throw new AwsError("ResourceExistsException", 400, "A resource with the ID you requested already exists.");
    }
    const version: SecretVersion = same ?? {
      versionId,
      secretString: SecretString,
      stages: ["AWSCURRENT"],
      createdDate: now,
    };
    const versions = same === undefined ? [version, ...secret.versions.flatMap(age)] : secret.versions;
    return {
      state: { ...state, secrets: state.secrets.map((one) => (one === secret ? { ...secret, versions } : one)) },
      output: { ARN: secret.arn, Name: secret.name, VersionId: versionId, VersionStages: version.stages },
    };
  },
);

const getRandomPassword = query(
  z.object({
    PasswordLength: z.number().int().min(1).max(4096).default(32),
    ExcludePunctuation: z.boolean().optional(),
  }),
  (_state, { PasswordLength }, { newId }) => ({ RandomPassword: newId("", PasswordLength) }),
);

/** Secrets Manager's operations by their API names. */
export const secretsManager = {
  GetSecretValue: getSecretValue,
  PutSecretValue: putSecretValue,
  GetRandomPassword: getRandomPassword,
};

/** A version when another one becomes AWSCURRENT; one without a label is deprecated, and goes. */
function age(version: SecretVersion): SecretVersion[] {
  return version.stages.includes("AWSCURRENT") ? [{ ...version, stages: ["AWSPREVIOUS"] }] : [];
}

function findSecret({ secrets }: AwsState, nameOrArn: string): Secret {
  const secret = secrets.find(({ name, arn }) => name === nameOrArn || arn === nameOrArn);
  if (secret === undefined) throw notFound("Secrets Manager can't find the specified secret.");
  return secret;
}

function notFound(message: string): AwsError {
  return new AwsError("ResourceNotFoundException", 400, message);
}
