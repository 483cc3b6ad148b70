import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createListing,
  hashName,
  indexAfter,
  ListingCache,
} from "../../../packages/nfs-server/src/file-system/listing.ts";

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 60 });

describe("a listing that is read page by page while entries come and go", () => {
  test("has every entry that is there all along exactly once", () => {
    fc.assert(
      fc.property(
        names,
        fc.array(names, { minLength: 1 }),
        fc.integer({ min: 1, max: 9 }),
        (kept, others, pageSize) => {
          const keptNames = new Set(kept);
          const seen: string[] = [];
          let cookie = 0n;
          for (let page = 0; ; page++) {
            const now = new Set([...kept, ...(others[page % others.length] ?? [])]);
            const listing = createListing(0n, [...now]);
            const start = indexAfter(listing, cookie);
            const entries = listing.names.slice(start, start + pageSize);
            seen.push(...entries.filter((name) => keptNames.has(name)));
            if (entries.length < pageSize) break;
            cookie = listing.cookies[start + entries.length - 1] ?? 0n;
          }
          expect(seen.sort()).toEqual([...kept].sort());
        },
      ),
    );
  });

  test("gives names with the same hash places of their own", () => {
    const listing = createListing(0n, ["b", "a", "c"]);
    expect(new Set(listing.cookies).size).toBe(3);
    for (const [index, cookie] of listing.cookies.entries()) expect(indexAfter(listing, cookie)).toBe(index + 1);
  });
});

test("hashes of names are safe integers, and differ among a million names", () => {
  const hashes = new Set<number>();
  for (let index = 0; index < 1_000_000; index++) hashes.add(hashName(`file-${index}`));
  expect(hashes.size).toBe(1_000_000);
  expect(Math.max(...[...hashes].slice(0, 1000))).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  expect(Math.min(...[...hashes].slice(0, 1000))).toBeGreaterThanOrEqual(0);
});

test("the cache of listings holds a bounded number of names, the ones used last", () => {
  const cache = new ListingCache<string>(100);
  const listing = createListing(
    0n,
    Array.from({ length: 30 }, (_, index) => `${index}`),
  );
  cache.set("a", listing);
  cache.set("b", listing);
  cache.get("a");
  cache.set("c", listing);
  expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([listing, undefined, listing]);
  for (let index = 0; index < 1000; index++) cache.set(`empty ${index}`, createListing(0n, []));
  expect(cache.get("empty 0")).toBeUndefined();
});
