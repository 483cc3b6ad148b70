/** The operations of multipart uploads. */

import { createHash } from "node:crypto";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import * as z from "zod";
import { inMemoryIfSmall } from "../../http/routes/files/request-body.ts";
import { authorize } from "../access-keys.ts";
import { s3RequestOf } from "../authentication.ts";
import {
  ALGORITHM_NAMES,
  algorithmNamed,
  type Checksum,
  type ChecksumAlgorithm,
  checksumHeader,
  compositeChecksum,
  runningChecksum,
} from "../checksums.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { unquoted, writeConditionOf } from "../objects/conditions.ts";
import { observed, withMd5 } from "../objects/observed.ts";
import type { Description } from "../objects/records.ts";
import { etagOfObject, type StoredObject, sizeOfObject } from "../objects/stored-object.ts";
import { documentOf, payloadOf } from "../payload.ts";
import { parameter } from "../target.ts";
import {
  checksumTypeOf,
  compareUploads,
  LAST_ID,
  MAX_PART_NUMBER,
  type Part,
  type Upload,
} from "../uploads/uploads.ts";
import { fromXml, toXml } from "../xml.ts";
import { copySourceOf, requireConditionsOfSource } from "./copy.ts";
import { digestsOfObject } from "./put.ts";
import {
  authorizedTarget,
  describedBy,
  placeToWrite,
  refuseUnsupported,
  requirePartNumber,
  wholeNumber,
} from "./request.ts";
import {
  checksumElements,
  encodeKey,
  isoDate,
  OWNER,
  quoted,
  sendXml,
  sendXmlWhenDone,
  spellingOf,
  writtenHeaders,
} from "./response.ts";

/** S3 user guide, "Amazon S3 multipart upload limits": of each part but the last. */
const MIN_PART_BYTES = 5 * 2 ** 20;

const MAX_LISTED = 1_000;

const checksums = z.object({
  ChecksumCRC32: z.string().optional(),
  ChecksumCRC32C: z.string().optional(),
  ChecksumCRC64NVME: z.string().optional(),
  ChecksumSHA1: z.string().optional(),
  ChecksumSHA256: z.string().optional(),
});

const completeSchema = z.object({
  Part: z.preprocess(
    (given) => (Array.isArray(given) ? given : [given]),
    z
      .array(
        checksums.extend({
          PartNumber: z
            .string()
            .trim()
            .regex(/^\d{1,5}$/)
            .transform(Number),
          ETag: z.string(),
        }),
      )
      .min(1)
      .max(MAX_PART_NUMBER),
  ),
});

type CompletedPart = z.output<typeof completeSchema>["Part"][number];

export const uploadRoutes: FastifyPluginAsync<S3Context> = async (
  app,
  { objects, uploads, limits, wholeBodies, change },
) => {
  const { memory } = objects.files;

  app.post("/CreateMultipartUpload", async (request, reply) => {
    const { bucket, key, kind } = placeToWrite(request);
    if (kind === "directory") throw new S3Error("InvalidRequest", "A key that ends in / has no bytes");
    refuseUnsupported(request);
    const checksum = checksumOfUpload(request);
    const upload = await change(async () => {
      await objects.requireBucket(bucket);
      return uploads.create({ bucket, key, ...describedBy(request), ...(checksum && { checksum }) });
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
      return inMemoryIfSmall(data, range.length, memory, (each) => uploads.putPart(upload, number, each, describe));
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
    await objects.requireBucket(bucket);
    const keyMarker = given("key-marker") ?? "";
    const idMarker = given("upload-id-marker") ?? "";
    // Without an id, the list goes on behind all uploads of the key.
    const marker = { key: keyMarker, id: idMarker === "" ? LAST_ID : idMarker };
    if ((given("delimiter") ?? "") !== "") throw new S3Error("NotImplemented", "Uploads are not grouped");
    const max = wholeNumber("max-uploads", given("max-uploads"), MAX_LISTED, MAX_LISTED);
    const spell = spellingOf(given("encoding-type"));
    const all = await uploads.ofBucket(bucket);
    const rest = all.filter((each) => each.key.startsWith(prefix) && compareUploads(each, marker) > 0);
    const listed = rest.slice(0, max);
    const isTruncated = rest.length > listed.length;
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

  app.post("/CompleteMultipartUpload", async (request, reply) => {
    const { authenticated, target } = s3RequestOf(request);
    const place = placeToWrite(request);
    const condition = writeConditionOf(request.headers);
    // The checksum in the headers is the object's, and not the document's.
    const text = await documentOf(reply.raw, authenticated, limits, wholeBodies, () => undefined);
    const { Part: wanted } = fromXml(text, "CompleteMultipartUpload", completeSchema);
    const id = parameter(target, "uploadId") ?? "";

    const complete = async (): Promise<StoredObject> => {
      const upload = await uploads.read(id);
      if (upload === undefined) return alreadyCompleted(id);
      if (upload.bucket !== place.bucket || upload.key !== place.key) throw new S3Error("NoSuchUpload");
      const parts = chooseParts(wanted, await uploads.parts(upload));
      requireSize(request, parts);
      const { headers, metadata } = upload;
      const etag = etagOfParts(parts);
      const whole = upload.checksum?.type === "FULL_OBJECT" ? runningChecksum(upload.checksum.algorithm) : undefined;
      let checksum = await compositeOf(upload, parts);
      if (checksum !== undefined) requireChecksum(request, checksum);
      async function* bytes(): AsyncGenerator<Buffer> {
        const data = uploads.bytesOf(parts);
        if (whole === undefined || upload?.checksum === undefined) return yield* data;
        yield* observed(data, whole);
        checksum = { ...upload.checksum, value: await whole.digest() };
        requireChecksum(request, checksum);
      }
      const kept = { headers, metadata, etag, uploadId: id, parts: describeParts(upload, parts) };
      const describe = () => ({ ...kept, ...(checksum && { checksum }) });
      const object = await objects.put(place, bytes(), describe, condition);
      await uploads.abort(id);
      return object;
    };
    /** The client has not heard of it. */
    const alreadyCompleted = async (uploadId: string): Promise<StoredObject> => {
      const object = await objects.find(place);
      if (object?.description?.uploadId === uploadId) return object;
      throw new S3Error("NoSuchUpload");
    };
    const result = (object: StoredObject) =>
      toXml("CompleteMultipartUploadResult", {
        Location: `/${place.bucket}/${encodeKey(place.key)}`,
        Bucket: place.bucket,
        Key: place.key,
        ETag: quoted(etagOfObject(object)),
        ...checksumElements(object),
        ChecksumType: object.description?.checksum?.type,
      });
    return sendXmlWhenDone(request, reply, change(complete).then(result));
  });

  function uploadOf(request: FastifyRequest, access: "read" | "write"): Promise<Upload> {
    const target = authorizedTarget(request, access);
    return uploads.find(parameter(target, "uploadId") ?? "", target);
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

/** @throws {S3Error} InvalidPartOrder, InvalidPart, EntityTooSmall */
function chooseParts(wanted: readonly CompletedPart[], existing: readonly Part[]): Part[] {
  const isOrdered = wanted.every(({ PartNumber }, index) => PartNumber > (wanted[index - 1]?.PartNumber ?? 0));
  if (!isOrdered) throw new S3Error("InvalidPartOrder");
  const byNumber = new Map(existing.map((part) => [part.number, part]));
  return wanted.map((each, index) => {
    const part = byNumber.get(each.PartNumber);
    if (part === undefined || etagOfObject(part.object) !== unquoted(each.ETag) || !hasChecksum(part, each)) {
      throw new S3Error("InvalidPart");
    }
    const isLast = index === wanted.length - 1;
    if (!isLast && part.object.attributes.size < MIN_PART_BYTES) throw new S3Error("EntityTooSmall");
    return part;
  });
}

/** @throws {S3Error} InvalidRequest where the request gives another size for the whole. */
function requireSize({ headers }: FastifyRequest, parts: readonly Part[]): void {
  const given = headers["x-amz-mp-object-size"];
  const size = parts.reduce((sum, { object }) => sum + object.attributes.size, 0);
  if (given === undefined || given === String(size)) return;
  throw new S3Error("InvalidRequest", `x-amz-mp-object-size is ${given}, and the parts have ${size} bytes`);
}

/** What the client says of a part, it is to have. */
function hasChecksum({ object }: Part, wanted: CompletedPart): boolean {
  return ALGORITHM_NAMES.every((algorithm) => {
    const given = wanted[`Checksum${algorithm}`];
    const own = object.description?.checksum;
    return given === undefined || own?.algorithm !== algorithm || own.value === given;
  });
}

function describeParts({ checksum }: Upload, parts: readonly Part[]): Description["parts"] {
  const sizes = parts.map(({ object }) => object.attributes.size);
  const checksums = parts.flatMap(({ object: { description } }) =>
    description?.checksum !== undefined && description.checksum.algorithm === checksum?.algorithm
      ? [description.checksum.value]
      : [],
  );
  return { sizes, ...(checksums.length === sizes.length && { checksums }) };
}

/** The MD5 of the parts' MD5s, and their number. */
function etagOfParts(parts: readonly Part[]): string {
  const hash = createHash("md5");
  for (const { object } of parts) hash.update(Buffer.from(etagOfObject(object), "hex"));
  return `${hash.digest("hex")}-${parts.length}`;
}

/** Undefined where the upload wants none, or one of the whole. */
async function compositeOf({ checksum }: Upload, parts: readonly Part[]): Promise<Checksum | undefined> {
  if (checksum?.type !== "COMPOSITE") return undefined;
  const values = parts.map(({ object }) => checksumOfPart(object, checksum.algorithm));
  return compositeChecksum(checksum.algorithm, values);
}

function checksumOfPart({ description }: Part["object"], algorithm: ChecksumAlgorithm): string {
  const checksum = description?.checksum;
  if (checksum?.algorithm === algorithm) return checksum.value;
  throw new S3Error("InvalidRequest", `The upload was created with ${algorithm}, and a part has no such checksum`);
}

/** @throws {S3Error} BadDigest where the request gives another one for the whole. */
function requireChecksum({ headers }: FastifyRequest, { algorithm, value }: Checksum): void {
  const given = headers[checksumHeader(algorithm)];
  // Of a composite one, clients need not say how many parts it is of.
  const isSame = given === undefined || given === value || given === value.replace(/-\d+$/, "");
  if (!isSame) throw new S3Error("BadDigest");
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
