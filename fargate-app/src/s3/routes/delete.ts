/** DeleteObject and DeleteObjects. */
import type { FastifyPluginAsync } from "fastify";
import * as z from "zod";
import { logFailure } from "../../http/plugins/problems.ts";
import { authorize } from "../access-keys.ts";
import { s3RequestOf } from "../authentication.ts";
import type { S3Context } from "../context.ts";
import { s3ErrorOf } from "../errors.ts";
import { inGroups } from "../in-groups.ts";
import { placeOfExisting } from "../keys.ts";
import { unquoted } from "../objects/conditions.ts";
import { documentOf } from "../payload.ts";
import { fromXml, repeated } from "../xml.ts";
import { placeIfAny, requireCurrentVersion } from "./request.ts";
import { sendXml } from "./response.ts";

/** S3 API reference, DeleteObjects. */
const MAX_KEYS = 1_000;

/** Objects that are removed at once. */
const AT_ONCE = 16;

const deleteSchema = z.object({
  Object: repeated(
    z.object({ Key: z.string().min(1), VersionId: z.string().optional(), ETag: z.string().optional() }),
    MAX_KEYS,
  ),
  Quiet: z
    .string()
    .trim()
    .pipe(z.enum(["true", "false"]))
    .optional(),
});

export const deleteRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf, limits, wholeBodies, change }) => {
  app.delete("/DeleteObject", async (request, reply) => {
    const objects = objectsOf(request);
    const place = placeIfAny(request, "write");
    const match = request.headers["if-match"];
    const condition = match === undefined ? undefined : { etag: unquoted(match) };
    await change(async () => {
      if (place === undefined) await objects.requireBucket(s3RequestOf(request).target.bucket);
      else await objects.delete(place, condition);
    });
    return reply.code(204).send();
  });

  app.post("/DeleteObjects", async (request, reply) => {
    const objects = objectsOf(request);
    const { target, authenticated } = s3RequestOf(request);
    const { bucket } = target;
    const text = await documentOf(reply.raw, authenticated, limits, wholeBodies);
    const { Object: keys, Quiet } = fromXml(text, "Delete", deleteSchema);
    await objects.requireBucket(bucket);

    const remove = async ({ Key, VersionId, ETag }: (typeof keys)[number]) => {
      try {
        authorize(authenticated.accessKey, "write", `${bucket}/${Key}`);
        requireCurrentVersion(VersionId);
        const place = placeOfExisting(bucket, Key);
        const condition = ETag === undefined ? undefined : { etag: unquoted(ETag) };
        if (place !== undefined) await change(() => objects.delete(place, condition));
        return { deleted: { Key, VersionId } };
      } catch (error) {
        const failure = s3ErrorOf(error);
        logFailure(error, failure.status, request);
        return { error: { Key, VersionId, Code: failure.code, Message: failure.message } };
      }
    };
    const results = await inGroups(keys, AT_ONCE, remove);
    const deleted = results.flatMap((result) => (result.deleted === undefined ? [] : [result.deleted]));
    return sendXml(reply, "DeleteResult", {
      Deleted: Quiet === "true" ? [] : deleted,
      Error: results.flatMap((result) => (result.error === undefined ? [] : [result.error])),
    });
  });
};
