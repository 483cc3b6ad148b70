/** Buckets in the host of a request, and in its path. */
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import type { LookupFunction } from "node:net";
import { text } from "node:stream/consumers";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, test } from "vitest";
import { bucketOfHost, parseTarget } from "../../../fargate-app/src/s3/target.ts";
import { memoryLog, startTestRouter } from "../../support/memory-router.ts";
import { OWNER, s3ClientOf, startS3ServerOver } from "../../support/memory-s3-server.ts";

const DOMAIN = "s3.example.com";

describe("a host", () => {
  test.each([
    ["my-bucket.s3.example.com", "my-bucket"],
    ["my-bucket.s3.example.com:8001", "my-bucket"],
    ["My-Bucket.S3.Example.COM", "my-bucket"],
    ["my.bucket.s3.example.com", "my.bucket"],
    ["my-bucket.s3.example.com.:8001", "my-bucket"],
    ["s3.example.com", undefined],
    [".s3.example.com", undefined],
    ["mys3.example.com", undefined],
    ["my-bucket.s3.example.com.evil.test", undefined],
    ["127.0.0.1:8001", undefined],
    [undefined, undefined],
  ])("%s names the bucket %s", (host, bucket) => {
    expect(bucketOfHost(host, DOMAIN)).toBe(bucket);
    expect(bucketOfHost(host, undefined)).toBeUndefined();
  });

  test("that names a bucket leaves all of the path to the key", () => {
    expect(parseTarget("/a/b%20c?uploads", "my-bucket")).toMatchObject({ bucket: "my-bucket", key: "a/b c" });
    expect(parseTarget("//a", "my-bucket")).toMatchObject({ bucket: "my-bucket", key: "/a" });
    expect(parseTarget("/?list-type=2", "my-bucket")).toMatchObject({ bucket: "my-bucket", key: "" });
  });
});

/** All names are this machine's. */
const lookup: LookupFunction = (_name, { all }, found) => {
  const address = { address: "127.0.0.1", family: 4 };
  if (all) found(null, [address]);
  else found(null, address.address, address.family);
};

async function startClients() {
  const { log } = memoryLog();
  const { router } = await startTestRouter();
  const { url } = await startS3ServerOver(router, log, [OWNER], { domain: DOMAIN });
  const { port } = new URL(url);
  const agent = new Agent({ lookup });
  const clientOf = (forcePathStyle: boolean) =>
    s3ClientOf(`http://${DOMAIN}:${port}`, OWNER, { forcePathStyle, requestHandler: { httpAgent: agent } });
  return { virtualHosted: clientOf(false), pathStyle: clientOf(true), agent };
}

describe("a bucket in the host", () => {
  const Bucket = "my-bucket";
  const Key = "a/b c+d%/é";

  test("is the one in the path, for every kind of request", async () => {
    const { virtualHosted, pathStyle } = await startClients();
    await virtualHosted.send(new CreateBucketCommand({ Bucket }));
    await virtualHosted.send(new PutObjectCommand({ Bucket, Key, Body: "content" }));
    const found = await pathStyle.send(new GetObjectCommand({ Bucket, Key }));
    expect(await found.Body?.transformToString()).toBe("content");

    await virtualHosted.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURI(Key)}` }));
    const { UploadId } = await virtualHosted.send(new CreateMultipartUploadCommand({ Bucket, Key: "upload" }));
    const upload = { Bucket, Key: "upload", UploadId };
    const { ETag } = await virtualHosted.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "part" }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await virtualHosted.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
    const { Contents } = await virtualHosted.send(new ListObjectsV2Command({ Bucket }));
    expect(Contents?.map((each) => each.Key)).toEqual([Key, "copy", "upload"]);

    const { Buckets } = await virtualHosted.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual([Bucket]);
    for (const each of [Key, "copy", "upload"])
      await virtualHosted.send(new DeleteObjectCommand({ Bucket, Key: each }));
    await virtualHosted.send(new DeleteBucketCommand({ Bucket }));
    await expect(pathStyle.send(new HeadBucketCommand({ Bucket }))).rejects.toMatchObject({ name: "NotFound" });
  });

  test("is signed, so that nobody sends a request for one bucket to another", async () => {
    const { virtualHosted, agent } = await startClients();
    for (const each of [Bucket, "other-bucket"]) {
      await virtualHosted.send(new CreateBucketCommand({ Bucket: each }));
      await virtualHosted.send(new PutObjectCommand({ Bucket: each, Key, Body: each }));
    }
    const url = await getSignedUrl(virtualHosted, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    expect(new URL(url).hostname).toBe(`${Bucket}.${DOMAIN}`);
    const read = async (from: string) => {
      const [response]: IncomingMessage[] = await once(get(from, { agent }), "response");
      return response && [response.statusCode, await text(response)];
    };
    expect(await read(url)).toEqual([200, Bucket]);
    expect(await read(url.replace(`//${Bucket}.`, "//other-bucket."))).toEqual([
      403,
      expect.stringContaining("SignatureDoesNotMatch"),
    ]);
  });
});
