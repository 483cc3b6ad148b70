/** The AWS SDK for JavaScript, unmodified, at the router's bundle: what its users do, and what other NFS clients see. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetObjectAclCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  ObjectAttributes,
  PutBucketAclCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { directoryPage } from "../../../fargate-app/src/http/routes/files/list.ts";
import { secretsManager } from "../../../local/control-plane/secrets-manager.ts";
import { S3_ACCESS_KEYS_SECRET_ID } from "../../../local/environments.ts";
import { clientNames } from "../../support/client-names.ts";
import { ACCESS_KEY, type S3Router, startS3Router } from "../../support/s3-router.ts";

const READER = { accessKeyId: "AKIAREADERREADERREAD", secretAccessKey: "reader".repeat(7) };
const TENANT = { accessKeyId: "AKIATENANTTENANTTENA", secretAccessKey: "tenant".repeat(7) };
const Bucket = "my-bucket";
const MEBIBYTE = 2 ** 20;

let s3: S3Router;
let client: S3Client;

beforeAll(async () => {
  const accessKeys = [ACCESS_KEY, { ...READER, readOnly: true }, { ...TENANT, prefixes: [`${Bucket}/tenant/`] }];
  s3 = await startS3Router(accessKeys, { API_TOKEN_REFRESH_SECONDS: "0.1", S3_UPLOAD_AGE_SECONDS: "3600" });
  client = clientWith(ACCESS_KEY);
  await client.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  client?.destroy();
  await s3?.close();
});

function clientWith(credentials: typeof ACCESS_KEY, endpoint = s3.url): S3Client {
  return new S3Client({
    endpoint,
    region: "ap-northeast-1",
    forcePathStyle: true,
    // The SDK notes in it where it comes from.
    credentials: { ...credentials },
    maxAttempts: 1,
  });
}

const put = (Key: string, Body: string | Buffer, more = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const head = (Key: string, more = {}) => client.send(new HeadObjectCommand({ Bucket, Key, ...more }));
const stored = (path: string) => join(s3.directory, Bucket, path);
const md5 = (data: string | Buffer) => createHash("md5").update(data).digest("hex");

async function get(Key: string, more = {}): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return (await Body?.transformToString()) ?? "";
}

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client, pageSize: 3 }, { Bucket, Prefix: prefix })) {
    found.push(...Contents.map(({ Key = "" }) => Key));
  }
  return found;
}

/** What the SDK says of an error. */
function failure(name: string, status: number) {
  return expect.objectContaining({ name, $metadata: expect.objectContaining({ httpStatusCode: status }) });
}

describe("an object", () => {
  test("is a file, and comes back with all that was said of it", async () => {
    const written = await put("a/b.txt", "hello", {
      ContentType: "text/plain; charset=utf-8",
      CacheControl: "max-age=1",
      Metadata: { colour: "green" },
    });
    expect(written.ETag).toBe(`"${md5("hello")}"`);
    expect(await readFile(stored("a/b.txt"), "utf8")).toBe("hello");
    const { Body, ...described } = await client.send(new GetObjectCommand({ Bucket, Key: "a/b.txt" }));
    expect(await Body?.transformToString()).toBe("hello");
    expect(described).toMatchObject({
      ETag: written.ETag,
      ContentLength: 5,
      ContentType: "text/plain; charset=utf-8",
      CacheControl: "max-age=1",
      Metadata: { colour: "green" },
    });
    expect(await head("a/b.txt")).toMatchObject({ ETag: written.ETag, Metadata: { colour: "green" } });
  });

  test("is read in parts, and with other headers where the query says so", async () => {
    await put("ranges", "0123456789");
    expect(await get("ranges", { Range: "bytes=2-4" })).toBe("234");
    expect(await get("ranges", { Range: "bytes=-3" })).toBe("789");
    await expect(get("ranges", { Range: "bytes=10-" })).rejects.toEqual(failure("InvalidRange", 416));
    const overridden = await client.send(
      new GetObjectCommand({ Bucket, Key: "ranges", ResponseContentDisposition: 'attachment; filename="a"' }),
    );
    await overridden.Body?.transformToString();
    expect(overridden.ContentDisposition).toBe('attachment; filename="a"');
  });

  test("keeps the promises of conditions", async () => {
    const { ETag } = await put("conditions", "one", { IfNoneMatch: "*" });
    await expect(put("conditions", "two", { IfNoneMatch: "*" })).rejects.toEqual(failure("PreconditionFailed", 412));
    await expect(get("conditions", { IfNoneMatch: ETag })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 304 },
    });
    await expect(get("conditions", { IfMatch: '"x"' })).rejects.toEqual(failure("PreconditionFailed", 412));
    await put("conditions", "two", { IfMatch: ETag });
    await expect(put("conditions", "three", { IfMatch: ETag })).rejects.toEqual(failure("PreconditionFailed", 412));
    await expect(put("conditions-none", "x", { IfMatch: ETag })).rejects.toEqual(failure("NoSuchKey", 404));
    expect(await get("conditions")).toBe("two");
  });

  test("of two that are written where there is none, one is", async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => put("race", `writer ${index}`, { IfNoneMatch: "*" })),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const { ETag } = await head("race");
    expect(ETag).toBe(`"${md5(await get("race"))}"`);
  });

  test("is always whole, with the description that belongs to it, while writers replace it", async () => {
    const writers = [1, 2, 3].map(async (writer) => {
      for (let round = 0; round < 10; round++) {
        const text = `${writer} ${round}`;
        await put("replaced", text, { Metadata: { text } });
      }
    });
    let isOver = false;
    const reader = (async () => {
      while (!isOver) {
        const found = await client
          .send(new GetObjectCommand({ Bucket, Key: "replaced" }))
          .catch((error: Error) => (error.name === "NoSuchKey" ? undefined : Promise.reject(error)));
        const text = await found?.Body?.transformToString();
        expect([found?.Metadata?.text, found?.ETag]).toEqual(
          text === undefined ? [undefined, undefined] : [text, `"${md5(text)}"`],
        );
      }
    })();
    await Promise.all(writers);
    isOver = true;
    await reader;
  });

  test.each<
    [
      ChecksumAlgorithm,
      "ChecksumCRC32" | "ChecksumCRC32C" | "ChecksumCRC64NVME" | "ChecksumSHA1" | "ChecksumSHA256",
      string,
    ]
  >([
    ["CRC32", "ChecksumCRC32", "NhCmhg=="],
    ["CRC32C", "ChecksumCRC32C", "mnG7TA=="],
    ["CRC64NVME", "ChecksumCRC64NVME", "M3eFcAZSQlc="],
    ["SHA1", "ChecksumSHA1", createHash("sha1").update("hello").digest("base64")],
    ["SHA256", "ChecksumSHA256", createHash("sha256").update("hello").digest("base64")],
  ])("is checked with %s, which is kept, in a header and in a trailer", async (algorithm, field, value) => {
    await put("checksum", "hello", { ChecksumAlgorithm: algorithm });
    expect((await head("checksum", { ChecksumMode: "ENABLED" }))[field]).toBe(value);
    const streamed = { Bucket, Key: "checksum-stream", ChecksumAlgorithm: algorithm, ContentLength: 5 };
    await client.send(new PutObjectCommand({ ...streamed, Body: Readable.from(["hel", "lo"]) }));
    expect((await head("checksum-stream", { ChecksumMode: "ENABLED" }))[field]).toBe(value);
    const wrong = Buffer.from(value, "base64").reverse().toString("base64");
    await expect(put("checksum-wrong", "hello", { [field]: wrong })).rejects.toEqual(failure("BadDigest", 400));
    await expect(head("checksum-wrong")).rejects.toEqual(failure("NotFound", 404));
  });

  test("that its sender gives another MD5 is not written", async () => {
    const ContentMD5 = createHash("md5").update("other").digest("base64");
    await expect(put("md5", "hello", { ContentMD5 })).rejects.toEqual(failure("BadDigest", 400));
    await expect(head("md5")).rejects.toEqual(failure("NotFound", 404));
  });

  test("that is copied has the bytes and the description, or another one", async () => {
    await put("copy/source", "hello", { Metadata: { a: "1" }, ContentType: "text/x" });
    const CopySource = `${Bucket}/copy/source`;
    const { CopyObjectResult } = await client.send(new CopyObjectCommand({ Bucket, Key: "copy/target", CopySource }));
    expect(CopyObjectResult?.ETag).toBe(`"${md5("hello")}"`);
    expect(await head("copy/target")).toMatchObject({ Metadata: { a: "1" }, ContentType: "text/x" });
    const replaced = { MetadataDirective: "REPLACE", Metadata: { b: "2" } } as const;
    await client.send(new CopyObjectCommand({ Bucket, Key: "copy/source", CopySource, ...replaced }));
    expect((await head("copy/source")).Metadata).toEqual({ b: "2" });
    expect(await get("copy/source")).toBe("hello");
    await expect(
      client.send(new CopyObjectCommand({ Bucket, Key: "copy/none", CopySource: `${Bucket}/copy/nothing` })),
    ).rejects.toEqual(failure("NoSuchKey", 404));
  });

  test("is gone when it is deleted, with the directories that only it was in", async () => {
    await put("deleted/deep/one", "1");
    await put("deleted/two", "2");
    await client.send(new DeleteObjectCommand({ Bucket, Key: "deleted/deep/one" }));
    expect(await readdir(stored("deleted"))).toEqual(["two"]);
    const Objects = [{ Key: "deleted/two" }, { Key: "deleted/never" }];
    const { Deleted, Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect([Deleted?.map(({ Key }) => Key).sort(), Errors]).toEqual([["deleted/never", "deleted/two"], undefined]);
    expect(await keys("deleted")).toEqual([]);
    expect(await readdir(stored("."))).not.toContain("deleted");
  });

  test("a DELETE that is sent again also removes the empty directories that a killed router has left", async () => {
    await mkdir(stored("left/by/killed"), { recursive: true });
    expect(await keys("left")).toEqual([]);
    await client.send(new DeleteObjectCommand({ Bucket, Key: "left/by/killed/router/object" }));
    expect(await readdir(stored("."))).not.toContain("left");
    await put("left", "a file");
    expect(await get("left")).toBe("a file");
  });
});

describe("keys that are no names of files", () => {
  test("which end in a slash are directories that stay, and have no bytes", async () => {
    await put("folder/", "", { Metadata: { kept: "yes" } });
    await put("folder/file", "x");
    expect(await keys("folder")).toEqual(["folder/", "folder/file"]);
    await client.send(new DeleteObjectCommand({ Bucket, Key: "folder/file" }));
    expect((await head("folder/")).Metadata).toEqual({ kept: "yes" });
    await expect(put("folder/", "bytes")).rejects.toEqual(failure("InvalidRequest", 400));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "folder/" }));
    expect(await keys("folder")).toEqual([]);
  });

  test.each(["a//b", "/a", "a/./b", "a/../b", ".."])(
    "are refused where they are written, and never there: %s",
    async (key) => {
      await expect(put(key, "x")).rejects.toEqual(failure("InvalidArgument", 400));
      await expect(get(key)).rejects.toEqual(failure("NoSuchKey", 404));
      await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
    },
  );

  test("are in conflict with those that need a directory of their name", async () => {
    await put("conflict", "a file");
    await expect(put("conflict/below", "x")).rejects.toEqual(failure("KeyConflict", 409));
    await put("conflicting/below", "x");
    await expect(put("conflicting", "x")).rejects.toEqual(failure("KeyConflict", 409));
    await expect(put(`${"long".repeat(64)}/x`, "x")).rejects.toEqual(failure("KeyTooLongError", 400));
  });
});

describe("what other NFS clients do", () => {
  test("is seen at once: files that they write, change and remove", async () => {
    await mkdir(stored("shared/empty"), { recursive: true });
    await writeFile(stored("shared/report.html"), "<p>");
    expect(await get("shared/report.html")).toBe("<p>");
    const before = await head("shared/report.html");
    expect(before).toMatchObject({ ContentType: "text/html", Metadata: {} });
    expect(await keys("shared")).toEqual(["shared/report.html"]);
    await expect(head("shared/empty/")).rejects.toEqual(failure("NotFound", 404));
    await appendFile(stored("shared/report.html"), "more");
    const after = await head("shared/report.html");
    expect(after.ETag).not.toBe(before.ETag);
    await rm(stored("shared/report.html"));
    await expect(head("shared/report.html")).rejects.toEqual(failure("NotFound", 404));
  });

  test("ends what was known of an object that they change or move", async () => {
    await put("bound/one", "hello", { Metadata: { known: "yes" } });
    await put("bound/two", "hello", { Metadata: { known: "yes" } });
    await appendFile(stored("bound/one"), "!");
    await rename(stored("bound/two"), stored("bound/three"));
    for (const key of ["bound/one", "bound/three"]) {
      const described = await head(key);
      expect([described.Metadata, described.ETag]).toEqual([{}, expect.not.stringMatching(/^"[0-9a-f]{32}"$/)]);
    }
  });

  test("does not show them more than one directory, which the file API hides", async () => {
    await put("hidden", "x", { Metadata: { a: "b" } });
    expect((await clientNames(s3.directory)).sort()).toEqual([".nfs-tmp-s3", Bucket]);
    const listed = directoryPage.parse(await (await fetch(`${s3.router.url}/files/`)).json());
    expect(listed.entries.map(({ name }) => name)).toEqual([Bucket]);
  });
});

describe("a multipart upload", () => {
  test("of lib-storage is the file, and leaves nothing else", async () => {
    const Body = randomBytes(12 * MEBIBYTE + 1);
    const params = { Bucket, Key: "upload/large", Body: Readable.from([Body]), Metadata: { a: "b" } };
    await new Upload({ client, params, partSize: 5 * MEBIBYTE }).done();
    expect((await readFile(stored("upload/large"))).equals(Body)).toBe(true);
    const { ETag, Metadata } = await head("upload/large");
    expect([ETag, Metadata]).toEqual([expect.stringMatching(/^"[0-9a-f]{32}-3"$/), { a: "b" }]);
    expect(await readdir(join(s3.directory, ".nfs-tmp-s3/uploads"))).toEqual([]);
  });

  test("lists its parts, takes copies as parts, and is complete as often as its client asks", async () => {
    const Key = "upload/parts";
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const each = { Bucket, Key, UploadId };
    const Body = randomBytes(5 * MEBIBYTE);
    const first = await client.send(new UploadPartCommand({ ...each, PartNumber: 1, Body }));
    await put("upload/source", "0123456789");
    const copied = await client.send(
      new UploadPartCopyCommand({
        ...each,
        PartNumber: 3,
        CopySource: `${Bucket}/upload/source`,
        CopySourceRange: "bytes=2-4",
      }),
    );
    const { Parts } = await client.send(new ListPartsCommand(each));
    expect(Parts?.map(({ PartNumber, Size, ETag }) => [PartNumber, Size, ETag])).toEqual([
      [1, Body.length, first.ETag],
      [3, 3, copied.CopyPartResult?.ETag],
    ]);
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(Uploads?.map((upload) => [upload.Key, upload.UploadId])).toEqual([[Key, UploadId]]);
    const complete = (ETag = first.ETag) => {
      const MultipartUpload = {
        Parts: [
          { PartNumber: 1, ETag },
          { PartNumber: 3, ETag: copied.CopyPartResult?.ETag },
        ],
      };
      return client.send(new CompleteMultipartUploadCommand({ ...each, MultipartUpload }));
    };
    await expect(complete('"x"')).rejects.toEqual(failure("InvalidPart", 400));
    const { ETag } = await complete();
    expect((await readFile(stored(Key))).equals(Buffer.concat([Body, Buffer.from("234")]))).toBe(true);
    expect((await complete()).ETag).toBe(ETag);
  });

  test("has the checksum of the whole, or of its parts", async () => {
    for (const [ChecksumAlgorithm, form] of [
      ["CRC64NVME", /^[A-Za-z0-9+/]{11}=$/],
      ["SHA256", /^[A-Za-z0-9+/]{43}=-2$/],
    ] as const) {
      const Key = `upload/${ChecksumAlgorithm}`;
      const params = { Bucket, Key, Body: randomBytes(6 * MEBIBYTE), ChecksumAlgorithm };
      await new Upload({ client, params, partSize: 5 * MEBIBYTE }).done();
      expect((await head(Key, { ChecksumMode: "ENABLED" }))[`Checksum${ChecksumAlgorithm}`]).toMatch(form);
    }
  });

  test("is an object that is read part by part", async () => {
    const Key = "upload/by-part";
    const parts = [randomBytes(5 * MEBIBYTE), randomBytes(5 * MEBIBYTE), Buffer.from("the end")];
    const params = { Bucket, Key, Body: Buffer.concat(parts), ChecksumAlgorithm: "SHA256" as const };
    await new Upload({ client, params, partSize: 5 * MEBIBYTE }).done();
    const sums = parts.map((part) => createHash("sha256").update(part).digest("base64"));
    const whole = await head(Key, { ChecksumMode: "ENABLED" });
    for (const [index, part] of parts.entries()) {
      const PartNumber = index + 1;
      const { Body, ...described } = await client.send(
        new GetObjectCommand({ Bucket, Key, PartNumber, ChecksumMode: "ENABLED" }),
      );
      expect(part.equals((await Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
      expect(described).toMatchObject({ ETag: whole.ETag, PartsCount: 3, ChecksumSHA256: sums[index] });
      const begin = index * 5 * MEBIBYTE;
      expect(described.ContentRange).toBe(`bytes ${begin}-${begin + part.length - 1}/${whole.ContentLength}`);
      expect(await head(Key, { PartNumber })).toMatchObject({ ContentLength: part.length, PartsCount: 3 });
    }
    await expect(get(Key, { PartNumber: 4 })).rejects.toEqual(failure("InvalidPartNumber", 416));
    await expect(get(Key, { PartNumber: 0 })).rejects.toEqual(failure("InvalidArgument", 400));
    await expect(get(Key, { PartNumber: 1, Range: "bytes=0-1" })).rejects.toEqual(failure("InvalidRequest", 400));

    const attributes = (more = {}) =>
      client.send(
        new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: Object.values(ObjectAttributes), ...more }),
      );
    expect(await attributes()).toMatchObject({
      ETag: whole.ETag?.replaceAll('"', ""),
      ObjectSize: whole.ContentLength,
      StorageClass: "STANDARD",
      Checksum: { ChecksumSHA256: whole.ChecksumSHA256, ChecksumType: "COMPOSITE" },
      ObjectParts: {
        TotalPartsCount: 3,
        IsTruncated: false,
        Parts: parts.map(({ length }, index) => ({
          PartNumber: index + 1,
          Size: length,
          ChecksumSHA256: sums[index],
        })),
      },
    });
    const page = await attributes({ MaxParts: 1, PartNumberMarker: "1" });
    expect(page.ObjectParts).toMatchObject({
      IsTruncated: true,
      NextPartNumberMarker: "2",
      Parts: [{ PartNumber: 2 }],
    });

    // Other metadata for the same bytes leaves its parts.
    const CopySource = `${Bucket}/${Key}`;
    await client.send(new CopyObjectCommand({ Bucket, Key, CopySource, MetadataDirective: "REPLACE" }));
    expect(await get(Key, { PartNumber: 3 })).toBe("the end");
  });

  test("that is aborted, or has too small a part, is no object", async () => {
    const Key = "upload/aborted";
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const each = { Bucket, Key, UploadId };
    const parts = await Promise.all(
      [1, 2].map(async (PartNumber) => {
        const { ETag } = await client.send(new UploadPartCommand({ ...each, PartNumber, Body: "small" }));
        return { PartNumber, ETag };
      }),
    );
    const complete = (Parts: typeof parts) =>
      client.send(new CompleteMultipartUploadCommand({ ...each, MultipartUpload: { Parts } }));
    await expect(complete(parts)).rejects.toEqual(failure("EntityTooSmall", 400));
    await expect(complete([...parts].reverse())).rejects.toEqual(failure("InvalidPartOrder", 400));
    await client.send(new AbortMultipartUploadCommand(each));
    await expect(client.send(new ListPartsCommand(each))).rejects.toEqual(failure("NoSuchUpload", 404));
    await expect(head(Key)).rejects.toEqual(failure("NotFound", 404));
  });
});

describe("a bucket", () => {
  test("is a directory, which goes when it is empty", async () => {
    await client.send(new CreateBucketCommand({ Bucket: "second-bucket" }));
    await expect(client.send(new CreateBucketCommand({ Bucket: "second-bucket" }))).rejects.toEqual(
      failure("BucketAlreadyOwnedByYou", 409),
    );
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual([Bucket, "second-bucket"]);
    await client.send(new PutObjectCommand({ Bucket: "second-bucket", Key: "x", Body: "x" }));
    await expect(client.send(new DeleteBucketCommand({ Bucket: "second-bucket" }))).rejects.toEqual(
      failure("BucketNotEmpty", 409),
    );
    await client.send(new DeleteObjectCommand({ Bucket: "second-bucket", Key: "x" }));
    await mkdir(join(s3.directory, "second-bucket/no/object"), { recursive: true });
    await put("object/", "", { Bucket: "second-bucket" });
    await expect(client.send(new DeleteBucketCommand({ Bucket: "second-bucket" }))).rejects.toEqual(
      failure("BucketNotEmpty", 409),
    );
    expect((await readdir(join(s3.directory, "second-bucket"))).sort()).toEqual(["no", "object"]);
    await client.send(new DeleteObjectCommand({ Bucket: "second-bucket", Key: "object/" }));
    await client.send(new DeleteBucketCommand({ Bucket: "second-bucket" }));
    await expect(client.send(new HeadBucketCommand({ Bucket: "second-bucket" }))).rejects.toEqual(
      failure("NotFound", 404),
    );
    await expect(put("x", "x", { Bucket: "second-bucket" })).rejects.toEqual(failure("NoSuchBucket", 404));
    const { LocationConstraint } = await client.send(new GetBucketLocationCommand({ Bucket }));
    expect(LocationConstraint).toBe("ap-northeast-1");
  });

  test("is made twice in the oldest region, and keeps what is in it", async () => {
    const oldest = await startS3Router([ACCESS_KEY], { AWS_REGION: "us-east-1" });
    const there = clientWith(ACCESS_KEY, oldest.url);
    try {
      await there.send(new CreateBucketCommand({ Bucket }));
      await there.send(new PutObjectCommand({ Bucket, Key: "kept", Body: "x" }));
      await there.send(new CreateBucketCommand({ Bucket }));
      await there.send(new HeadObjectCommand({ Bucket, Key: "kept" }));
    } finally {
      there.destroy();
      await oldest.close();
    }
  });

  test("is its owner's with all that is in it, and nobody can change that", async () => {
    await put("owned", "x");
    for (const { Owner, Grants } of [
      await client.send(new GetBucketAclCommand({ Bucket })),
      await client.send(new GetObjectAclCommand({ Bucket, Key: "owned" })),
    ]) {
      expect(Owner?.ID).toBeTruthy();
      expect(Grants).toEqual([{ Grantee: { ...Owner, Type: "CanonicalUser" }, Permission: "FULL_CONTROL" }]);
    }
    const refused = failure("AccessControlListNotSupported", 400);
    const setAcl = (each: S3Client, Key: string, ACL: "private" | "public-read") =>
      each.send(new PutObjectAclCommand({ Bucket, Key, ACL }));
    await setAcl(client, "owned", "private");
    await expect(setAcl(client, "owned", "public-read")).rejects.toEqual(refused);
    // As clients copy it with an object.
    const { Owner, Grants } = await client.send(new GetObjectAclCommand({ Bucket, Key: "owned" }));
    const copyAcl = (grants: typeof Grants) =>
      client.send(new PutObjectAclCommand({ Bucket, Key: "owned", AccessControlPolicy: { Owner, Grants: grants } }));
    await copyAcl(Grants);
    const others = { Grantee: { Type: "CanonicalUser" as const, ID: "somebody" }, Permission: "READ" as const };
    await expect(copyAcl([...(Grants ?? []), others])).rejects.toEqual(refused);
    await expect(client.send(new PutBucketAclCommand({ Bucket, ACL: "public-read" }))).rejects.toEqual(refused);
    await expect(client.send(new PutBucketAclCommand({ Bucket, AccessControlPolicy: { Grants: [] } }))).rejects.toEqual(
      refused,
    );
    await expect(put("published", "x", { ACL: "public-read" })).rejects.toEqual(refused);
    await expect(put("published", "x", { GrantRead: "id=someone" })).rejects.toEqual(refused);
    await expect(head("published")).rejects.toEqual(failure("NotFound", 404));
    await expect(setAcl(client, "absent", "private")).rejects.toEqual(failure("NoSuchKey", 404));
    const [reader, tenant] = [clientWith(READER), clientWith(TENANT)];
    await expect(setAcl(reader, "owned", "private")).rejects.toEqual(failure("AccessDenied", 403));
    await expect(tenant.send(new GetObjectAclCommand({ Bucket, Key: "owned" }))).rejects.toEqual(
      failure("AccessDenied", 403),
    );
    reader.destroy();
    tenant.destroy();
  });

  test("has nothing that is not implemented, and says so", async () => {
    await put("tagged", "x");
    await expect(client.send(new GetObjectTaggingCommand({ Bucket, Key: "tagged" }))).rejects.toEqual(
      failure("NotImplemented", 501),
    );
    await expect(put("tagged", "x", { ServerSideEncryption: "aws:kms" })).rejects.toEqual(
      failure("NotImplemented", 501),
    );
  });
});

describe("a presigned URL", () => {
  test.each(["", "200-ok"])("is good with an expectation that S3 does not know: %j", async (expectation) => {
    const url = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "expected" }), { expiresIn: 60 });
    const request = httpRequest(url, { method: "PUT", headers: { expect: expectation, "content-length": 1 } });
    const responded: Promise<IncomingMessage[]> = once(request, "response");
    request.end("x");
    const [response] = await responded;
    expect(response?.resume().statusCode).toBe(200);
    expect(await get("expected")).toBe("x");
  });

  test("reads and writes for who has it, what it is for, as long as it says", async () => {
    const write = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "presigned ü" }), { expiresIn: 60 });
    expect((await fetch(write, { method: "PUT", body: "by fetch" })).status).toBe(200);
    const read = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "presigned ü" }), { expiresIn: 60 });
    expect(await (await fetch(read)).text()).toBe("by fetch");
    expect((await fetch(read, { method: "DELETE" })).status).toBe(403);
    expect((await fetch(read.replace("presigned", "other"))).status).toBe(403);
    const past = { expiresIn: 60, signingDate: new Date(Date.now() - 61_000) };
    const expired = await fetch(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "x" }), past));
    expect([expired.status, await expired.text()]).toEqual([403, expect.stringContaining("Request has expired")]);
  });
});

describe("an access key", () => {
  test("that is read-only changes nothing", async () => {
    await put("readable", "x");
    const reader = clientWith(READER);
    const found = await reader.send(new GetObjectCommand({ Bucket, Key: "readable" }));
    expect(await found.Body?.transformToString()).toBe("x");
    for (const change of [
      () => reader.send(new PutObjectCommand({ Bucket, Key: "readable", Body: "y" })),
      () => reader.send(new DeleteObjectCommand({ Bucket, Key: "readable" })),
      () => reader.send(new CreateBucketCommand({ Bucket: "third-bucket" })),
      () => reader.send(new CreateMultipartUploadCommand({ Bucket, Key: "readable" })),
    ]) {
      await expect(change()).rejects.toEqual(failure("AccessDenied", 403));
    }
    expect(await get("readable")).toBe("x");
    reader.destroy();
  });

  test("of a prefix sees and changes what is below it", async () => {
    await put("private", "x");
    const tenant = clientWith(TENANT);
    await tenant.send(new PutObjectCommand({ Bucket, Key: "tenant/a", Body: "x" }));
    const { Contents } = await tenant.send(new ListObjectsV2Command({ Bucket, Prefix: "tenant/" }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(["tenant/a"]);
    const CopySource = `${Bucket}/private`;
    for (const request of [
      () => tenant.send(new GetObjectCommand({ Bucket, Key: "private" })),
      () => tenant.send(new ListObjectsV2Command({ Bucket })),
      () => tenant.send(new CopyObjectCommand({ Bucket, Key: "tenant/b", CopySource })),
      () => tenant.send(new PutObjectCommand({ Bucket, Key: "tenantless", Body: "x" })),
    ]) {
      await expect(request()).rejects.toEqual(failure("AccessDenied", 403));
    }
    const { Errors } = await tenant.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "private" }] } }),
    );
    expect(Errors?.map(({ Code }) => Code)).toEqual(["AccessDenied"]);
    expect(await get("private")).toBe("x");
    tenant.destroy();
  });

  test("is rotated without a request that fails", async () => {
    const next = { ...ACCESS_KEY, secretAccessKey: "next".repeat(10) };
    const SecretString = JSON.stringify({ accessKeys: [next] });
    s3.router.controlPlane.update((state, environment) => {
      const input = { SecretId: S3_ACCESS_KEYS_SECRET_ID, SecretString };
      return secretsManager.PutSecretValue(state, input, environment).state;
    });
    const rotated = clientWith(next);
    await vi.waitFor(() => rotated.send(new ListBucketsCommand({})), { timeout: 60_000 });
    // The one before is good until the next rotation.
    await client.send(new ListBucketsCommand({}));
    rotated.destroy();
  });
});
