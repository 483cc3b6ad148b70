import { collect } from "@efs-mount-autoscaling/routed-files";
import type { FileAttributes } from "nfs-client";
import { expect, test } from "vitest";
import { placeOf } from "../../../fargate-app/src/s3/keys.ts";
import { Objects } from "../../../fargate-app/src/s3/objects/objects.ts";
import { type Described, type Description, Records } from "../../../fargate-app/src/s3/objects/records.ts";
import { memoryLog, startTestRouter } from "../../support/memory-router.ts";

const place = placeOf("bucket", "key");

/** While the first record is read, another object takes the place of the file, and its number. */
class Overtaken extends Records {
  #reads = 0;

  override async describe(...parameters: Parameters<Records["describe"]>): Promise<Described | undefined> {
    const described = await super.describe(...parameters);
    this.#reads += 1;
    if (this.#reads > 1 || described?.description === undefined) return described;
    const attributes: FileAttributes = { ...described.attributes, change: described.attributes.change + 1n };
    return { attributes, description: { ...described.description, etag: "of another" } };
  }
}

test("an object that is replaced while it is read has the description of its own bytes", async () => {
  const { router, network } = await startTestRouter();
  network.files.makeDirectories("/data/bucket");
  const objects = new Objects(router, new Overtaken(router, memoryLog().log));
  const description: Description = { etag: "its own", headers: {}, metadata: {} };
  await objects.put(place, Buffer.from("bytes"), () => description);
  const opened = await objects.open(place, {});
  expect([(await collect(opened.body)).toString(), opened.description?.etag]).toEqual(["bytes", "its own"]);
  await router.close();
});
