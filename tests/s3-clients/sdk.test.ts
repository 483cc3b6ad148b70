/** The AWS SDK for JavaScript with its upload manager and presigner, unmodified, at the router's bundle. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ACCESS_KEY } from "../support/s3-router.ts";
import { CONTROL_NAMES, contentsOf, ODD_NAMES, writeTree } from "./tree.ts";
import { startWorld, type World } from "./world.ts";

const Bucket = "my-bucket";

/** Requests at once. */
const AT_ONCE = 20;

let world: World;
let client: S3Client;

beforeAll(async () => {
  world = await startWorld();
  client = new S3Client({
    endpoint: world.s3.url,
    region: "ap-northeast-1",
    credentials: ACCESS_KEY,
    forcePathStyle: true,
  });
  await client.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  client?.destroy();
  await world?.close();
});

test("uploads a tree in streams, lists it in pages, reads it by signed URLs, and removes it", async () => {
  const tree = join(world.home, "tree");
  const served = join(world.s3.directory, Bucket);
  await writeTree(tree, [...ODD_NAMES, ...CONTROL_NAMES]);
  const contents = await contentsOf(tree);
  const keys = Object.keys(contents);

  await forEach(keys, async (Key) => {
    const Body = createReadStream(join(tree, Key));
    await new Upload({ client, params: { Bucket, Key, Body }, partSize: 5 * 2 ** 20 }).done();
  });
  expect(await contentsOf(served)).toEqual(contents);

  const listed: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client, pageSize: 300 }, { Bucket })) {
    listed.push(...Contents.map(({ Key = "" }) => Key));
  }
  expect(listed).toEqual(keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));

  const read: Record<string, string> = {};
  await forEach(keys, async (Key) => {
    read[Key] = await sha256Of(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: 3_600 }));
  });
  expect(read).toEqual(contents);

  // The SDK puts it into the document as it is, which is no XML then.
  const [control] = keys.filter((key) => key.startsWith("\x01"));
  await client.send(new DeleteObjectCommand({ Bucket, Key: control }));
  const others = keys.filter((key) => key !== control);
  for (let begin = 0; begin < others.length; begin += 1_000) {
    const Objects = others.slice(begin, begin + 1_000).map((Key) => ({ Key }));
    const { Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    expect(Errors).toBeUndefined();
  }
  expect(await contentsOf(served)).toEqual({});
});

async function forEach(keys: readonly string[], act: (key: string) => Promise<void>): Promise<void> {
  const rest = keys.values();
  const work = async () => {
    for (const key of rest) await act(key);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function sha256Of(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok || response.body === null) throw new Error(`${response.status} for ${url}`);
  const hash = createHash("sha256");
  await pipeline(Readable.fromWeb(response.body), hash);
  return hash.digest("hex");
}
