/** CompleteMultipartUpload: parts become an object. */
import { createHash } from "node:crypto";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import * as z from "zod";
import { s3RequestOf } from "../authentication.ts";
import {
  ALGORITHM_NAMES,
  type Checksum,
  type ChecksumAlgorithm,
  checksumHeader,
  compositeChecksum,
  runningChecksum,
} from "../checksums.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { unquoted, writeConditionOf } from "../objects/conditions.ts";
import { observed } from "../objects/observed.ts";
import type { Description } from "../objects/records.ts";
import { etagOfObject, type StoredObject } from "../objects/stored-object.ts";
import { documentOf } from "../payload.ts";
import { parameter } from "../target.ts";
import { isFor, MAX_PART_NUMBER, type Part, type Upload } from "../uploads/uploads.ts";
import { fromXml, repeated, toXml } from "../xml.ts";
import { placeToWrite, userOf } from "./request.ts";
import { checksumElements, encodeKey, quoted, sendXmlWhenDone } from "./response.ts";

/** S3 user guide, "Amazon S3 multipart upload limits": of each part but the last. */
const MIN_PART_BYTES = 5 * 2 ** 20;

const checksums = z.object({
  ChecksumCRC32: z.string().optional(),
  ChecksumCRC32C: z.string().optional(),
  ChecksumCRC64NVME: z.string().optional(),
  ChecksumSHA1: z.string().optional(),
  ChecksumSHA256: z.string().optional(),
});

const completeSchema = z.object({
  Part: repeated(
    checksums.extend({
      PartNumber: z
        .string()
        .trim()
        .regex(/^\d{1,5}$/)
        .transform(Number),
      ETag: z.string(),
    }),
    MAX_PART_NUMBER,
  ),
});

type CompletedPart = z.output<typeof completeSchema>["Part"][number];

export const completeRoutes: FastifyPluginAsync<S3Context> = async (
  app,
  { objectsOf, uploads, limits, wholeBodies, change },
) => {
  app.post("/CompleteMultipartUpload", async (request, reply) => {
    const objects = objectsOf(request);
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
      const isOwn = upload.bucket === place.bucket && upload.key === place.key && isFor(upload, userOf(request));
      if (!isOwn) throw new S3Error("NoSuchUpload");
      requireOrder(upload, wanted);
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
};

/**
 * Part numbers rise. Where each part has an additional checksum, they are 1, 2, 3, … (S3 API reference, CompletedPart,
 * which does not say so of CRC64NVME).
 *
 * @throws {S3Error} InvalidPartOrder
 */
function requireOrder({ checksum }: Upload, wanted: readonly CompletedPart[]): void {
  const mayHaveGaps = checksum === undefined || checksum.algorithm === "CRC64NVME";
  const isOrdered = wanted.every(({ PartNumber }, index) => {
    const before = wanted[index - 1]?.PartNumber ?? 0;
    return mayHaveGaps ? PartNumber > before : PartNumber === before + 1;
  });
  if (!isOrdered) throw new S3Error("InvalidPartOrder");
}

/** @throws {S3Error} InvalidPart, EntityTooSmall */
function chooseParts(wanted: readonly CompletedPart[], existing: readonly Part[]): Part[] {
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
  const numbers = parts.map(({ number }) => number);
  const checksums = parts.flatMap(({ object: { description } }) =>
    description?.checksum !== undefined && description.checksum.algorithm === checksum?.algorithm
      ? [description.checksum.value]
      : [],
  );
  return {
    ...(numbers.length !== numbers.at(-1) && { numbers }),
    sizes,
    ...(checksums.length === sizes.length && { checksums }),
  };
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
