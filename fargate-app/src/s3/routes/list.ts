/** ListObjects, in both versions, and ListObjectVersions of buckets that have no versions. */
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { modificationDate } from "../../http/semantics/validators.ts";
import { authorize } from "../access-keys.ts";
import { s3RequestOf } from "../authentication.ts";
import type { S3Context } from "../context.ts";
import { S3Error } from "../errors.ts";
import { type Listing, type ListOptions, listObjects } from "../listing/listing.ts";
import { etagOfObject, type StoredObject, sizeOfObject } from "../objects/stored-object.ts";
import { parameter } from "../target.ts";
import { wholeNumber } from "./request.ts";
import { isoDate, OWNER, quoted, type Spelling, sendXml, spellingOf } from "./response.ts";

const MAX_KEYS = 1_000;

interface Page extends Listing {
  readonly options: ListOptions;
  /** How keys are written in the response. */
  readonly spell: Spelling;
  readonly parameter: (name: string) => string | undefined;
}

export const listRoutes: FastifyPluginAsync<S3Context> = async (app, { objectsOf }) => {
  async function page(request: FastifyRequest, after: (parameter: Page["parameter"]) => string): Promise<Page> {
    const { target, authenticated } = s3RequestOf(request);
    const { bucket } = target;
    const given = (name: string) => parameter(target, name);
    const prefix = given("prefix") ?? "";
    authorize(authenticated.accessKey, "read", `${bucket}/${prefix}`);
    const options: ListOptions = {
      bucket,
      prefix,
      delimiter: given("delimiter") ?? "",
      after: after(given),
      maxKeys: wholeNumber("max-keys", given("max-keys"), MAX_KEYS, MAX_KEYS),
    };
    const spell = spellingOf(given("encoding-type"));
    const objects = objectsOf(request);
    await objects.requireBucket(bucket);
    return { ...(await listObjects(objects.files, objects.records, options)), options, spell, parameter: given };
  }

  app.get("/ListObjectsV2", async (request, reply) => {
    const token = (given: Page["parameter"]) => keyOfToken(given("continuation-token")) ?? given("start-after") ?? "";
    const listed = await page(request, token);
    const { objects, commonPrefixes, next, options, spell, parameter } = listed;
    const owner = parameter("fetch-owner") === "true";
    const startAfter = parameter("start-after");
    return sendXml(reply, "ListBucketResult", {
      ...common(listed),
      KeyCount: objects.length + commonPrefixes.length,
      MaxKeys: options.maxKeys,
      ContinuationToken: parameter("continuation-token"),
      NextContinuationToken: next === undefined ? undefined : tokenOf(next),
      StartAfter: startAfter === undefined ? undefined : spell(startAfter),
      Contents: objects.map((object) => contents(object, spell, owner)),
      CommonPrefixes: prefixes(listed),
    });
  });

  app.get("/ListObjects", async (request, reply) => {
    const listed = await page(request, (given) => given("marker") ?? "");
    const { objects, next, options, spell } = listed;
    return sendXml(reply, "ListBucketResult", {
      ...common(listed),
      // The AWS SDK for Python decodes all but this.
      Prefix: options.prefix.toWellFormed(),
      Marker: spell(options.after),
      // Without a delimiter, it is the last key (S3 API reference, ListObjects).
      NextMarker: next === undefined || options.delimiter === "" ? undefined : spell(next),
      MaxKeys: options.maxKeys,
      Contents: objects.map((object) => contents(object, spell, true)),
      CommonPrefixes: prefixes(listed),
    });
  });

  app.get("/ListObjectVersions", async (request, reply) => {
    const listed = await page(request, (given) => given("key-marker") ?? "");
    const { objects, next, options, spell } = listed;
    return sendXml(reply, "ListVersionsResult", {
      ...common(listed),
      KeyMarker: spell(options.after),
      VersionIdMarker: "",
      NextKeyMarker: next === undefined ? undefined : spell(next),
      NextVersionIdMarker: next === undefined ? undefined : "null",
      MaxKeys: options.maxKeys,
      Version: objects.map((object) => {
        const { Key, ...rest } = contents(object, spell, true);
        return { Key, VersionId: "null", IsLatest: true, ...rest };
      }),
      CommonPrefixes: prefixes(listed),
    });
  });
};

function common({ options, next, spell, parameter }: Page) {
  const { bucket, prefix, delimiter } = options;
  return {
    Name: bucket,
    Prefix: spell(prefix),
    Delimiter: delimiter === "" ? undefined : spell(delimiter),
    EncodingType: parameter("encoding-type"),
    IsTruncated: next !== undefined,
  };
}

function contents(object: StoredObject, spell: Spelling, withOwner: boolean) {
  const { place, attributes, description } = object;
  return {
    Key: spell(place.key),
    LastModified: isoDate(modificationDate(attributes).getTime()),
    ETag: quoted(etagOfObject(object)),
    ChecksumAlgorithm: description?.checksum?.algorithm,
    ChecksumType: description?.checksum?.type,
    Size: sizeOfObject(object),
    Owner: withOwner ? OWNER : undefined,
    StorageClass: "STANDARD",
  };
}

function prefixes({ commonPrefixes, spell }: Page) {
  return commonPrefixes.map((prefix) => ({ Prefix: spell(prefix) }));
}

/** Opaque to clients. */
function tokenOf(key: string): string {
  return Buffer.from(key, "utf16le").toString("base64url");
}

function keyOfToken(token: string | undefined): string | undefined {
  if (token === undefined || token === "") return undefined;
  const key = Buffer.from(token, "base64url").toString("utf16le");
  if (tokenOf(key) === token) return key;
  throw new S3Error("InvalidArgument", "The continuation token provided is incorrect");
}
