/** The AWS CLI, unmodified, at the router's bundle. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pythonProgram } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { keepTheSame } from "./keep-the-same.ts";
import { LARGE_BYTES, OBJECTS } from "./sizes.ts";
import { CONTROL_NAMES, ODD_NAMES, sha256Of, writeTree } from "./tree.ts";
import { startWorld, type World } from "./world.ts";

describeRequiring([pythonProgram("aws", "awscli")], "the AWS CLI", ([command]) => {
  let world: World;
  let tree: string;
  let served: string;
  const aws = (...args: string[]) => world.run(command, "--profile", "efs", ...args);

  beforeAll(async () => {
    world = await startWorld();
    await world.write(".aws/config", world.configuration("AWS CLI"));
    tree = join(world.home, "tree");
    await writeTree(tree, [...ODD_NAMES, ...CONTROL_NAMES]);
    await aws("s3", "mb", "s3://my-bucket");
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
    const sync = (from: string, to: string) => aws("s3", "sync", "--delete", "--no-progress", from, to);
    await keepTheSame(places, sync);
    const { remote, back } = places;
    expect(await sync(tree, remote)).toBe("");
    expect(await sync(remote, back)).toBe("");
    await rm(back, { recursive: true });

    const summary = await aws("s3", "ls", "--recursive", "--summarize", "s3://my-bucket/tree/many/");
    expect(summary).toContain(`Total Objects: ${OBJECTS}\n`);
    await aws("s3", "rm", "--recursive", "--quiet", "s3://my-bucket/tree");
    expect(await readdir(served)).toEqual([]);
  });

  test("uploads, copies, moves and downloads in parts", async () => {
    const large = join(tree, "large");
    await aws("s3", "cp", "--no-progress", large, "s3://my-bucket/large");
    const head = JSON.parse(await aws("s3api", "head-object", "--bucket", "my-bucket", "--key", "large"));
    expect(head).toMatchObject({ ContentLength: LARGE_BYTES, ETag: expect.stringMatching(/^"[0-9a-f]{32}-\d+"$/) });
    await aws("s3", "cp", "--no-progress", "s3://my-bucket/large", "s3://my-bucket/copy");
    await aws("s3", "mv", "--no-progress", "s3://my-bucket/copy", "s3://my-bucket/moved");
    await aws("s3", "cp", "--no-progress", "s3://my-bucket/moved", "downloaded");
    expect((await readdir(served)).sort()).toEqual(["large", "moved"]);
    expect(await sha256Of(join(world.home, "downloaded"))).toBe(await sha256Of(large));
  });

  test("signs URLs", async () => {
    await world.write("signed", "by URL");
    await aws("s3", "cp", "signed", "s3://my-bucket/signed é");
    const url = await aws("s3", "presign", "--expires-in", "60", "s3://my-bucket/signed é");
    expect(await (await fetch(url.trim())).text()).toBe("by URL");
  });
});
