/** Files without a router, while mount targets are killed and the mount table changes under them: nothing fails. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedFileSystem, startEmbeddedFileSystem } from "../support/embedded-files.ts";
import { underLoad } from "../support/files-load.ts";
import { reportAtEnd, rounds } from "../support/reliability.ts";

const ROUNDS = rounds(3, 30);

describe("files without a router", () => {
  let fileSystem: EmbeddedFileSystem;
  const counts: Record<string, number> = {};

  beforeAll(async () => {
    fileSystem = await startEmbeddedFileSystem();
  });

  afterAll(() => fileSystem?.close());

  reportAtEnd("files without a router", () => counts);

  test("go on while one mount target after the other is killed and comes back", async () => {
    const files = await fileSystem.open({ detectionTimeout: 2_000 });
    const counted = await underLoad(files, "killed", async (load) => {
      for (let round = 0; round < ROUNDS; round++) {
        await fileSystem.targets.restart(round % 3);
        await load.progress();
        await expect
          .poll(() => files.mountTargets.map(({ state }) => state), { timeout: 60_000 })
          .toEqual(["connected", "connected", "connected"]);
      }
    });
    Object.assign(counts, counted);
  });

  test("go on while the mount table grows, shrinks, and lists a target that retires", async () => {
    const all = fileSystem.table.mount_targets;
    const [first, second, third] = all;
    if (!first || !second || !third) throw new Error("There are too few mount targets");
    await fileSystem.publish({ mount_targets: [first] });
    const files = await fileSystem.open({ mountTableRefreshInterval: 0 });
    const listed = () => files.mountTargets.map(({ id, isRetiring }) => `${id}${isRetiring ? " retires" : ""}`);
    const retiring = { ...first, retiring_since: new Date().toISOString() };
    const counted = await underLoad(files, "reloaded", async (load) => {
      for (const table of [[first, second], all, [retiring, second, third], [second, third], [third], all]) {
        await fileSystem.publish({ mount_targets: table });
        files.reload();
        const expected = table.map((each) => `${each.mount_target_id}${"retiring_since" in each ? " retires" : ""}`);
        await expect.poll(listed, { timeout: 60_000 }).toEqual(expected);
        await load.progress();
      }
    });
    Object.assign(counts, counted);
    const spread = new Set(Array.from({ length: 100 }, (_, index) => files.routeOf(`spread/${index}`)[0]));
    expect(spread.size).toBe(3);
  });

  test("end what is in flight when they are closed, as far as there is time", async () => {
    const files = await fileSystem.open({ closeTimeout: 20_000 });
    await files.writeFile("closing", "x");
    const writing = Promise.all(Array.from({ length: 20 }, (_, index) => files.writeFile(`closing-${index}`, "x")));
    await files.close();
    await writing;
    await expect(files.readFile("closing")).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});
