/** GetObjectAttributes. */
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { lastModifiedHeader, validatorsOf } from "../../http/semantics/validators.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { partsOf } from "../objects/parts.ts";
import { etagOfObject, type StoredObject, sizeOfObject } from "../objects/stored-object.ts";
import { MAX_PART_NUMBER } from "../uploads/uploads.ts";
import { requirePlace, wholeNumber } from "./request.ts";
import { checksumElements, elementsOfChecksum, sendXml } from "./response.ts";

const MAX_PARTS = 1_000;

type Attribute = (object: StoredObject, request: FastifyRequest) => unknown;

const ATTRIBUTES = new Map<string, Attribute>([
  ["ETag", etagOfObject],
  ["Checksum", checksum],
  ["ObjectParts", objectParts],
  ["StorageClass", () => "STANDARD"],
  ["ObjectSize", sizeOfObject],
]);

export const attributeRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf }) => {
  app.get("/GetObjectAttributes", async (request, reply) => {
    const wanted = attributesOf(request);
    const objects = objectsOf(request);
    const object = await objects.head(await requirePlace(objects, request));
    reply.header("last-modified", lastModifiedHeader(validatorsOf(object.attributes)));
    const given = [...ATTRIBUTES].filter(([name]) => wanted.has(name));
    const content = given.map(([name, attribute]) => [name, attribute(object, request)]);
    return sendXml(reply, "GetObjectAttributesResponse", Object.fromEntries(content));
  });
};

/** @throws {S3Error} InvalidArgument */
function attributesOf({ headers }: FastifyRequest): ReadonlySet<string> {
  const names = headers["x-amz-object-attributes"]?.toString().split(",") ?? [];
  const wanted = new Set(names.map((name) => name.trim()).filter(Boolean));
  if (wanted.size > 0 && [...wanted].every((name) => ATTRIBUTES.has(name))) return wanted;
  const allowed = [...ATTRIBUTES.keys()].join(", ");
  throw new S3Error("InvalidArgument", `x-amz-object-attributes must be one or more of ${allowed}`);
}

function checksum(object: StoredObject): object | undefined {
  const type = object.description?.checksum?.type;
  return type === undefined ? undefined : { ...checksumElements(object), ChecksumType: type };
}

/** Of an object that was uploaded in parts. All are listed, with checksums or without, as in S3's directory buckets. */
function objectParts(object: StoredObject, { headers }: FastifyRequest): object | undefined {
  const { parts } = object.description ?? {};
  if (parts === undefined) return undefined;
  const PartsCount = parts.sizes.length;
  const markerHeader = headers["x-amz-part-number-marker"]?.toString();
  const marker = wholeNumber("x-amz-part-number-marker", markerHeader, 0, MAX_PART_NUMBER);
  const max = wholeNumber("x-amz-max-parts", headers["x-amz-max-parts"]?.toString(), MAX_PARTS, MAX_PARTS);
  const rest = partsOf(object).filter(({ number }) => number > marker);
  const listed = rest.slice(0, max);
  return {
    PartsCount,
    PartNumberMarker: marker,
    NextPartNumberMarker: listed.at(-1)?.number ?? marker,
    MaxParts: max,
    IsTruncated: rest.length > listed.length,
    Part: listed.map((part) => ({
      PartNumber: part.number,
      Size: part.length,
      ...elementsOfChecksum(part.checksum),
    })),
  };
}
