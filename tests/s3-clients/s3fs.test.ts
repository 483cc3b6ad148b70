/** s3fs, unmodified, at the router's bundle. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pythonWith } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { CONTROL_NAMES, contentsOf, ODD_NAMES, writeTree } from "./tree.ts";
import { SCRIPTS, startWorld, type World } from "./world.ts";

describeRequiring([pythonWith("s3fs")], "s3fs", ([python]) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
  });

  afterAll(async () => {
    await world?.close();
  });

  test("puts and gets a tree, writes in parts, appends, copies, moves, and signs URLs", async () => {
    const [tree, back] = [join(world.home, "tree"), join(world.home, "back")];
    await writeTree(tree, [...ODD_NAMES, ...CONTROL_NAMES]);
    await world.run(python, join(SCRIPTS, "s3fs_client.py"), world.configuration("s3fs and pandas"), tree, back);
    const contents = await contentsOf(tree);
    expect(await contentsOf(join(world.s3.directory, "my-bucket/tree"))).toEqual(contents);
    expect(await contentsOf(back)).toEqual(contents);
  });
});
