/** What the responses of all routes have in common. */
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyReply, FastifyRequest } from "fastify";
import { logFailure } from "../../http/plugins/problems.ts";
import { type Checksum, checksumHeader } from "../checksums.ts";
import { S3Error, s3ErrorOf } from "../errors.ts";
import { etagOfObject, type StoredObject } from "../objects/stored-object.ts";
import { uriEncode } from "../signature/uri-encoding.ts";
import { toXml, XML_DECLARATION } from "../xml.ts";
import { errorDocument } from "./error-documents.ts";

const XML = "application/xml";

/** Of all buckets and objects: the service. */
export const OWNER = { ID: "efs-mount-autoscaling", DisplayName: "efs-mount-autoscaling" };

/** Milliseconds after which a client learns that its request is being worked on, and between two signs of it. */
const SIGN_INTERVAL = 5_000;

export function sendXml(reply: FastifyReply, root: string, content: object): FastifyReply {
  return reply.type(XML).send(toXml(root, content));
}

/**
 * Answers with a document that may take long: S3 sends the status 200 and blanks meanwhile, so that no connection is taken
 * for dead, and where it fails then, the document is an error (S3 API reference, CompleteMultipartUpload).
 *
 * @param work Its result is the document.
 */
export async function sendXmlWhenDone(
  request: FastifyRequest,
  reply: FastifyReply,
  work: Promise<string>,
): Promise<FastifyReply> {
  const first = await Promise.race([work, sleep(SIGN_INTERVAL, undefined, { ref: false })]);
  reply.type(XML);
  if (first !== undefined) return reply.send(first);
  async function* document(): AsyncGenerator<string> {
    yield XML_DECLARATION;
    for (;;) {
      const done = await Promise.race([ending, sleep(SIGN_INTERVAL, undefined, { ref: false })]);
      if (done !== undefined) return yield done.slice(XML_DECLARATION.length);
      yield " ";
    }
  }
  const ending = work.catch((error: unknown) => {
    const failure = s3ErrorOf(error);
    logFailure(error, failure.status, request);
    return errorDocument(failure, request);
  });
  return reply.send(Readable.from(document()));
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** Headers about an object that was written. */
export function writtenHeaders(object: Pick<StoredObject, "attributes" | "description">): Record<string, string> {
  return { etag: quoted(etagOfObject(object)), ...checksumHeaders(object) };
}

export function checksumHeaders({ description }: Pick<StoredObject, "description">): Record<string, string> {
  return headersOfChecksum(description?.checksum);
}

export function headersOfChecksum(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, "x-amz-checksum-type": checksum.type };
}

/** An element of XML named as the checksum's algorithm. */
export function checksumElements({ description }: Pick<StoredObject, "description">): Record<string, string> {
  return elementsOfChecksum(description?.checksum);
}

export function elementsOfChecksum(checksum: Checksum | undefined): Record<string, string> {
  return checksum === undefined ? {} : { [`Checksum${checksum.algorithm}`]: checksum.value };
}

/** Milliseconds since 1970 as S3 writes them in XML. */
export function isoDate(time: number): string {
  return new Date(time).toISOString();
}

/** How the keys of a list are written. */
export type Spelling = (key: string) => string;

/**
 * Names that are not UTF-8 can be written in URLs only; elsewhere they are something like it for people to read.
 *
 * @throws {S3Error} InvalidArgument
 */
export function spellingOf(encodingType: string | undefined): Spelling {
  if (encodingType === undefined) return (key) => key.toWellFormed();
  if (encodingType === "url") return encodeKey;
  throw new S3Error("InvalidArgument", "Invalid Encoding Method specified in Request");
}

/** Percent-encoded, but for its slashes. */
export function encodeKey(key: string): string {
  return key.split("/").map(uriEncode).join("/");
}
