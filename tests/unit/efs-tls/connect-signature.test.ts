import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import {
  type ConnectRequest,
  canonicalRequest,
  signConnect,
  stringToSign,
} from "../../../packages/efs-tls/src/connect-signature.ts";
import { debianProgram } from "../../support/programs.ts";
import { describeRequiring } from "../../support/requirements.ts";

const REQUEST: ConnectRequest = {
  fileSystemId: "fs-0123abcd",
  region: "ap-northeast-1",
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    sessionToken: "IQoJb3Jp//Z2lu+X2Vj==",
  },
  publicKeyHash: "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c",
  time: new Date("2026-01-31T09:08:07.654Z"),
};

const SCOPE = "20260131/ap-northeast-1/elasticfilesystem/aws4_request";

// EFS User Guide has no word on it: these lines are those of the mount helper, which has no empty line behind the headers.
const CANONICAL_REQUEST = `GET
/
Action=Connect&PublicKeyHash=0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260131%2Fap-northeast-1%2Felasticfilesystem%2Faws4_request&X-Amz-Date=20260131T090807Z&X-Amz-Expires=86400&X-Amz-Security-Token=IQoJb3Jp%2F%2FZ2lu%2BX2Vj%3D%3D&X-Amz-SignedHeaders=host
host:fs-0123abcd
host
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`;

test("the canonical request names action, key, credential, time and file system", () => {
  expect(canonicalRequest(REQUEST)).toBe(CANONICAL_REQUEST);
});

test("credentials without a session token leave it out", () => {
  const { sessionToken: _, ...credentials } = REQUEST.credentials;
  expect(canonicalRequest({ ...REQUEST, credentials })).toBe(
    CANONICAL_REQUEST.replace("&X-Amz-Security-Token=IQoJb3Jp%2F%2FZ2lu%2BX2Vj%3D%3D", ""),
  );
});

describeRequiring([debianProgram("openssl", "openssl")], "as OpenSSL calculates them", ([[openssl]]) => {
  const digest = (text: string, ...options: string[]) =>
    execFileSync(openssl, ["dgst", "-sha256", "-r", ...options], { input: text, encoding: "utf8" }).slice(0, 64);
  const hmac = (hexKey: string, text: string) => digest(text, "-mac", "HMAC", "-macopt", `hexkey:${hexKey}`);

  const expected = ["AWS4-HMAC-SHA256", "20260131T090807Z", SCOPE, digest(CANONICAL_REQUEST)].join("\n");

  test("the string to sign has the hash of the canonical request", () => {
    expect(stringToSign(REQUEST)).toBe(expected);
  });

  test("the signature is the HMAC of the string to sign, with the key of day, region and service", () => {
    const secret = Buffer.from(`AWS4${REQUEST.credentials.secretAccessKey}`).toString("hex");
    const key = SCOPE.split("/").reduce(hmac, secret);
    expect(signConnect(REQUEST)).toBe(hmac(key, expected));
  });
});
