/** Buckets: the directories of the served directory whose names are allowed for buckets. */
import { ROOT } from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsync } from "fastify";
import { modificationDate } from "../../http/semantics/validators.ts";
import { mayEnter } from "../access-keys.ts";
import { s3RequestOf } from "../authentication.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { bucketPath, isBucketName } from "../keys.ts";
import { Selection } from "../listing/selection.ts";
import { parameter } from "../target.ts";
import { authorizedTarget, enteredBucket, refuseUnsupported, wholeNumber } from "./request.ts";
import { OWNER, sendXml } from "./response.ts";

/** S3 user guide, "General purpose bucket quotas": as many as an account may have without asking. */
const MAX_BUCKETS = 10_000;

const OLDEST_REGION = "us-east-1";

export const bucketRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf, change, region }) => {
  app.get("/ListBuckets", async (request, reply) => {
    const { authenticated, target } = s3RequestOf(request);
    const { accessKey } = authenticated;
    const prefix = parameter(target, "prefix") ?? "";
    const max = wholeNumber("max-buckets", parameter(target, "max-buckets"), MAX_BUCKETS, MAX_BUCKETS);
    const token = parameter(target, "continuation-token") ?? "";
    // One more tells whether there is another page.
    const buckets = new Selection<{ key: string; createdAt: string }>(max + 1, token);
    for await (const { name, attributes } of objectsOf(request).files.list(ROOT)) {
      if (attributes.type !== "directory" || !isBucketName(name) || !name.startsWith(prefix)) continue;
      if (!mayEnter(accessKey, name)) continue;
      buckets.offer({ key: name, createdAt: modificationDate(attributes).toISOString() });
    }
    const page = buckets.items.slice(0, max);
    return sendXml(reply, "ListAllMyBucketsResult", {
      Owner: OWNER,
      Buckets: { Bucket: page.map(({ key, createdAt }) => ({ Name: key, CreationDate: createdAt })) },
      // The last one's name: the next page begins behind it.
      ContinuationToken: buckets.items.length > max ? page.at(-1)?.key : undefined,
      Prefix: prefix === "" ? undefined : prefix,
    });
  });

  app.head("/HeadBucket", async (request, reply) => {
    await objectsOf(request).requireBucket(enteredBucket(request));
    return reply.headers(region === undefined ? {} : { "x-amz-bucket-region": region }).send();
  });

  app.get("/GetBucketLocation", async (request, reply) => {
    await objectsOf(request).requireBucket(enteredBucket(request));
    // The oldest region has no name here.
    const text = region === OLDEST_REGION ? "" : (region ?? "");
    return sendXml(reply, "LocationConstraint", { "#text": text });
  });

  app.get("/GetBucketVersioning", async (request, reply) => {
    await objectsOf(request).requireBucket(enteredBucket(request));
    return sendXml(reply, "VersioningConfiguration", {});
  });

  app.put("/CreateBucket", async (request, reply) => {
    const { bucket } = authorizedTarget(request, "write");
    refuseUnsupported(request);
    if (request.headers["x-amz-bucket-object-lock-enabled"] === "true") {
      throw new S3Error("NotImplemented", "Object lock is not implemented");
    }
    const { files } = objectsOf(request);
    await change(async () => {
      if (await files.exists(bucketPath(bucket))) {
        // The oldest region takes the bucket for made (S3 API reference, CreateBucket).
        if (region === OLDEST_REGION) return;
        throw new S3Error("BucketAlreadyOwnedByYou");
      }
      await files.makeDirectory(bucketPath(bucket));
    });
    return reply.header("location", `/${bucket}`).send();
  });

  app.delete("/DeleteBucket", async (request, reply) => {
    const { bucket } = authorizedTarget(request, "write");
    const objects = objectsOf(request);
    await change(() => objects.deleteBucket(bucket));
    return reply.code(204).send();
  });
};
