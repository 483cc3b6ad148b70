/** rclone, unmodified, at the router's bundle. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { debianProgram } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { keepTheSame } from "./keep-the-same.ts";
import { CONTROL_NAMES, contentsOf, ODD_NAMES, writeTree } from "./tree.ts";
import { startWorld, type World } from "./world.ts";

describeRequiring([debianProgram("rclone", "rclone")], "rclone", ([command]) => {
  let world: World;
  let tree: string;
  let served: string;
  const rclone = (...args: string[]) => world.run(command, "--no-unicode-normalization", ...args);

  beforeAll(async () => {
    world = await startWorld();
    await world.write(".config/rclone/rclone.conf", world.configuration("rclone"));
    tree = join(world.home, "tree");
    await writeTree(tree, [...ODD_NAMES, ...CONTROL_NAMES]);
    await rclone("mkdir", "efs:my-bucket");
    served = join(world.s3.directory, "my-bucket");
  });

  afterAll(async () => {
    await world?.close();
  });

  test("keeps a tree, a bucket and another tree the same, and then finds nothing to do", async () => {
    const back = join(world.home, "back");
    const remote = "efs:my-bucket/tree";
    const inParts = ["--s3-upload-cutoff", "10M", "--s3-chunk-size", "5M"];
    const sync = (from: string, to: string) => rclone("sync", ...inParts, from, to);
    await keepTheSame({ tree, remote, served: join(served, "tree"), back }, sync);
    // What differs it prints, and then it fails.
    await rclone("check", tree, remote);
    for (const [from, to] of [
      [tree, remote],
      [remote, back],
    ] as const) {
      await rclone("sync", "-v", "--log-file", join(world.home, "rclone.log"), from, to);
      expect(await world.read("rclone.log")).toContain("There was nothing to transfer");
      await rm(join(world.home, "rclone.log"));
    }
  });

  test("copies and moves on the server, streams, and signs URLs", async () => {
    await world.write("plain", "plain");
    await rclone("copyto", "plain", "efs:my-bucket/a/plain é");
    await rclone("copyto", "efs:my-bucket/a/plain é", "efs:my-bucket/a/copy");
    await rclone("moveto", "efs:my-bucket/a/copy", "efs:my-bucket/b/moved");
    expect(await contentsOf(join(served, "b"))).toEqual({ moved: expect.any(String) });
    expect(await rclone("cat", "efs:my-bucket/b/moved")).toBe("plain");
    expect(await rclone("lsf", "efs:my-bucket/a")).toBe("plain é\n");
    const url = await rclone("link", "--expire", "1m", "efs:my-bucket/a/plain é");
    expect(await (await fetch(url.trim())).text()).toBe("plain");
    await rclone("purge", "efs:my-bucket");
    expect(await rclone("lsd", "efs:")).toBe("");
  });
});
