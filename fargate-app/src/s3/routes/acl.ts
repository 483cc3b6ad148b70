/**
 * Access control lists, which are disabled: all belongs to the owner, and nobody can change that (S3 user guide,
 * "Controlling ownership of objects and disabling ACLs").
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { authorizedTarget, enteredBucket, placeToWrite, refuseAcl, requirePlace } from "./request.ts";
import { OWNER, sendXml } from "./response.ts";

export const aclRoutes: FastifyPluginAsync<S3Context> = async (app, { objects, change }) => {
  app.get("/GetBucketAcl", async (request, reply) => {
    await objects.requireBucket(enteredBucket(request));
    return sendAcl(reply);
  });

  app.get("/GetObjectAcl", async (request, reply) => {
    await objects.head(await requirePlace(objects, request));
    return sendAcl(reply);
  });

  app.put("/PutBucketAcl", async (request, reply) => {
    const { bucket } = authorizedTarget(request, "write");
    await change(() => objects.requireBucket(bucket));
    refuseOtherAcl(request);
    return reply.send();
  });

  app.put("/PutObjectAcl", async (request, reply) => {
    const place = placeToWrite(request);
    await change(() => objects.head(place));
    refuseOtherAcl(request);
    return reply.send();
  });
};

function sendAcl(reply: FastifyReply): FastifyReply {
  const type = { "@xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "@xsi:type": "CanonicalUser" };
  return sendXml(reply, "AccessControlPolicy", {
    Owner: OWNER,
    AccessControlList: { Grant: { Grantee: { ...type, ...OWNER }, Permission: "FULL_CONTROL" } },
  });
}

/** A list comes as the name of one in a header, or as a document. */
function refuseOtherAcl(request: FastifyRequest): void {
  refuseAcl(request);
  if (request.headers["x-amz-acl"] === undefined) throw new S3Error("AccessControlListNotSupported");
}
