import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { generateToken } from "../../components/generated-token.ts";
import { accessKeySource } from "../../fargate-app/src/s3/access-keys.ts";
import { createAccount, REGION } from "../../local/account.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import { type ControlPlane, type Fault, startControlPlane } from "../../local/control-plane/server.ts";
import { API_TOKEN_SECRET_ID } from "../../local/environments.ts";
import { withTokenSecret } from "../support/api-token.ts";
import { stubAws } from "../support/aws-environment.ts";

let controlPlane: ControlPlane;
let fault: Fault | undefined;

beforeEach(async () => {
  fault = undefined;
  const state = withTokenSecret(createAccount(new Date()));
  controlPlane = await startControlPlane({
    state,
    onCall: ({ operation }) => (operation === "PutSecretValue" ? fault : undefined),
  });
  stubAws(controlPlane.url);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await controlPlane.close();
});

const versions = () => controlPlane.state().secrets.flatMap((secret) => secret.versions);

const generate = () => generateToken({ secretId: API_TOKEN_SECRET_ID, region: REGION });

test("a token is put into the secret, and only the version's id comes back", async () => {
  const id = await generate();
  expect(versions()).toEqual([expect.objectContaining({ versionId: id, stages: ["AWSCURRENT"] })]);
  const [token = ""] = versions().map(({ secretString }) => secretString);
  expect(token).toMatch(/^[A-Za-z0-9]{64}$/);
  expect(id).not.toContain(token);
});

test("a template puts the token where an access key of the S3 API has it", async () => {
  const template = JSON.stringify({
    accessKeys: [{ accessKeyId: "efs_mount_autoscaling_dev", secretAccessKey: "<token>" }],
  });
  await generateToken({ secretId: API_TOKEN_SECRET_ID, region: REGION, template });
  const [accessKeys] = await accessKeySource(API_TOKEN_SECRET_ID, false).load();
  expect(accessKeys).toEqual([
    {
      accessKeyId: "efs_mount_autoscaling_dev",
      secretAccessKey: expect.stringMatching(/^[A-Za-z0-9]{64}$/),
      readOnly: false,
    },
  ]);
});

test("no two tokens are the same", async () => {
  await generate();
  await generate();
  expect(new Set(versions().map(({ secretString }) => secretString)).size).toBe(2);
});

test("a failure does not tell the token", async () => {
  fault = { takesEffect: true, response: new AwsError("AccessDeniedException", 400, "Not you") };
  const error: unknown = await generate().catch((reason: unknown) => reason);
  expect(String(error)).toContain("Not you");
  const [token = ""] = versions().map(({ secretString }) => secretString);
  expect(token).not.toBe("");
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(token);
});
