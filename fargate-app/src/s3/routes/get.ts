/** GetObject and HeadObject. */
import type { Readable } from "node:stream";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { FileChangedError } from "nfs-client";
import { bodyOf } from "../../http/routes/files/response-body.ts";
import { mediaTypeOf } from "../../http/semantics/media-type.ts";
import { parseRange, resolveRange } from "../../http/semantics/range.ts";
import { covers, rangeToRead, type Selection } from "../../http/semantics/selection.ts";
import { lastModifiedHeader, validatorsOf } from "../../http/semantics/validators.ts";
import { s3RequestOf } from "../authentication.ts";
import type { Checksum } from "../checksums.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import type { ObjectPlace } from "../keys.ts";
import { unquoted, verdictOnRead } from "../objects/conditions.ts";
import type { Objects } from "../objects/objects.ts";
import { partOf } from "../objects/parts.ts";
import { HEADER_VALUE } from "../objects/records.ts";
import { etagOfObject, type StoredObject, sizeOfObject } from "../objects/stored-object.ts";
import { parameter } from "../target.ts";
import { metadataHeaders, requirePartNumber, requirePlace } from "./request.ts";
import { headersOfChecksum, quoted } from "./response.ts";

/** How often an object may change between deciding what to send and opening it. */
const ROUNDS = 3;

/** What a query may ask for instead of what is kept of the object. */
const OVERRIDES = {
  "response-cache-control": "cache-control",
  "response-content-disposition": "content-disposition",
  "response-content-encoding": "content-encoding",
  "response-content-language": "content-language",
  "response-content-type": "content-type",
  "response-expires": "expires",
} as const;

export const getRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf }) => {
  app.get("/GetObject", async (request, reply) => {
    const objects = objectsOf(request);
    const replaced = replacedHeaders(request);
    const place = await requirePlace(objects, request);
    const { object, selection, payload } = await open(objects, place, request);
    describe(request, reply, object, selection, replaced);
    return reply.send(payload);
  });

  app.head("/HeadObject", async (request, reply) => {
    const objects = objectsOf(request);
    const replaced = replacedHeaders(request);
    const object = await objects.head(await requirePlace(objects, request));
    describe(request, reply, object, select("HEAD", request, object), replaced);
    return reply.send();
  });
};

interface Opened {
  readonly object: StoredObject;
  readonly selection: Selection;
  /** The bytes that are selected, where any are. */
  readonly payload?: Buffer | Readable;
}

/** As the file API does, and with S3's entity tags. */
async function open(objects: Objects, place: ObjectPlace, request: FastifyRequest): Promise<Opened> {
  // Where a part begins, only the object's record says.
  let range = partNumberOf(request) === undefined ? rangeToRead(request) : undefined;
  if (range === undefined) {
    const object = await objects.head(place);
    const selection = select("GET", request, object);
    if (!("length" in selection)) return { object, selection };
    range = selection;
  }
  for (let round = 0; round < ROUNDS; round++) {
    const object = await objects.open(place, range);
    const selection = select("GET", request, object);
    if (!("length" in selection)) return { object, selection };
    if (!covers(range, selection)) {
      range = selection;
      continue;
    }
    try {
      return { object, selection, payload: await bodyOf(object.body, selection.length) };
    } catch (error) {
      if (!(error instanceof FileChangedError)) throw error;
    }
  }
  throw new S3Error("SlowDown", "The object changes faster than it can be read");
}

function select(method: "GET" | "HEAD", request: FastifyRequest, object: StoredObject): Selection {
  const { headers } = request;
  const verdict = verdictOnRead(method, headers, object);
  if (verdict === "failed") return { status: 412 };
  if (verdict === "not-modified") return { status: 304 };
  const size = sizeOfObject(object);
  const number = partNumberOf(request);
  if (number !== undefined) {
    const { start, length } = partOf(object, number);
    return { status: length === 0 ? 200 : 206, start, length };
  }
  const requested = parseRange(headers.range);
  const ifRange = headers["if-range"]?.toString();
  const isOfSameVersion = ifRange === undefined || unquoted(ifRange) === etagOfObject(object);
  if (requested === undefined || !isOfSameVersion) return { status: 200, start: 0, length: size };
  const range = resolveRange(requested, size);
  return range === undefined ? { status: 416 } : { status: 206, ...range };
}

/**
 * Which part of the object the request asks for, from 1.
 *
 * @throws {S3Error} InvalidArgument, and InvalidRequest where it asks for a range, too.
 */
function partNumberOf(request: FastifyRequest): number | undefined {
  const text = parameter(s3RequestOf(request).target, "partNumber");
  if (text === undefined) return undefined;
  if (request.headers.range !== undefined) {
    throw new S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
  }
  return requirePartNumber(text);
}

function describe(
  request: FastifyRequest,
  reply: FastifyReply,
  object: StoredObject,
  selection: Selection,
  replaced: Readonly<Record<string, string>>,
): void {
  const { place, attributes, description } = object;
  if (selection.status === 412) throw new S3Error("PreconditionFailed");
  const size = sizeOfObject(object);
  if (selection.status === 416) {
    reply.header("content-range", `bytes */${size}`);
    throw new S3Error("InvalidRange");
  }
  reply.code(selection.status);
  reply.headers({
    etag: quoted(etagOfObject(object)),
    "last-modified": lastModifiedHeader(validatorsOf(attributes)),
    "accept-ranges": "bytes",
  });
  if (!("length" in selection)) return;
  const { status, start, length } = selection;
  const isWhole = status === 200;
  const number = partNumberOf(request);
  reply.headers({
    "content-type": description === undefined ? mediaTypeOf(place.path) : "binary/octet-stream",
    ...description?.headers,
    ...(description && metadataHeaders(description)),
    ...(request.headers["x-amz-checksum-mode"] === "ENABLED" && headersOfChecksum(checksumOf(object, isWhole, number))),
    ...(number !== undefined && description?.parts && { "x-amz-mp-parts-count": description.parts.sizes.length }),
    ...replaced,
    "content-length": length,
  });
  if (!isWhole) reply.header("content-range", `bytes ${start}-${start + length - 1}/${size}`);
}

/** Of the bytes that are sent. */
function checksumOf(object: StoredObject, isWhole: boolean, number: number | undefined): Checksum | undefined {
  if (number !== undefined) return partOf(object, number).checksum;
  return isWhole ? object.description?.checksum : undefined;
}

/**
 * What the query asks for instead of what is kept of the object.
 *
 * @throws {S3Error} InvalidArgument
 */
function replacedHeaders(request: FastifyRequest): Record<string, string> {
  const { target } = s3RequestOf(request);
  return Object.fromEntries(
    Object.entries(OVERRIDES).flatMap(([name, header]) => {
      const value = parameter(target, name);
      if (value === undefined) return [];
      if (HEADER_VALUE.test(value)) return [[header, value]];
      throw new S3Error("InvalidArgument", `${name} must have printable characters of ISO-8859-1 only`);
    }),
  );
}
