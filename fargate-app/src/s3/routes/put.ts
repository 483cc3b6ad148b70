/** PutObject. */
import type { FastifyPluginAsync } from "fastify";
import { inMemoryIfSmall } from "../../http/routes/files/request-body.ts";
import { s3RequestOf } from "../authentication.ts";
import type { S3Context } from "../context.ts";
import { writeConditionOf } from "../objects/conditions.ts";
import type { Description } from "../objects/records.ts";
import { type Digests, payloadOf } from "../payload.ts";
import { describedBy, placeToWrite, refuseUnsupported } from "./request.ts";
import { writtenHeaders } from "./response.ts";

export const putRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf, limits, change }) => {
  app.put("/PutObject", async (request, reply) => {
    const objects = objectsOf(request);
    const place = placeToWrite(request);
    refuseUnsupported(request);
    const condition = writeConditionOf(request.headers);
    const described = describedBy(request);
    const payload = payloadOf(reply.raw, s3RequestOf(request).authenticated, limits);
    const describe = () => ({ ...described, ...digestsOfObject(payload.digests()) });
    const object = await change(() =>
      inMemoryIfSmall(payload.data, payload.length, objects.files.memory, (data) =>
        objects.put(place, data, describe, condition),
      ),
    );
    return reply.headers(writtenHeaders(object)).send();
  });
};

export function digestsOfObject({ md5, checksum }: Digests): Pick<Description, "etag" | "checksum"> {
  return { etag: md5, ...(checksum && { checksum: { ...checksum, type: "FULL_OBJECT" } }) };
}
