/** Parts of uploads, and of the objects that they become. */
import {
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { startMemoryS3Server } from "../../support/memory-s3-server.ts";

const Bucket = "bucket";
const Key = "key";
/** Of each part but the last. */
const PART_BYTES = 5 * 2 ** 20;

/** Completes an upload of parts with these numbers, each full of its own. */
async function upload(client: S3Client, numbers: readonly number[], ChecksumAlgorithm?: ChecksumAlgorithm) {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm }));
  const parts = await Promise.all(
    numbers.map(async (PartNumber) => {
      const Body = Buffer.alloc(PartNumber === numbers.at(-1) ? 1 : PART_BYTES, PartNumber);
      const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumAlgorithm });
      const { ETag } = await client.send(command);
      return { PartNumber, ETag };
    }),
  );
  return client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: parts } }));
}

test("keep the numbers that they were uploaded with", async () => {
  const { client } = await startMemoryS3Server();
  await upload(client, [2, 5, 9_000]);
  for (const PartNumber of [2, 5, 9_000]) {
    const { Body, PartsCount } = await client.send(new GetObjectCommand({ Bucket, Key, PartNumber }));
    expect(PartsCount).toBe(3);
    expect((await Body?.transformToByteArray())?.[0]).toBe(PartNumber % 256);
  }
  for (const PartNumber of [1, 3, 9_001]) {
    await expect(client.send(new GetObjectCommand({ Bucket, Key, PartNumber }))).rejects.toMatchObject({
      name: "InvalidPartNumber",
      $metadata: { httpStatusCode: 416 },
    });
  }
  const attributes = async (PartNumberMarker?: string) => {
    const page = { MaxParts: 2, PartNumberMarker };
    const command = new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ["ObjectParts"], ...page });
    return (await client.send(command)).ObjectParts;
  };
  expect(await attributes()).toMatchObject({
    TotalPartsCount: 3,
    IsTruncated: true,
    NextPartNumberMarker: "5",
    Parts: [{ PartNumber: 2 }, { PartNumber: 5 }],
  });
  expect(await attributes("5")).toMatchObject({ IsTruncated: false, Parts: [{ PartNumber: 9_000 }] });
});

test("have no gaps where each has an additional checksum, and may where the whole has one", async () => {
  const { client } = await startMemoryS3Server();
  const refused = { name: "InvalidPartOrder", $metadata: { httpStatusCode: 400 } };
  await expect(upload(client, [1, 3], "SHA256")).rejects.toMatchObject(refused);
  await expect(upload(client, [2, 3], "CRC32")).rejects.toMatchObject(refused);
  await upload(client, [1, 2], "SHA256");
  await upload(client, [1, 3], "CRC64NVME");
});
