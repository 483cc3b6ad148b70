/** s3cmd, unmodified, at the router's bundle. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { debianProgram } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { keepTheSame } from "./keep-the-same.ts";
import { OBJECTS } from "./sizes.ts";
import { ODD_NAMES, sha256Of, writeTree } from "./tree.ts";
import { startWorld, type World } from "./world.ts";

describeRequiring([debianProgram("s3cmd", "s3cmd")], "s3cmd", ([command]) => {
  let world: World;
  let tree: string;
  let served: string;
  const s3cmd = (...args: string[]) => world.run(command, "--no-progress", "--multipart-chunk-size-mb=5", ...args);

  beforeAll(async () => {
    world = await startWorld();
    await world.write(".s3cfg", world.configuration("s3cmd"));
    tree = join(world.home, "tree");
    // One request after the other.
    await writeTree(tree, ODD_NAMES, { objects: OBJECTS / 10 });
    await s3cmd("mb", "s3://my-bucket");
    served = join(world.s3.directory, "my-bucket");
  });

  afterAll(async () => {
    await world?.close();
  });

  test("keeps a tree, a bucket and another tree the same, and then finds nothing to do", async () => {
    const places = {
      tree,
      remote: "s3://my-bucket/tree",
      served: join(served, "tree"),
      back: join(world.home, "back"),
    };
    const sync = (from: string, to: string) => s3cmd("sync", "--delete-removed", `${from}/`, `${to}/`);
    await keepTheSame(places, sync);
    const { remote, back } = places;
    expect(await sync(tree, remote)).not.toContain("upload");
    expect(await sync(remote, back)).not.toContain("download");
  });

  test("uploads in parts, copies, moves, describes and removes", async () => {
    const large = join(tree, "large");
    await s3cmd("put", large, "s3://my-bucket/a/large");
    await s3cmd("cp", "s3://my-bucket/a/large", "s3://my-bucket/a/copy");
    await s3cmd("mv", "s3://my-bucket/a/copy", "s3://my-bucket/b/moved");
    expect(await s3cmd("info", "s3://my-bucket/b/moved")).toContain("MD5 sum");
    await s3cmd("get", "s3://my-bucket/b/moved", join(world.home, "downloaded"));
    expect(await sha256Of(join(world.home, "downloaded"))).toBe(await sha256Of(large));
    await s3cmd("setacl", "--acl-private", "s3://my-bucket/b/moved");
    await s3cmd("del", "--recursive", "--force", "s3://my-bucket/");
    expect(await readdir(served)).toEqual([]);
    await s3cmd("rb", "s3://my-bucket");
    expect(await s3cmd("ls")).toBe("");
  });
});
