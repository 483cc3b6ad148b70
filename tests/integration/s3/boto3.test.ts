/** boto3, unmodified, at the router's bundle. */
import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../aws-models/programs.ts";
import { findOnPath, type Requirement } from "../../support/programs.ts";
import { describeRequiring } from "../../support/requirements.ts";
import { ACCESS_KEY, type S3Router, startS3Router } from "../../support/s3-router.ts";

const boto3: Requirement = {
  name: "Python with boto3",
  howToGet: "pip install boto3",
  installedByCi: true,
  find: () => {
    const python = findOnPath("python3");
    return python && spawnSync(python[0], ["-c", "import boto3"]).status === 0 ? python : undefined;
  },
};

describeRequiring([boto3], "boto3", ([python]) => {
  let s3: S3Router;

  beforeAll(async () => {
    s3 = await startS3Router();
  });

  afterAll(async () => {
    await s3?.close();
  });

  test("puts, gets, lists, copies, uploads in parts and removes, and finds S3's errors", async () => {
    const { accessKeyId, secretAccessKey } = ACCESS_KEY;
    const script = "tests/integration/s3/boto3_client.py";
    const { output, errors } = await run(python, [script, s3.url, accessKeyId, secretAccessKey, "boto3-bucket"]);
    expect(errors).toBe("");
    expect(JSON.parse(output)).toEqual({
      "missing key": "NoSuchKey",
      "missing bucket": "NoSuchBucket",
      "not empty": "BucketNotEmpty",
      exists: "PreconditionFailed",
      "not implemented": "NotImplemented",
    });
    expect(await readdir(s3.directory)).toEqual([".nfs-tmp-s3"]);
  });
});
