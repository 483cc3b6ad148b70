import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { filePath, ROOT } from "../../../../packages/routed-files/src/routing/path.ts";
import {
  ROUTING_STRATEGIES,
  type RoutingStrategy,
  rankingOf,
} from "../../../../packages/routed-files/src/routing/strategies.ts";

const targets = ["fsmt-c3", "fsmt-a1", "fsmt-b2"].map((id) => ({ id }));

function idsFor(path: string, strategy: RoutingStrategy, among = targets): string[] {
  return rankingOf(among, strategy)(filePath(path)).map(({ id }) => id);
}

describe("rendezvous", () => {
  // Routers of two releases run side by side while a deployment rolls: both must send a path to the same target.
  test.each([
    ["a/b.txt", ["fsmt-c3", "fsmt-b2", "fsmt-a1"]],
    ["日本語/ファイル", ["fsmt-c3", "fsmt-b2", "fsmt-a1"]],
    ["README.md", ["fsmt-a1", "fsmt-c3", "fsmt-b2"]],
    ["x", ["fsmt-b2", "fsmt-c3", "fsmt-a1"]],
  ])("%s keeps its order from release to release", (path, expected) => {
    expect(idsFor(path, "rendezvous")).toEqual(expected);
  });
});

describe("modulo", () => {
  test("is SHA-256 of the path modulo the number of targets, by id, and then the ones that follow", () => {
    for (let index = 0; index < 200; index++) {
      const path = `data/file-${index}.txt`;
      const digest = BigInt(`0x${createHash("sha256").update(path).digest("hex")}`);
      const first = Number(digest % 3n);
      const byId = ["fsmt-a1", "fsmt-b2", "fsmt-c3"];
      expect(idsFor(path, "modulo")).toEqual([0, 1, 2].map((step) => byId[(first + step) % 3]));
    }
  });
});

describe.each(ROUTING_STRATEGIES)("%s", (strategy) => {
  test("ranks every target once, whatever their order in the table", () => {
    for (let index = 0; index < 100; index++) {
      const ids = idsFor(`file-${index}`, strategy);
      expect([...ids].sort()).toEqual(["fsmt-a1", "fsmt-b2", "fsmt-c3"]);
      expect(idsFor(`file-${index}`, strategy, [...targets].reverse())).toEqual(ids);
    }
  });

  test("ranks the served directory too", () => {
    expect(rankingOf(targets, strategy)(ROOT)).toHaveLength(3);
  });

  test("has nothing to rank without targets", () => {
    expect(rankingOf([], strategy)(ROOT)).toEqual([]);
  });
});
