import { CopyObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { startMemoryS3Server } from "../../support/memory-s3-server.ts";

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
