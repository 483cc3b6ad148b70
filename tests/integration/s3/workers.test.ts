/** The S3 API of a router of several processes, which is one router to its clients. */
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { expect, onTestFinished, test } from "vitest";
import { ACCESS_KEY, startS3Router } from "../../support/s3-router.ts";
import { send } from "../../support/worker-processes.ts";

const WORKERS = "3";
const Bucket = "my-bucket";

test("every worker serves what another one wrote", async () => {
  const s3 = await startS3Router([ACCESS_KEY], { ROUTER_WORKERS: WORKERS });
  onTestFinished(() => s3.close());
  const client = new S3Client({
    endpoint: s3.url,
    region: "ap-northeast-1",
    forcePathStyle: true,
    credentials: { ...ACCESS_KEY },
  });
  onTestFinished(() => client.destroy());
  await client.send(new CreateBucketCommand({ Bucket }));
  const keys = Array.from({ length: 30 }, (_, number) => `object-${number}`);
  await Promise.all(
    keys.map((Key) => client.send(new PutObjectCommand({ Bucket, Key, Body: Key, Metadata: { Key } }))),
  );
  const read = await Promise.all(
    keys.map(async (Key) => {
      const { Body, Metadata } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return [await Body?.transformToString(), Metadata?.key];
    }),
  );
  expect(read).toEqual(keys.map((key) => [key, key]));
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
  expect(Contents.map(({ Key }) => Key)).toEqual(keys.toSorted());
});

test("a client's requests are limited for all workers together", async () => {
  const s3 = await startS3Router([ACCESS_KEY], { ROUTER_WORKERS: WORKERS, RATE_LIMIT_PER_MINUTE: "10" });
  onTestFinished(() => s3.close());
  const statuses = await Promise.all(Array.from({ length: 30 }, async () => (await send(`${s3.url}/`)).status));
  // Without a signature, those within the limit are refused for that; the others are told to slow down.
  expect(statuses.filter((status) => status === 403)).toHaveLength(10);
  expect(statuses.filter((status) => status === 503)).toHaveLength(20);
});
