/** Local S3: its rules, and what of them is seen over HTTP. Fluent Bit, in tests/log-routing, is its other client. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MIN_PART_SIZE } from "../../../local/s3/object-store.ts";
import { type LocalS3, startLocalS3 } from "../../../local/s3/server.ts";

const BUCKET = "logs-bucket";
const KEY = "logs/year=2026/month=01/day=31/hour=23/235959-0e0e0e0e.gz";

let directory: string;
let s3: LocalS3;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "s3-"));
  s3 = await startLocalS3({ directory, buckets: [BUCKET] });
});

afterEach(async () => {
  await s3.close();
  await rm(directory, { recursive: true });
});

const call = (method: string, path: string, body?: Buffer | string) =>
  fetch(`${s3.url}/${path}`, { method, ...(body === undefined ? {} : { body }) });

/** The text of an element of an XML response. */
async function element(response: Response, name: string): Promise<string | undefined> {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(await response.text())?.[1];
}

const codeOf = (response: Response) => element(response, "Code");

async function startUpload(): Promise<string> {
  return (await element(await call("POST", `${BUCKET}/${KEY}?uploads=`), "UploadId")) ?? "";
}

/** Returns the part as CompleteMultipartUpload names it. */
async function uploadPart(uploadId: string, number: number, body: Buffer): Promise<string> {
  const response = await call("PUT", `${BUCKET}/${KEY}?partNumber=${number}&uploadId=${uploadId}`, body);
  return part(number, response.headers.get("etag") ?? "");
}

const part = (number: number, etag: string) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`;

const complete = (uploadId: string, ...parts: string[]) =>
  call(
    "POST",
    `${BUCKET}/${KEY}?uploadId=${uploadId}`,
    `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`,
  );

test("keeps an object, also as a file, and lists it", async () => {
  const body = randomBytes(100_000);
  const response = await call("PUT", `${BUCKET}/${KEY}`, body);
  await call("PUT", `${BUCKET}/other`, "x");

  expect(response.headers.get("etag")).toBe(`"${createHash("md5").update(body).digest("hex")}"`);
  // Not toEqual, which takes long over large buffers.
  expect(body.equals(Buffer.from(await (await call("GET", `${BUCKET}/${KEY}`)).arrayBuffer()))).toBe(true);
  expect(body.equals(await readFile(join(directory, BUCKET, KEY)))).toBe(true);
  const list = await (await call("GET", `${BUCKET}?prefix=logs/`)).text();
  expect(list).toContain(`<Key>${KEY}</Key><Size>100000</Size>`);
  expect(list).not.toContain("other");
});

test("makes one object of its parts, in their order", async () => {
  const uploadId = await startUpload();
  const bodies = [randomBytes(MIN_PART_SIZE), randomBytes(10)] as const;
  const second = await uploadPart(uploadId, 2, bodies[1]);
  const first = await uploadPart(uploadId, 1, bodies[0]);
  expect(await codeOf(await call("GET", `${BUCKET}/${KEY}`))).toBe("NoSuchKey");

  expect((await complete(uploadId, first, second)).status).toBe(200);

  expect(Buffer.concat(bodies).equals(await s3.store.getObject(BUCKET, KEY))).toBe(true);
  expect(await codeOf(await complete(uploadId, first, second))).toBe("NoSuchUpload");
});

test("refuses small parts, unknown parts, parts out of order, and an upload that was aborted", async () => {
  const uploadId = await startUpload();
  const first = await uploadPart(uploadId, 1, Buffer.from("small"));
  const second = await uploadPart(uploadId, 2, Buffer.from("last"));

  expect(await codeOf(await complete(uploadId, first, second))).toBe("EntityTooSmall");
  expect(await codeOf(await complete(uploadId, second, first))).toBe("InvalidPartOrder");
  expect(await codeOf(await complete(uploadId, part(3, '"0"')))).toBe("InvalidPart");
  expect(await codeOf(await complete(uploadId))).toBe("MalformedXML");
  expect((await call("DELETE", `${BUCKET}/${KEY}?uploadId=${uploadId}`)).status).toBe(204);
  expect(await codeOf(await complete(uploadId, first))).toBe("NoSuchUpload");
});

test("refuses buckets that are not there, and keys that would leave theirs", async () => {
  expect(await codeOf(await call("PUT", `no-bucket/${KEY}`, "x"))).toBe("NoSuchBucket");
  expect(await codeOf(await call("PUT", `${BUCKET}/a/%2e%2e%2f%2e%2e%2fescaped`, "x"))).toBe("InvalidArgument");
});

test("keeps nothing of a body that ends early", async () => {
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(randomBytes(10)),
    pull: (controller) => controller.error(new Error("gone")),
  });
  const init: RequestInit & { duplex: "half" } = { method: "PUT", body, duplex: "half" };
  await expect(fetch(`${s3.url}/${BUCKET}/${KEY}`, init)).rejects.toThrow();
  expect(await s3.store.listObjects(BUCKET, "")).toEqual([]);
});
