import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { accessKeySource } from "../../../fargate-app/src/s3/access-keys.ts";
import { createAccount } from "../../../local/account.ts";
import { type ControlPlane, startControlPlane } from "../../../local/control-plane/server.ts";
import { S3_ACCESS_KEYS_SECRET_ID } from "../../../local/environments.ts";
import { addS3AccessKeys, type S3AccessKey } from "../../../local/initial-deployment.ts";

let controlPlane: ControlPlane;

beforeEach(async () => {
  controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  vi.stubEnv("AWS_ENDPOINT_URL", controlPlane.url);
  vi.stubEnv("AWS_REGION", "ap-northeast-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDLOCAL");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await controlPlane.close();
});

const KEY = { accessKeyId: "AKIATESTTESTTESTTEST", secretAccessKey: "secret".repeat(7) };

function load(key: S3AccessKey, areUsersAllowed: boolean) {
  controlPlane.update((state, aws) => addS3AccessKeys(state, [key], aws));
  return accessKeySource(S3_ACCESS_KEYS_SECRET_ID, areUsersAllowed).load();
}

describe("an access key that is a user", () => {
  test.each([
    { uid: 0, gid: 0 },
    { uid: 4_294_967_294, gid: 100, gids: Array.from({ length: 16 }, (_, gid) => gid) },
  ])("has the numbers that AUTH_SYS can carry: $uid $gid $gids", async (user) => {
    expect(await load({ ...KEY, user }, true)).toEqual([[{ ...KEY, readOnly: false, user }]]);
  });

  test.each([
    { uid: 4_294_967_295, gid: 0 },
    { uid: -1, gid: 0 },
    { uid: 1.5, gid: 0 },
    { uid: 0, gid: 0, gids: Array.from({ length: 17 }, (_, gid) => gid) },
  ])("has no others, and the error says what is allowed: $uid $gid", async (user) => {
    await expect(load({ ...KEY, user }, true)).rejects.toThrow('"user":{"uid":1001,"gid":1001,"gids":[]}');
  });

  test("is refused where it would be more than the user, and the error says what to switch on", async () => {
    await expect(load({ ...KEY, user: { uid: 1_001, gid: 1_001 } }, false)).rejects.toThrow("with S3_USERS also user");
    expect(await load(KEY, false)).toEqual([[{ ...KEY, readOnly: false }]]);
  });
});
