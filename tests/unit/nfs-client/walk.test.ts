import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { ConnectionError, type NfsClient } from "nfs-client";
import { describe, expect, test } from "vitest";
import { type TreeEntry, type Visitor, walkTree } from "../../../packages/nfs-client/src/cli/walk.ts";
import { MemoryFileSystem } from "../../support/memory-file-system.ts";
import { MemoryServer } from "../../support/memory-nfs.ts";

const attributesOf = (type: "file" | "directory") =>
  ({ type, size: 1, mode: 0o755, change: 0n, fileId: 0n, modifiedAt: 0 }) as const;
const rootAt = (path: string): TreeEntry => ({ path, name: "", attributes: attributesOf("directory") });

interface Walk {
  readonly client: Pick<NfsClient, "readDirectory">;
  readonly root?: string;
  readonly concurrency: number;
  readonly visitor: Visitor<true>;
}

/** @returns the paths that failed. */
async function walk({ client, root = "/", concurrency, visitor }: Walk): Promise<string[]> {
  const failed: string[] = [];
  await walkTree(rootAt(root), visitor, {
    client,
    concurrency,
    signal: new AbortController().signal,
    onFailure: (path) => failed.push(path),
  });
  return failed;
}

describe("a walk", () => {
  test("comes to every entry once, to directories before and after what is in them", async () => {
    const path = fc
      .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 })
      .map((names) => names.join("/"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(path, { maxLength: 12 }),
        fc.integer({ min: 0, max: 5 }),
        async (paths, concurrency) => {
          const files = new MemoryFileSystem();
          for (const each of paths) {
            try {
              files.write(`/root/${each}/file`, Buffer.from("x"));
            } catch {
              // A file is where this one needs a directory.
            }
          }
          files.makeDirectories("/root");
          const client = await new MemoryServer(files).connect({});
          const visited: string[] = [];
          const inside = new Set<string>();
          const failed = await walk({
            client,
            root: "/root",
            concurrency,
            visitor: {
              async enter({ path }) {
                inside.add(path);
                return true;
              },
              async visit({ path }) {
                expect(inside).toContain(path.slice(0, path.lastIndexOf("/")));
                visited.push(path);
              },
              async leave({ path }) {
                expect([...inside].filter((each) => each.startsWith(`${path}/`))).toEqual([]);
                inside.delete(path);
              },
            },
          });
          expect([visited.sort(), [...inside], failed]).toEqual([files.files, [], []]);
        },
      ),
    );
  });

  test.each(["file", "directory"] as const)("over a million entries (%s) holds few of them at once", async (type) => {
    const count = 1_000_000;
    let listed = 0;
    let done = 0;
    let mostHeld = 0;
    const client: Pick<NfsClient, "readDirectory"> = {
      async *readDirectory(path) {
        for (let index = 0; path === "/" && index < count; index++) {
          listed += 1;
          mostHeld = Math.max(mostHeld, listed - done);
          yield { name: `${index}`, attributes: attributesOf(type), cursor: "" };
        }
      },
    };
    const finish = async (path: string) => {
      if (path !== "/" && Number(path.slice(1)) % 1000 === 0) await nextTurn();
      if (path !== "/") done += 1;
    };
    await walk({
      client,
      concurrency: 32,
      visitor: {
        enter: async () => true,
        visit: ({ path }) => finish(path),
        leave: ({ path }) => finish(path),
      },
    });
    expect(done).toBe(count);
    expect(mostHeld).toBeLessThanOrEqual(33);
  });

  test("goes on where one entry fails, and ends where the server is gone", async () => {
    const files = new MemoryFileSystem();
    for (const name of ["a/1", "b/2", "c/3"]) files.write(`/${name}`, Buffer.from("x"));
    const client = await new MemoryServer(files).connect({});
    const missing = () => client.stat("/missing");
    const visited: string[] = [];
    const failingAt = (wanted: string, fail: () => Promise<unknown>) => ({
      enter: async () => true as const,
      async visit({ path }: TreeEntry) {
        visited.push(path);
        if (path === wanted) await fail();
      },
    });
    expect(await walk({ client, concurrency: 4, visitor: failingAt("/b/2", missing) })).toEqual(["/b/2"]);
    expect(visited.sort()).toEqual(["/a/1", "/b/2", "/c/3"]);
    const gone = () => Promise.reject(new ConnectionError("The server is gone"));
    for (const concurrency of [0, 4]) {
      const walking = walk({ client, concurrency, visitor: failingAt("/a/1", gone) });
      await expect(walking).rejects.toThrow("The server is gone");
    }
  });
});
