/** A tree of this machine, one in a bucket, and a second one of this machine, as a client's `sync` keeps them the same. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { contentsOf } from "./tree.ts";

export interface Places {
  /** As `writeTree` makes it. */
  readonly tree: string;
  /** The one in the bucket, as the client names it. */
  readonly remote: string;
  /** The same, as the router's file system has it. */
  readonly served: string;
  readonly back: string;
}

/** Copies the tree to the bucket and from there back; and once more after files were changed and removed. */
export async function keepTheSame(
  { tree, remote, served, back }: Places,
  sync: (from: string, to: string) => Promise<unknown>,
): Promise<void> {
  const syncAll = async () => {
    await sync(tree, remote);
    await sync(remote, back);
    const contents = await contentsOf(tree);
    expect(await contentsOf(served)).toEqual(contents);
    expect(await contentsOf(back)).toEqual(contents);
  };
  await syncAll();
  await writeFile(join(tree, "a b"), "changed");
  await rm(join(tree, "a+b"));
  await rm(join(tree, "deep"), { recursive: true });
  await syncAll();
}
