import { expect, test, vi } from "vitest";
import { placeOf } from "../../../fargate-app/src/s3/keys.ts";
import { Objects } from "../../../fargate-app/src/s3/objects/objects.ts";
import { Records } from "../../../fargate-app/src/s3/objects/records.ts";
import { sweepS3 } from "../../../fargate-app/src/s3/sweep.ts";
import { Uploads } from "../../../fargate-app/src/s3/uploads/uploads.ts";
import { memoryLog, startTestRouter } from "../../support/memory-router.ts";

const HOUR = 3_600_000;
const description = { etag: "0".repeat(32), headers: {}, metadata: {} };

async function startObjects() {
  const { router, network } = await startTestRouter();
  network.files.makeDirectories("/data/bucket");
  const objects = new Objects(router, new Records(router, memoryLog().log));
  const put = (key: string) => objects.put(placeOf("bucket", key), Buffer.from(key), () => description);
  const own = () => network.files.files.filter((path) => path.startsWith("/data/.nfs-tmp-s3/"));
  return { objects, files: network.files, put, own };
}

test("a sweep removes the records of files that are gone, and no others", async () => {
  const { objects, files, put, own } = await startObjects();
  await put("kept");
  await put("removed by other means");
  await put("replaced by other means");
  expect(own()).toHaveLength(3);
  files.remove("/data/bucket/removed by other means");
  files.write("/data/bucket/replaced by other means", Buffer.from("x"));
  const options = { uploadAge: HOUR, recordAge: HOUR, signal: new AbortController().signal };
  expect(await sweepS3(objects, options, files.now + HOUR / 2)).toEqual({ uploads: 0, records: 0 });
  expect(await sweepS3(objects, options, files.now + 2 * HOUR)).toEqual({ uploads: 0, records: 2 });
  expect(own()).toHaveLength(1);
  expect((await objects.head(placeOf("bucket", "kept"))).description).toEqual(description);
});

test.each(["..", "a/../b", "/", "a//b", "\0", ".nfs-tmp-s3/../a", ".nfs-tmp-changes/a", "a".repeat(256)])(
  "a sweep is not held up by a record that somebody wrote about %j",
  async (path) => {
    const { objects, files, put, own } = await startObjects();
    await put("removed by other means");
    files.remove("/data/bucket/removed by other means");
    files.makeDirectories("/data/.nfs-tmp-s3/records/00");
    const record = { path, size: 0, modifiedAt: 0, description };
    files.write("/data/.nfs-tmp-s3/records/00/made-up", Buffer.from(JSON.stringify(record)));
    const options = { uploadAge: HOUR, recordAge: HOUR, signal: new AbortController().signal };
    expect(await sweepS3(objects, options, files.now + 2 * HOUR)).toEqual({ uploads: 0, records: 2 });
    expect(own()).toEqual([]);
  },
);

test("an object that is replaced or removed leaves no record", async () => {
  const { objects, put, own } = await startObjects();
  await put("one");
  await put("one");
  await vi.waitFor(() => expect(own()).toHaveLength(1));
  await objects.delete(placeOf("bucket", "one"));
  expect(own()).toEqual([]);
});

test("a sweep removes uploads that had no part for long, with all that they left", async () => {
  const { objects, files, own } = await startObjects();
  const uploads = new Uploads(objects);
  const settings = { bucket: "bucket", key: "large", headers: {}, metadata: {} };
  const upload = await uploads.create(settings);
  await uploads.putPart(upload, 1, Buffer.from("part"), () => description);
  const options = { uploadAge: HOUR, recordAge: 24 * HOUR, signal: new AbortController().signal };
  expect(await sweepS3(objects, options, files.now + HOUR / 2)).toEqual({ uploads: 0, records: 0 });
  expect(await uploads.parts(upload)).toHaveLength(1);
  expect(await sweepS3(objects, options, files.now + 2 * HOUR)).toEqual({ uploads: 1, records: 0 });
  expect(own()).toEqual([]);
  expect(await uploads.read(upload.id)).toBeUndefined();
});

test("a sweep that is to end, ends", async () => {
  const { objects, files, put, own } = await startObjects();
  await put("gone");
  files.remove("/data/bucket/gone");
  const options = { uploadAge: 0, recordAge: 0, signal: AbortSignal.abort() };
  expect(await sweepS3(objects, options, files.now + HOUR)).toEqual({ uploads: 0, records: 0 });
  expect(own()).toHaveLength(1);
});

test("a record that somebody made as long as a disk is not read to its end", async () => {
  const { objects, files, put, own } = await startObjects();
  await put("key");
  const [record = ""] = own();
  const blanks = Buffer.alloc(2 ** 22, " ");
  files.write(record, Buffer.concat([Buffer.from(JSON.stringify({})), blanks]));
  const before = objects.files.targets.reduce((sum, { statistics }) => sum + statistics.bytesRead, 0);
  expect((await objects.head(placeOf("bucket", "key"))).description).toBeUndefined();
  const read = objects.files.targets.reduce((sum, { statistics }) => sum + statistics.bytesRead, 0) - before;
  expect(read).toBeLessThanOrEqual(2 ** 21);
});
