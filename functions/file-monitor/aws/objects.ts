/**
 * Amazon S3: single objects, written only where they are as they were when they were last read or written.
 */
import { GetObjectCommand, NoSuchKey, PutObjectCommand, S3ServiceException } from "@aws-sdk/client-s3";
import * as z from "zod";
import { AwsCallError, type AwsSession, call } from "./session.ts";

export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
}

export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Differs for other bytes. */
  readonly etag: string;
}

const objectSchema = z
  .object({ ETag: z.string(), bytes: z.instanceof(Uint8Array) })
  .transform(({ ETag, bytes }): StoredObject => ({ bytes, etag: ETag }));

const writtenSchema = z.object({ ETag: z.string() });

/** The object; undefined when there is none. @throws {AwsCallError} */
export function readObject({ s3, signal }: AwsSession, { bucket, key }: ObjectName): Promise<StoredObject | undefined> {
  return call("GetObject", objectSchema.optional(), async () => {
    try {
      const { ETag, Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
      return { ETag, bytes: await Body?.transformToByteArray() };
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  });
}

/** S3's statuses when the object is not as the condition says, and when another write of it is in flight. */
const CONFLICTS = new Set([409, 412]);

/**
 * Writes the object where it has `etag`; where there is none, for undefined.
 *
 * @returns its new ETag, or undefined when somebody else has written or deleted it.
 * @throws {AwsCallError}
 */
export async function writeObject(
  { s3, signal }: AwsSession,
  { bucket, key }: ObjectName,
  bytes: Uint8Array,
  etag: string | undefined,
): Promise<string | undefined> {
  const condition = etag === undefined ? { IfNoneMatch: "*" } : { IfMatch: etag };
  const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ...condition });
  try {
    return (await call("PutObject", writtenSchema, () => s3.send(command, { abortSignal: signal }))).ETag;
  } catch (error) {
    const { cause } = error instanceof AwsCallError ? error : {};
    if (cause instanceof S3ServiceException && isConflict(cause)) return undefined;
    throw error;
  }
}

/**
 * An object that must have an ETag and is missing, or is deleted meanwhile, is a 404 (S3 user guide, "How to prevent
 * object overwrites with conditional writes"); a bucket that is missing is one with another name.
 */
function isConflict({ name, $metadata: { httpStatusCode = 0 } }: S3ServiceException): boolean {
  return CONFLICTS.has(httpStatusCode) || name === "NoSuchKey";
}
