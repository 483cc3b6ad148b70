import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  type EncodingType,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { HotSpots } from "@efs-mount-autoscaling/routed-files";
import { expect, test } from "vitest";
import { placeOf } from "../../../fargate-app/src/s3/keys.ts";
import { memoryLog } from "../../support/memory-router.ts";
import { OWNER, startMemoryS3Server } from "../../support/memory-s3-server.ts";
import { signed } from "../../support/s3-signer.ts";

const Bucket = "bucket";

test("a key that ends in / is never made of bytes: nobody could read them", async () => {
  const { client } = await startMemoryS3Server();
  await client.send(new PutObjectCommand({ Bucket, Key: "source", Body: "content" }));
  const refused = { name: "InvalidRequest", $metadata: { httpStatusCode: 400 } };
  const put = new PutObjectCommand({ Bucket, Key: "directory/", Body: "content" });
  await expect(client.send(put)).rejects.toMatchObject(refused);
  const copy = new CopyObjectCommand({ Bucket, Key: "directory/", CopySource: `${Bucket}/source` });
  await expect(client.send(copy)).rejects.toMatchObject(refused);
  await expect(client.send(new HeadObjectCommand({ Bucket, Key: "directory/" }))).rejects.toMatchObject({
    name: "NotFound",
  });
  await client.send(new PutObjectCommand({ Bucket, Key: "directory/", Body: "" }));
  await client.send(new CopyObjectCommand({ Bucket, Key: "other/", CopySource: `${Bucket}/directory/` }));
  expect((await client.send(new HeadObjectCommand({ Bucket, Key: "other/" }))).ContentLength).toBe(0);
});

test("a key that ends in / takes no condition, which would not be one step with making the directory", async () => {
  const { client } = await startMemoryS3Server();
  const put = () => client.send(new PutObjectCommand({ Bucket, Key: "lock/", Body: "", IfNoneMatch: "*" }));
  await expect(put()).rejects.toMatchObject({ name: "NotImplemented", $metadata: { httpStatusCode: 501 } });
});

test("a response's header can be replaced by what a header can be, and by nothing else", async () => {
  const { client } = await startMemoryS3Server();
  await client.send(new PutObjectCommand({ Bucket, Key: "key", Body: "content" }));
  const get = (ResponseContentDisposition: string) =>
    client.send(new GetObjectCommand({ Bucket, Key: "key", ResponseContentDisposition }));
  expect((await get('attachment; filename="a.txt"')).ContentDisposition).toBe('attachment; filename="a.txt"');
  for (const value of ['attachment; filename="日本.txt"', "inline\r\nset-cookie: a=b"]) {
    await expect(get(value)).rejects.toMatchObject({
      name: "InvalidArgument",
      $metadata: { httpStatusCode: 400 },
    });
  }
});

test("what somebody wrote into a record that no header can have, is not sent", async () => {
  const { client, objects } = await startMemoryS3Server();
  await client.send(new PutObjectCommand({ Bucket, Key: "key", Body: "content", ContentType: "text/x-kept" }));
  const head = () => client.send(new HeadObjectCommand({ Bucket, Key: "key" }));
  expect((await head()).ContentType).toBe("text/x-kept");
  const object = await objects.head(placeOf(Bucket, "key"));
  await objects.redescribe(object, { headers: { "content-type": "日本" }, metadata: {} });
  expect((await head()).ContentType).toBe("application/octet-stream");
});

test("DeleteObjects removes keys that XML can only have as references", async () => {
  const { client, network } = await startMemoryS3Server();
  // The SDK writes them as &#x0A;, &#x85;, &amp; and &apos;.
  for (const Key of ["a\nb", "a\u0085b", "a&#10;b", "a'b"]) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: "content" }));
    const { Deleted } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
    expect(Deleted).toEqual([{ Key }]);
    expect(network.files.files).toEqual([]);
  }
});

test("a document that asks to remove a key which is not UTF-8 removes nothing: it is no XML", async () => {
  const { client, url } = await startMemoryS3Server();
  await client.send(new PutObjectCommand({ Bucket, Key: "a\ufffd", Body: "content" }));
  const body = Buffer.from("<Delete><Object><Key>a\xff</Key></Object></Delete>", "latin1");
  const hash = createHash("sha256").update(body).digest("hex");
  const headers = { host: new URL(url).host, "x-amz-content-sha256": hash };
  const request = { method: "POST", bucket: Bucket, key: "", query: [["delete", ""]], headers } as const;
  const sent = await signed(OWNER, request, { signedIn: "header", date: new Date() });
  const response = await fetch(url + sent.url, {
    method: sent.method,
    headers: Object.fromEntries(sent.headers),
    body,
  });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("<Code>MalformedXML</Code>");
  await client.send(new HeadObjectCommand({ Bucket, Key: "a\ufffd" }));
});

test("a key with rights to a prefix lists the uploads below it, and no others", async () => {
  const tenant = {
    accessKeyId: "AKIATENANTTENANTTENA",
    secretAccessKey: "tenant".repeat(7),
    readOnly: false,
    prefixes: [`${Bucket}/tenant/`],
  };
  const { client, clientOf } = await startMemoryS3Server([tenant]);
  for (const Key of ["tenant/key", "other/key"]) await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const list = (Prefix?: string) => clientOf(tenant).send(new ListMultipartUploadsCommand({ Bucket, Prefix }));
  expect((await list("tenant/")).Uploads?.map(({ Key }) => Key)).toEqual(["tenant/key"]);
  for (const prefix of [undefined, "", "other/", "tenan"]) {
    await expect(list(prefix)).rejects.toMatchObject({ name: "AccessDenied" });
  }
});

test("uploads are listed to the end, also by a client that aborts those of each page", async () => {
  const { client } = await startMemoryS3Server();
  const created: unknown[] = [];
  for (const Key of ["a", "b", "b", "b", "b", "c"]) {
    created.push((await client.send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId);
  }
  const aborted: unknown[] = [];
  let page: ListMultipartUploadsCommandOutput | undefined;
  do {
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page ?? {};
    page = await client.send(new ListMultipartUploadsCommand({ Bucket, MaxUploads: 2, KeyMarker, UploadIdMarker }));
    for (const { Key, UploadId } of page.Uploads ?? []) {
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      aborted.push(UploadId);
    }
  } while (page.IsTruncated);
  expect(aborted.sort()).toEqual(created.sort());
});

test("a page of no uploads is the last: a client would ask for it again and again", async () => {
  const { client } = await startMemoryS3Server();
  await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "a" }));
  const page = await client.send(new ListMultipartUploadsCommand({ Bucket, MaxUploads: 0 }));
  expect(page).toMatchObject({ IsTruncated: false });
  expect(page.Uploads).toBeUndefined();
});

test("uploads behind a key are those behind it in the order of UTF-8, and no others of the key", async () => {
  const { client } = await startMemoryS3Server();
  // In UTF-16, the second comes first.
  const keys = ["\uff5e", "\u{1f600}"];
  for (const Key of [...keys, ...keys]) await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const behind = async (KeyMarker?: string) => {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, KeyMarker }));
    return Uploads.map(({ Key }) => Key);
  };
  expect(await behind()).toEqual([keys[0], keys[0], keys[1], keys[1]]);
  expect(await behind(keys[0])).toEqual([keys[1], keys[1]]);
  expect(await behind(keys[1])).toEqual([]);
});

test("a query is signed in the order of its names, also where one name begins with another", async () => {
  const { client } = await startMemoryS3Server();
  await client.send(new PutObjectCommand({ Bucket, Key: "key", Body: "content" }));
  const query = { id: "1", "id-type": "2", id2: "3", "id/": "4", ID: ["6", "5"] };
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { query: object }).query, query);
      return next(args);
    },
    { step: "build" },
  );
  expect((await client.send(new HeadObjectCommand({ Bucket, Key: "key" }))).ContentLength).toBe(7);
});

test("keys of uploads are written as the request says, in one of the ways that there are", async () => {
  const { client } = await startMemoryS3Server();
  await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "a/b c" }));
  const list = (EncodingType?: EncodingType) => client.send(new ListMultipartUploadsCommand({ Bucket, EncodingType }));
  expect((await list("url")).Uploads?.[0]?.Key).toBe("a/b%20c");
  expect((await list()).Uploads?.[0]?.Key).toBe("a/b c");
  await expect(list("other" as EncodingType)).rejects.toMatchObject({ name: "InvalidArgument" });
});

test("what S3 looks up and keeps by itself is no hot spot: those are what clients ask for", async () => {
  const { log, lines } = memoryLog();
  const hotSpots = new HotSpots({ share: 0.2, log });
  const { objects } = await startMemoryS3Server([], { hotSpots });
  const describe = () => ({ etag: "0".repeat(32), headers: {}, metadata: {} });
  for (let number = 0; number < 150; number++) {
    await objects.put(placeOf(Bucket, `key-${number}`), Buffer.from("content"), describe);
  }
  for (let round = 0; round < 400; round++) await objects.head(placeOf(Bucket, "key-0"));
  expect(lines.map(({ msg }) => msg.replace(/ is hot:.*/, ""))).toEqual([`${Bucket}/key-0`]);
  const { hot, paths, directories } = hotSpots.report(200);
  expect(hot).toEqual([`${Bucket}/key-0`]);
  expect(JSON.stringify([paths, directories])).not.toContain(".nfs-tmp-");
});

test("an upload is completed only as the size that its client says it has", async () => {
  const { client } = await startMemoryS3Server();
  const upload = { Bucket, Key: "key", UploadId: "" };
  upload.UploadId = (await client.send(new CreateMultipartUploadCommand(upload))).UploadId ?? "";
  const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "content" }));
  const complete = (MpuObjectSize: number) => {
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    return client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload, MpuObjectSize }));
  };
  await expect(complete(8)).rejects.toMatchObject({ name: "InvalidRequest", $metadata: { httpStatusCode: 400 } });
  expect((await complete(7)).Key).toBe("key");
});

test("a request that asks whose a bucket is, is refused: nobody here can tell", async () => {
  const { client } = await startMemoryS3Server();
  const refused = { name: "NotImplemented", $metadata: { httpStatusCode: 501 } };
  await client.send(new PutObjectCommand({ Bucket, Key: "key", Body: "content" }));
  const put = new PutObjectCommand({ Bucket, Key: "key", Body: "other", ExpectedBucketOwner: "123456789012" });
  await expect(client.send(put)).rejects.toMatchObject(refused);
  const CopySource = `${Bucket}/key`;
  const copy = new CopyObjectCommand({ Bucket, Key: "copy", CopySource, ExpectedSourceBucketOwner: "123456789012" });
  await expect(client.send(copy)).rejects.toMatchObject(refused);
  const get = new GetObjectCommand({ Bucket, Key: "key", ExpectedBucketOwner: "123456789012" });
  const signed = await fetch(await getSignedUrl(client, get, { expiresIn: 60 }));
  expect([signed.status, await signed.text()]).toEqual([501, expect.stringContaining("expected-bucket-owner")]);
  expect((await client.send(new HeadObjectCommand({ Bucket, Key: "key" }))).ContentLength).toBe(7);
});

test("a copy of what was written by other means keeps the type that it was sent with", async () => {
  const { client, network } = await startMemoryS3Server();
  network.files.write(`/data/${Bucket}/page.html`, Buffer.from("<p>"));
  const CopySource = `${Bucket}/page.html`;
  await client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
  const typeOf = async (Key: string) => (await client.send(new HeadObjectCommand({ Bucket, Key }))).ContentType;
  expect(await typeOf("copy")).toBe(await typeOf("page.html"));
  await client.send(
    new CopyObjectCommand({ Bucket, Key: "text", CopySource, MetadataDirective: "REPLACE", ContentType: "text/plain" }),
  );
  expect(await typeOf("text")).toBe("text/plain");
});
