/** What the S3 API asks of a mount target: as few COMPOUNDs as docs/s3.md says. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { connectNfs, onDiagnostics } from "nfs-client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { s3ErrorOf } from "../../../fargate-app/src/s3/errors.ts";
import { placeOf } from "../../../fargate-app/src/s3/keys.ts";
import { listObjects } from "../../../fargate-app/src/s3/listing/listing.ts";
import { Objects } from "../../../fargate-app/src/s3/objects/objects.ts";
import { Records } from "../../../fargate-app/src/s3/objects/records.ts";
import { memoryLog } from "../../support/memory-router.ts";
import { tableOf } from "../../support/router-bundle.ts";

const bucket = "bucket";
const description = { etag: "0".repeat(32), headers: {}, metadata: {} };

let directory: string;
let objects: Objects;

const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "s3-compounds-"));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const server = await startNfsServer({ directory, durable: false });
  cleanups.push(() => server.close());
  const { log } = memoryLog();
  const router = await RoutedFiles.start(tableOf([server]), {
    connect: connectNfs,
    connectTimeout: 10_000,
    operationTimeout: 60_000,
    detectionTimeout: 60_000,
    drainTimeout: 1_000,
    rootDirectory: "/",
    log,
  });
  cleanups.push(() => router.close());
  objects = new Objects(router, new Records(router, log));
  for (const name of ["new", "replaced", "refused", "listed", "mixed"]) {
    await mkdir(join(directory, bucket, name), { recursive: true });
  }
  // The first record in each of these directories makes it.
  await Promise.all(
    Array.from({ length: 256 }, (_, shard) =>
      mkdir(join(directory, ".nfs-tmp-s3", "records", shard.toString(16).padStart(2, "0")), { recursive: true }),
    ),
  );
});

afterAll(async () => {
  for (const cleanUp of cleanups.reverse()) await cleanUp();
});

const put = (key: string, content = key) => objects.put(placeOf(bucket, key), Buffer.from(content), () => description);

/** The operations of each COMPOUND. The keeping alive of the session does not count. */
async function compoundsOf(
  act: (compounds: readonly (readonly string[])[]) => Promise<unknown>,
): Promise<(readonly string[])[]> {
  const compounds: (readonly string[])[] = [];
  const end = onDiagnostics("nfs-client:compound", ({ operations }) => {
    if (operations.length > 1) compounds.push(operations);
  });
  try {
    await act(compounds);
  } finally {
    end();
  }
  return compounds;
}

const countRecords = async () => {
  const names = await readdir(join(directory, ".nfs-tmp-s3", "records"), { recursive: true });
  return names.filter((name) => name.includes("/")).length;
};

async function list(prefix: string) {
  const options = { bucket, prefix, delimiter: "", after: "", maxKeys: 1_000 };
  return (await listObjects(objects.files, objects.records, options)).objects;
}

test("a PutObject is three COMPOUNDs: the file, its record, its name", async () => {
  const compounds = await compoundsOf(() => put("new/1.jpg"));
  expect(compounds.map((operations) => operations.filter((name) => /^(WRITE|RENAME)$/.test(name)))).toEqual([
    ["WRITE"],
    ["WRITE", "RENAME"],
    ["RENAME"],
  ]);
});

test("a PutObject that replaces another takes one more, which its client does not wait for", async () => {
  await put("replaced/1.jpg", "before");
  const records = await countRecords();
  const compounds = await compoundsOf(async (sent) => {
    await put("replaced/1.jpg", "after");
    await vi.waitFor(async () => expect(await countRecords()).toBe(records), { timeout: 60_000 });
    await vi.waitFor(() => expect(sent.length).toBeGreaterThanOrEqual(4), { timeout: 60_000 });
  });
  expect(compounds).toHaveLength(4);
  expect(compounds.filter((operations) => operations.includes("REMOVE"))).toHaveLength(1);
  expect((await objects.head(placeOf(bucket, "replaced/1.jpg"))).description).toEqual(description);
});

test("a PutObject makes its directory, and no bucket", async () => {
  await put("made/with/1.jpg");
  expect(await readdir(join(directory, bucket, "made", "with"))).toEqual(["1.jpg"]);
  const place = placeOf("other-bucket", "1.jpg");
  await expect(objects.put(place, Buffer.from("1"), () => description)).rejects.toMatchObject({ code: "NoSuchBucket" });
  expect((await readdir(directory)).sort()).toEqual([".nfs-tmp-s3", bucket]);
});

test("a PutObject in place of a directory, or below a file, changes nothing", async () => {
  await put("refused/1.jpg");
  const records = await countRecords();
  for (const key of ["refused", "refused/1.jpg/below"]) {
    expect(await put(key).catch(s3ErrorOf)).toMatchObject({ code: "KeyConflict" });
  }
  expect(await readdir(join(directory, bucket, "refused"))).toEqual(["1.jpg"]);
  expect(await countRecords()).toBe(records);
});

/** The COMPOUNDs of a list that do not depend on how many objects it has. */
const OF_DIRECTORY = 4;

test("a list reads the records of ten objects and more in a COMPOUND", async () => {
  const count = 60;
  await Promise.all(Array.from({ length: count }, (_, index) => put(`listed/${index}`)));
  const compounds = await compoundsOf(async () => {
    const listed = await list("listed/");
    expect(listed.map((object) => object.description)).toEqual(Array(count).fill(description));
  });
  expect(compounds.length).toBeLessThanOrEqual(count / 10 + OF_DIRECTORY);
});

test("a list of files, half of which others have written, takes no more COMPOUNDs than a look at each by itself", async () => {
  const count = 30;
  const ours = Array.from({ length: count }, (_, index) => put(`mixed/ours-${index}`));
  const others = Array.from({ length: count }, (_, index) =>
    writeFile(join(directory, bucket, "mixed", `theirs-${index}`), "by other means"),
  );
  await Promise.all([...ours, ...others]);
  const compounds = await compoundsOf(async () => {
    const listed = await list("mixed/");
    expect(listed.map((object) => object.description !== undefined)).toEqual([
      ...Array(count).fill(true),
      ...Array(count).fill(false),
    ]);
  });
  // Each that has no record is looked at once more.
  expect(compounds.length).toBeLessThanOrEqual(2 * count + OF_DIRECTORY);
});
