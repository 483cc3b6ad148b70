/**
 * Access control lists, which are disabled: all belongs to the owner, and nobody can change that (S3 user guide,
 * "Controlling ownership of objects and disabling ACLs").
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { s3RequestOf } from "../authentication.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { documentOf } from "../payload.ts";
import { fromXml, repeated } from "../xml.ts";
import { authorizedTarget, enteredBucket, placeToWrite, refuseAcl, requirePlace } from "./request.ts";
import { OWNER, sendXml } from "./response.ts";

/** S3 user guide, "Access control list (ACL) overview". */
const MAX_GRANTS = 100;

const grant = z.object({ Grantee: z.object({ ID: z.string().optional() }), Permission: z.string() });

/** An element without any other in it is read as text. */
const aclSchema = z.object({
  AccessControlList: z.object({ Grant: repeated(grant, MAX_GRANTS) }).or(z.string().transform(() => ({ Grant: [] }))),
});

export const aclRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf, limits, wholeBodies, change }) => {
  app.get("/GetBucketAcl", async (request, reply) => {
    await objectsOf(request).requireBucket(enteredBucket(request));
    return sendAcl(reply);
  });

  app.get("/GetObjectAcl", async (request, reply) => {
    const objects = objectsOf(request);
    await objects.head(await requirePlace(objects, request));
    return sendAcl(reply);
  });

  app.put("/PutBucketAcl", async (request, reply) => {
    const { bucket } = authorizedTarget(request, "write");
    await change(() => objectsOf(request).requireBucket(bucket));
    await refuseOtherAcl(request, reply);
    return reply.send();
  });

  app.put("/PutObjectAcl", async (request, reply) => {
    const place = placeToWrite(request);
    await change(() => objectsOf(request).head(place));
    await refuseOtherAcl(request, reply);
    return reply.send();
  });

  /**
   * A list comes as the name of one in a header, or as a document: as that which is read here, by clients that copy it with
   * the object.
   */
  async function refuseOtherAcl(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    refuseAcl(request);
    if (request.headers["x-amz-acl"] !== undefined) return;
    const text = await documentOf(reply.raw, s3RequestOf(request).authenticated, limits, wholeBodies);
    const { Grant: grants } = fromXml(text, "AccessControlPolicy", aclSchema).AccessControlList;
    const isOwners = ({ Grantee, Permission }: (typeof grants)[number]) =>
      Grantee.ID === OWNER.ID && Permission === "FULL_CONTROL";
    if (grants.length === 0 || !grants.every(isOwners)) throw new S3Error("AccessControlListNotSupported");
  }
};

function sendAcl(reply: FastifyReply): FastifyReply {
  const type = { "@xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "@xsi:type": "CanonicalUser" };
  return sendXml(reply, "AccessControlPolicy", {
    Owner: OWNER,
    AccessControlList: { Grant: { Grantee: { ...type, ...OWNER }, Permission: "FULL_CONTROL" } },
  });
}
