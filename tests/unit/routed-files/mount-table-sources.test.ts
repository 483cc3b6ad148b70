import { describe, expect, test } from "vitest";
import {
  fixedSource,
  loadMountTable,
  type MountTableSource,
  NoMountTableError,
} from "../../../packages/routed-files/src/table/mount-table-sources.ts";
import { MemoryNetwork, memoryLog } from "../../support/memory-router.ts";

const { table } = new MemoryNetwork(2);
const good = fixedSource("the good one", table);
const empty = fixedSource("the empty one", { mount_targets: [] });
const broken: MountTableSource = {
  name: "the broken one",
  load: async () => {
    throw new Error("There is no way to it");
  },
};

describe("the mount table of a router", () => {
  test("is the first that can be had, with an ERROR for each source before it", async () => {
    const { log, lines } = memoryLog();
    expect(await loadMountTable([broken, empty, good, broken], log)).toEqual({ table, rank: 2 });
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ["ERROR", "No mount table from the broken one: There is no way to it"],
      ["ERROR", "No mount table from the empty one: It lists no mount target"],
      ["INFO", "Using the mount table of the good one"],
    ]);
  });

  test("must come from somewhere", async () => {
    const { log } = memoryLog();
    await expect(loadMountTable([broken, empty], log)).rejects.toThrow(
      new NoMountTableError("No mount table from the broken one, nor from the empty one"),
    );
  });
});
