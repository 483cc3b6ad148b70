import { filePath } from "@efs-mount-autoscaling/routed-files";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareKeys } from "../../../fargate-app/src/s3/keys.ts";
import { listObjects } from "../../../fargate-app/src/s3/listing/listing.ts";
import { Selection } from "../../../fargate-app/src/s3/listing/selection.ts";
import { Records } from "../../../fargate-app/src/s3/objects/records.ts";
import { memoryLog, startTestRouter } from "../../support/memory-router.ts";

describe("a selection", () => {
  test("is the smallest keys above a key, of any number in any order", () => {
    const keys = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 200 });
    fc.assert(
      fc.property(keys, fc.string({ maxLength: 2 }), fc.integer({ min: 1, max: 20 }), (all, after, size) => {
        const selection = new Selection<{ key: string }>(size, after);
        for (const key of all) selection.offer({ key });
        const expected = all.filter((key) => compareKeys(key, after) > 0).sort(compareKeys);
        expect(selection.items.map(({ key }) => key)).toEqual(expected.slice(0, size));
      }),
    );
  });
});

/** What S3 lists of these keys, page by page, by the definition in its API reference. */
function model(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const shown = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const end = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
      return end < 0 ? key : key.slice(0, end + delimiter.length);
    });
  return [...new Set(shown)].sort(compareKeys);
}

async function bucketOf(keys: readonly string[]) {
  const { router, network } = await startTestRouter();
  network.files.makeDirectories("/data/bucket");
  for (const key of keys) network.files.write(`/data/bucket/${key}`, Buffer.from(key));
  const records = new Records(router, memoryLog().log);
  return { router, records };
}

describe("a listing", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "b", "-", "0", "~", "é"), minLength: 1, maxLength: 2 });
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  /** Of `a` and `a/b`, only one can be there. */
  const tree = fc
    .uniqueArray(path, { maxLength: 25 })
    .map((paths) => paths.filter((each) => !paths.some((other) => other.startsWith(`${each}/`))));
  const prefix = fc.oneof(
    fc.constant(""),
    path,
    path.map((text) => `${text}/`),
    part,
  );
  const delimiter = fc.constantFrom("", "/", "a", "/a");

  test("is what S3 lists, in order, in pages of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        tree,
        prefix,
        delimiter,
        fc.integer({ min: 1, max: 5 }),
        async (keys, prefix, delimiter, maxKeys) => {
          const { router, records } = await bucketOf(keys);
          const listed: string[] = [];
          for (let after: string | undefined = ""; after !== undefined; ) {
            const options = { bucket: "bucket", prefix, delimiter, after, maxKeys };
            const page: Awaited<ReturnType<typeof listObjects>> = await listObjects(router, records, options);
            const entries = [...page.objects.map(({ place }) => place.key), ...page.commonPrefixes].sort(compareKeys);
            expect(entries.length).toBeLessThanOrEqual(maxKeys);
            listed.push(...entries);
            after = page.next;
          }
          expect(listed).toEqual(model(keys, prefix, delimiter));
          await router.close();
        },
      ),
      { numRuns: 150 },
    );
  }, 120_000);

  test("begins behind any key that a client names", async () => {
    const keys = ["a", "b/c", "b/d", "b-", "e"];
    const { router, records } = await bucketOf(keys);
    const from = async (after: string, delimiter: string) => {
      const options = { bucket: "bucket", prefix: "", delimiter, after, maxKeys: 1_000 };
      const { objects, commonPrefixes } = await listObjects(router, records, options);
      return [...objects.map(({ place }) => place.key), ...commonPrefixes].sort(compareKeys);
    };
    expect(await from("b/c", "")).toEqual(["b/d", "e"]);
    // There is a key left in it.
    expect(await from("b/c", "/")).toEqual(["b/", "e"]);
    expect(await from("b/d", "/")).toEqual(["e"]);
    expect(await from("b/", "/")).toEqual(["e"]);
    expect(await from("zz", "")).toEqual([]);
  });

  test("shows no directory that was not put as an object, also when it is empty: a PUT or a DELETE may be between its steps", async () => {
    const { router, records } = await bucketOf(["full/file"]);
    await router.makeDirectory(filePath("bucket/empty/deep"));
    const { objects, commonPrefixes } = await listObjects(router, records, {
      bucket: "bucket",
      prefix: "",
      delimiter: "",
      after: "",
      maxKeys: 10,
    });
    expect([objects.map(({ place }) => place.key), commonPrefixes]).toEqual([["full/file"], []]);
    await router.close();
  });
});
