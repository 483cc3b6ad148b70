/** CopyObject, and the source of whatever copies. */
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { mediaTypeOf } from "../../http/semantics/media-type.ts";
import { modificationDate } from "../../http/semantics/validators.ts";
import { authorize } from "../access-keys.ts";
import { s3RequestOf } from "../authentication.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { type ObjectPlace, placeOfExisting } from "../keys.ts";
import { verdictOnRead, writeConditionOf } from "../objects/conditions.ts";
import type { Objects } from "../objects/objects.ts";
import type { Description } from "../objects/records.ts";
import { etagOfObject, type StoredObject } from "../objects/stored-object.ts";
import { uriDecode } from "../signature/uri-encoding.ts";
import { toXml } from "../xml.ts";
import { describedBy, placeToWrite, refuseUnsupported, requireCurrentVersion } from "./request.ts";
import { checksumElements, isoDate, quoted, sendXmlWhenDone } from "./response.ts";

export const copyRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf, change }) => {
  app.put("/CopyObject", async (request, reply) => {
    const objects = objectsOf(request);
    const target = placeToWrite(request);
    refuseUnsupported(request);
    const condition = writeConditionOf(request.headers);
    const isReplaced = directiveOf(request) === "REPLACE";
    const described = describedBy(request);
    const copy = async (): Promise<StoredObject> => {
      const sourcePlace = await copySourceOf(objects, request);
      if (sourcePlace.path === target.path && condition === undefined) {
        if (!isReplaced) throw new S3Error("InvalidRequest", "An object is copied to itself only with other metadata");
        const object = await objects.head(target);
        requireConditionsOfSource(request, object);
        return objects.redescribe(object, described);
      }
      const source = await objects.open(sourcePlace, {});
      requireConditionsOfSource(request, source);
      const { headers, metadata, checksum } = source.description ?? describedByName(source);
      const whole = checksum?.type === "FULL_OBJECT" ? { checksum } : {};
      const kept = isReplaced ? described : { headers, metadata };
      const describe = (md5: string): Description => ({ ...kept, ...whole, etag: md5 });
      return objects.copy(source, target, describe, condition);
    };
    return sendXmlWhenDone(request, reply, change(copy).then(copyResult));
  });
};

/** What is sent of a file that was written by other means, its copy keeps, whatever its name is. */
function describedByName({ place }: StoredObject): Pick<Description, "headers" | "metadata" | "checksum"> {
  return { headers: { "content-type": mediaTypeOf(place.path) }, metadata: {} };
}

function copyResult(object: StoredObject): string {
  return toXml("CopyObjectResult", {
    LastModified: isoDate(modificationDate(object.attributes).getTime()),
    ETag: quoted(etagOfObject(object)),
    ...checksumElements(object),
  });
}

function directiveOf({ headers }: FastifyRequest): "COPY" | "REPLACE" {
  const directive = headers["x-amz-metadata-directive"] ?? "COPY";
  if (directive === "COPY" || directive === "REPLACE") return directive;
  throw new S3Error("InvalidArgument", "x-amz-metadata-directive must be COPY or REPLACE");
}

/**
 * What the header x-amz-copy-source names: `/BUCKET/KEY`, percent-encoded.
 *
 * @throws {S3Error} InvalidArgument, AccessDenied, NoSuchBucket, NoSuchKey
 */
export async function copySourceOf(objects: Objects, request: FastifyRequest): Promise<ObjectPlace> {
  const header = request.headers["x-amz-copy-source"]?.toString() ?? "";
  const [, path = "", versionId] = /^\/?(.*?)(?:\?versionId=(.*))?$/s.exec(header) ?? [];
  const [, bucket, key] = /^([^/]+)\/(.+)$/s.exec(uriDecode(path)) ?? [];
  if (bucket === undefined || key === undefined) {
    throw new S3Error("InvalidArgument", "x-amz-copy-source must be BUCKET/KEY");
  }
  requireCurrentVersion(versionId);
  authorize(s3RequestOf(request).authenticated.accessKey, "read", `${bucket}/${key}`);
  const place = placeOfExisting(bucket, key);
  if (place === undefined) throw await objects.missing(bucket);
  return place;
}

/** @throws {S3Error} PreconditionFailed */
export function requireConditionsOfSource({ headers }: FastifyRequest, source: StoredObject): void {
  if (verdictOnRead("GET", headers, source, "x-amz-copy-source-") === "proceed") return;
  throw new S3Error("PreconditionFailed");
}
