/** The operations of multipart uploads, except for their completion. */
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { inMemoryIfSmall } from "../../http/routes/files/request-body.ts";
import { authorize } from "../access-keys.ts";
import { s3RequestOf } from "../authentication.ts";
import { ALGORITHM_NAMES, algorithmNamed } from "../checksums.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { withMd5 } from "../objects/observed.ts";
import { etagOfObject, sizeOfObject } from "../objects/stored-object.ts";
import { payloadOf } from "../payload.ts";
import { parameter } from "../target.ts";
import { checksumTypeOf, LAST_ID, MAX_PART_NUMBER, type Part, type Upload } from "../uploads/uploads.ts";
import { toXml } from "../xml.ts";
import { copySourceOf, requireConditionsOfSource } from "./copy.ts";
import { digestsOfObject } from "./put.ts";
import {
  authorizedTarget,
  describedBy,
  placeToWrite,
  refuseUnsupported,
  requirePartNumber,
  userOf,
  wholeNumber,
} from "./request.ts";
import {
  checksumElements,
  isoDate,
  OWNER,
  quoted,
  sendXml,
  sendXmlWhenDone,
  spellingOf,
  writtenHeaders,
} from "./response.ts";

const MAX_LISTED = 1_000;

export const uploadRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf, uploads, limits, change }) => {
  app.post("/CreateMultipartUpload", async (request, reply) => {
    const { bucket, key, kind } = placeToWrite(request);
    if (kind === "directory") throw new S3Error("InvalidRequest", "A key that ends in / has no bytes");
    refuseUnsupported(request);
    const checksum = checksumOfUpload(request);
    const upload = await change(async () => {
      await objectsOf(request).requireBucket(bucket);
      const user = userOf(request);
      const said = { ...describedBy(request), ...(checksum && { checksum }), ...(user !== undefined && { user }) };
      return uploads.create({ bucket, key, ...said });
    });
    if (checksum !== undefined) {
      reply.headers({ "x-amz-checksum-algorithm": checksum.algorithm, "x-amz-checksum-type": checksum.type });
    }
    return sendXml(reply, "InitiateMultipartUploadResult", { Bucket: bucket, Key: key, UploadId: upload.id });
  });

  app.put("/UploadPart", async (request, reply) => {
    const { authenticated } = s3RequestOf(request);
    const number = partNumberOf(request);
    const payload = payloadOf(reply.raw, authenticated, limits);
    const { object } = await change(async () => {
      const upload = await uploadOf(request, "write");
      const { memory } = objectsOf(request).files;
      return inMemoryIfSmall(payload.data, payload.length, memory, (data) =>
        uploads.putPart(upload, number, data, () => ({
          headers: {},
          metadata: {},
          ...digestsOfObject(payload.digests()),
        })),
      );
    });
    return reply.headers(writtenHeaders(object)).send();
  });

  app.put("/UploadPartCopy", async (request, reply) => {
    const number = partNumberOf(request);
    const objects = objectsOf(request);
    const copy = async (): Promise<Part> => {
      const upload = await uploadOf(request, "write");
      const place = await copySourceOf(objects, request);
      const head = await objects.head(place);
      requireConditionsOfSource(request, head);
      const range = copyRange(request, sizeOfObject(head));
      const source = await objects.open(place, range);
      if (etagOfObject(source) !== etagOfObject(head)) throw new S3Error("SlowDown", "The source changes meanwhile");
      const { data, md5 } = withMd5(source.body);
      const describe = () => ({ headers: {}, metadata: {}, etag: md5() });
      return inMemoryIfSmall(data, range.length, objects.files.memory, (each) =>
        uploads.putPart(upload, number, each, describe),
      );
    };
    const result = ({ object }: Part) =>
      toXml("CopyPartResult", {
        LastModified: isoDate(object.attributes.modifiedAt),
        ETag: quoted(etagOfObject(object)),
      });
    return sendXmlWhenDone(request, reply, change(copy).then(result));
  });

  app.get("/ListParts", async (request, reply) => {
    const upload = await uploadOf(request, "read");
    const { target } = s3RequestOf(request);
    const marker = wholeNumber("part-number-marker", parameter(target, "part-number-marker"), 0, MAX_PART_NUMBER);
    const max = wholeNumber("max-parts", parameter(target, "max-parts"), MAX_LISTED, MAX_LISTED);
    const rest = (await uploads.parts(upload)).filter(({ number }) => number > marker);
    const parts = rest.slice(0, max);
    return sendXml(reply, "ListPartsResult", {
      Bucket: upload.bucket,
      Key: upload.key,
      UploadId: upload.id,
      PartNumberMarker: marker,
      NextPartNumberMarker: parts.at(-1)?.number,
      MaxParts: max,
      IsTruncated: rest.length > parts.length,
      ChecksumAlgorithm: upload.checksum?.algorithm,
      ChecksumType: upload.checksum?.type,
      Initiator: OWNER,
      Owner: OWNER,
      StorageClass: "STANDARD",
      Part: parts.map(({ number, object }) => ({
        PartNumber: number,
        LastModified: isoDate(object.attributes.modifiedAt),
        ETag: quoted(etagOfObject(object)),
        Size: object.attributes.size,
        ...checksumElements(object),
      })),
    });
  });

  app.get("/ListMultipartUploads", async (request, reply) => {
    const { target, authenticated } = s3RequestOf(request);
    const { bucket } = target;
    const given = (name: string) => parameter(target, name);
    const prefix = given("prefix") ?? "";
    authorize(authenticated.accessKey, "read", `${bucket}/${prefix}`);
    await objectsOf(request).requireBucket(bucket);
    const keyMarker = given("key-marker") ?? "";
    const idMarker = given("upload-id-marker") ?? "";
    // Without an id, the list goes on behind all uploads of the key.
    const after = { key: keyMarker, id: idMarker === "" ? LAST_ID : idMarker };
    if ((given("delimiter") ?? "") !== "") throw new S3Error("NotImplemented", "Uploads are not grouped");
    const max = wholeNumber("max-uploads", given("max-uploads"), MAX_LISTED, MAX_LISTED);
    const spell = spellingOf(given("encoding-type"));
    // One more tells whether there is another page.
    const found = await uploads.list({ bucket, prefix, user: userOf(request), after, max: max + 1 });
    const listed = found.slice(0, max);
    // A page of none leads to no next one, as in listings of objects.
    const isTruncated = listed.length > 0 && found.length > listed.length;
    return sendXml(reply, "ListMultipartUploadsResult", {
      Bucket: bucket,
      KeyMarker: spell(keyMarker),
      UploadIdMarker: idMarker,
      NextKeyMarker: isTruncated ? spell(listed.at(-1)?.key ?? "") : undefined,
      NextUploadIdMarker: isTruncated ? listed.at(-1)?.id : undefined,
      Prefix: spell(prefix),
      EncodingType: given("encoding-type"),
      MaxUploads: max,
      IsTruncated: isTruncated,
      Upload: listed.map(({ key, id, createdAt, checksum }) => ({
        UploadId: id,
        Key: spell(key),
        Initiated: isoDate(createdAt),
        Initiator: OWNER,
        Owner: OWNER,
        StorageClass: "STANDARD",
        ChecksumAlgorithm: checksum?.algorithm,
        ChecksumType: checksum?.type,
      })),
    });
  });

  app.delete("/AbortMultipartUpload", async (request, reply) => {
    await change(async () => uploads.abort((await uploadOf(request, "write")).id));
    return reply.code(204).send();
  });

  function uploadOf(request: FastifyRequest, access: "read" | "write"): Promise<Upload> {
    const target = authorizedTarget(request, access);
    return uploads.find(parameter(target, "uploadId") ?? "", target, userOf(request));
  }
};

function partNumberOf(request: FastifyRequest): number {
  return requirePartNumber(parameter(s3RequestOf(request).target, "partNumber") ?? "");
}

function checksumOfUpload({ headers }: FastifyRequest): Upload["checksum"] {
  const name = headers["x-amz-checksum-algorithm"]?.toString();
  if (name === undefined) return undefined;
  const algorithm = algorithmNamed(name);
  if (algorithm === undefined) {
    throw new S3Error("InvalidRequest", `Checksum algorithm provided is unsupported: it is one of ${ALGORITHM_NAMES}`);
  }
  const type = headers["x-amz-checksum-type"]?.toString() ?? checksumTypeOf(algorithm);
  const isWhole = type === "FULL_OBJECT";
  // Not every algorithm can tell the whole from its parts, and CRC64NVME knows the whole only.
  const isAllowed = isWhole ? algorithm.startsWith("CRC") : type === "COMPOSITE" && algorithm !== "CRC64NVME";
  if (isAllowed) return { algorithm, type: isWhole ? "FULL_OBJECT" : "COMPOSITE" };
  throw new S3Error(
    "InvalidRequest",
    `The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
  );
}

function copyRange({ headers }: FastifyRequest, size: number): { readonly start: number; readonly length: number } {
  const header = headers["x-amz-copy-source-range"]?.toString();
  if (header === undefined) return { start: 0, length: size };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  if (first === undefined || last === undefined || Number(first) > Number(last)) {
    throw new S3Error("InvalidArgument", "x-amz-copy-source-range must be bytes=FIRST-LAST");
  }
  if (Number(last) >= size)
    throw new S3Error("InvalidArgument", `The range is not within the ${size} bytes of the source`);
  return { start: Number(first), length: Number(last) - Number(first) + 1 };
}
