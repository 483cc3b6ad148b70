import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirectoryTree, ROOT } from "../../../../../functions/file-monitor/observe/count/directory-tree.ts";
import {
  decodeTree,
  encodeTree,
  TreeFileError,
  type TreeSource,
} from "../../../../../functions/file-monitor/observe/count/tree-file.ts";

const SOURCE: TreeSource = { fileSystemId: "fs-1", directory: "/data", via: "nfs" };

const name = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"))
  .filter((text) => !/[/\0]/.test(text));

const directory = fc.record({
  /** Of those before it, which is its parent. */
  parent: fc.nat(),
  name,
  files: fc.nat(2 ** 31 - 1),
  mark: fc.bigInt(0n, 2n ** 64n - 1n),
  id: fc.bigInt(0n, 2n ** 64n - 1n),
  handle: fc.option(fc.uint8Array({ minLength: 1, maxLength: 128 }).map(Buffer.from), { nil: undefined }),
  settled: fc.boolean(),
  checked: fc.boolean(),
});

/** A tree in an order of its own: the deepest directories need not be the last ones. */
const trees = fc.array(directory, { minLength: 1, maxLength: 40 }).map((directories) => {
  const tree = new DirectoryTree();
  const children = directories.map(() => [] as number[]);
  for (const [index, { parent }] of directories.entries()) if (index > 0) children[parent % index]?.push(index);
  const add = (index: number, at: number) => {
    const found = directories[index];
    if (found === undefined) return;
    tree.set(at, found);
    const own = children[index] ?? [];
    if (own.length === 0) return;
    const first = tree.addChildren(
      at,
      own.map((child) => directories[child]?.name ?? ""),
    );
    for (const [offset, child] of own.entries()) add(child, first + offset);
  };
  add(0, ROOT);
  return tree;
});

/** All there is to know of a tree, whatever its order. */
function contentOf(tree: DirectoryTree, at = ROOT): unknown {
  const first = tree.firstChild(at);
  return {
    name: tree.name(at),
    path: tree.path(at),
    files: tree.files(at),
    mark: tree.mark(at),
    id: tree.id(at),
    handle: tree.handle(at)?.toString("hex"),
    settled: tree.isSettled(at),
    checked: tree.isChecked(at),
    children: Array.from({ length: tree.childCount(at) }, (_, index) => contentOf(tree, first + index)),
  };
}

test("any tree can be had back", async () => {
  await fc.assert(
    fc.asyncProperty(trees, fc.nat(), fc.nat(), async (tree, startedAt, readAllAt) => {
      const decoded = await decodeTree(await encodeTree(SOURCE, { tree, startedAt, readAllAt }), SOURCE);
      expect(decoded).toMatchObject({ startedAt, readAllAt });
      expect(contentOf(decoded.tree)).toEqual(contentOf(tree));
    }),
  );
});

describe("what is not such a tree is refused", () => {
  test("any damage is, or changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(trees, fc.nat(), fc.uint8Array({ maxLength: 8 }), async (tree, at, bytes) => {
        const encoded = gunzipSync(await encodeTree(SOURCE, { tree, startedAt: 1, readAllAt: 0 }));
        const damaged = Buffer.from(encoded);
        damaged.set(bytes.subarray(0, damaged.length - (at % damaged.length)), at % damaged.length);
        try {
          // What the checksum would have told.
          await decodeTree(gzipSync(damaged), SOURCE);
        } catch (error) {
          expect(error).toBeInstanceOf(TreeFileError);
        }
        await expect(decodeTree(gzipSync(damaged.subarray(0, at % damaged.length)), SOURCE)).rejects.toThrow(
          TreeFileError,
        );
      }),
    );
  });

  test.each<[string, Partial<TreeSource>]>([
    ["another file system", { fileSystemId: "fs-2" }],
    ["another directory", { directory: "/other" }],
    ["another way to count", { via: "mount" }],
  ])("one of %s is, too", async (_, other) => {
    const encoded = await encodeTree(SOURCE, { tree: new DirectoryTree(), startedAt: 1, readAllAt: 0 });
    await expect(decodeTree(encoded, { ...SOURCE, ...other })).rejects.toThrow(TreeFileError);
  });

  test("and one of another version", async () => {
    const encoded = gunzipSync(await encodeTree(SOURCE, { tree: new DirectoryTree(), startedAt: 1, readAllAt: 0 }));
    encoded.write('"version":1', encoded.indexOf('"version":'));
    await expect(decodeTree(gzipSync(encoded), SOURCE)).rejects.toThrow("of another version");
  });
});

test("of a large tree, a directory takes at most 40 bytes beyond its name", async () => {
  const DIRECTORIES = 10_000;
  const tree = new DirectoryTree();
  const random = lcg(1);
  const names: string[] = [];
  for (let index = 0; index < DIRECTORIES; index++) names.push(`directory-${Math.floor(random() * 1e9).toString(36)}`);
  const first = tree.addChildren(ROOT, names);
  const now = 1_790_000_000_000_000_000n;
  const year = 31_536_000_000_000_000;
  for (let index = 0; index < DIRECTORIES; index++) {
    const id = BigInt(Math.floor(random() * 2 ** 53));
    // As long as those of nfs-ganesha over a file system of this machine, with two random numbers in each.
    const handle = Buffer.alloc(28, "handle of this file system");
    handle.writeBigUInt64LE(id, 12);
    handle.writeUInt32LE(Math.floor(random() * 2 ** 32), 20);
    const mark = now - BigInt(Math.floor(random() * year));
    tree.set(first + index, { files: Math.floor(random() * 1000), mark, id, handle, settled: true });
  }
  const { length } = await encodeTree(SOURCE, { tree, startedAt: 1, readAllAt: 0 });
  const nameBytes = names.reduce((sum, name) => sum + name.length, 0);
  expect((length - nameBytes) / DIRECTORIES).toBeLessThan(40);
});

/** The same numbers each time. */
function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
