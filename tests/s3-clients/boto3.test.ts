/** boto3, unmodified, at the router's bundle. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clientNames } from "../support/client-names.ts";
import { pythonWith } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { OBJECTS } from "./sizes.ts";
import { SCRIPTS, startWorld, type World } from "./world.ts";

describeRequiring([pythonWith("boto3")], "boto3", ([python]) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
    await world.write(".aws/config", world.configuration("AWS CLI"));
  });

  afterAll(async () => {
    await world?.close();
  });

  test("puts, gets, lists, copies, uploads in parts and removes, and finds S3's errors", async () => {
    const script = join(SCRIPTS, "boto3_client.py");
    const output = await world.run(python, script, world.configuration("boto3"), "boto3-bucket", String(OBJECTS));
    expect(JSON.parse(output)).toEqual({
      "missing key": "NoSuchKey",
      "missing bucket": "NoSuchBucket",
      "not empty": "BucketNotEmpty",
      exists: "PreconditionFailed",
      "not implemented": "NotImplemented",
    });
    expect(await clientNames(world.s3.directory)).toEqual([".nfs-tmp-s3"]);
  });
});
