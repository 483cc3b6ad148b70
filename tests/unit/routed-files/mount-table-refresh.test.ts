import { setTimeout as sleep } from "node:timers/promises";
import { type MountTable, parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MountTableRefresh } from "../../../packages/routed-files/src/table/mount-table-refresh.ts";
import type { MountTableSource } from "../../../packages/routed-files/src/table/mount-table-sources.ts";
import { MemoryNetwork, memoryLog } from "../../support/memory-router.ts";

const [one, two, three] = [1, 2, 3].map((count) => new MemoryNetwork(count).table) as [
  MountTable,
  MountTable,
  MountTable,
];

/** A source with the table that a test gives it. */
class Source implements MountTableSource {
  readonly name: string;
  result: () => MountTable | Promise<MountTable>;
  polls = 0;

  constructor(name: string, result: () => MountTable | Promise<MountTable>) {
    this.name = name;
    this.result = result;
  }

  readonly load = async () => {
    this.polls += 1;
    return this.result();
  };
}

const throttled = () => {
  throw new Error("Rate exceeded");
};

const refreshes: MountTableRefresh[] = [];

function start({ rank = 0, interval = 5 }: { rank?: number; interval?: number } = {}) {
  const parameter = new Source("the parameter", () => one);
  const fileSystem = new Source("the file system", () => two);
  const used: MountTable[] = [];
  const { log, lines } = memoryLog();
  const refresh = new MountTableRefresh({
    sources: [parameter, fileSystem],
    current: { table: one, rank },
    interval,
    use: async (table) => void used.push(table),
    log,
  });
  refreshes.push(refresh);
  return { parameter, fileSystem, used, lines, refresh };
}

/** Until `source` was polled `times` times more, and what followed from it is done. */
async function polls(source: Source, times = 3): Promise<void> {
  const goal = source.polls + times;
  await vi.waitFor(() => expect(source.polls).toBeGreaterThan(goal), { interval: 2 });
}

afterEach(() => {
  for (const refresh of refreshes.splice(0)) refresh.stop();
});

describe("the refresh of the mount table", () => {
  test("takes up what the best source has, at every poll", async () => {
    const { parameter, used, lines } = start();
    await polls(parameter);
    expect(used.at(-1)).toEqual(one);
    parameter.result = () => three;
    await polls(parameter);
    expect(used.at(-1)).toEqual(three);
    expect(lines).toEqual([]);
  });

  test.each([
    ["cannot be read", throttled],
    ["is not a table", () => parseMountTable('{"mount_targets":[{}]}')],
    ["lists nothing", () => ({ mount_targets: [] })],
  ])(
    "keeps the table in use while the parameter %s, with one WARN, and one INFO when it can be read again",
    async (_, result) => {
      const { parameter, fileSystem, used, lines } = start();
      parameter.result = result;
      await polls(parameter, 5);
      expect(used.filter((table) => table !== one)).toEqual([]);
      expect(fileSystem.polls).toBe(0);
      expect(lines.map(({ level }) => level)).toEqual(["WARN"]);
      parameter.result = () => two;
      await polls(parameter);
      expect(used.at(-1)).toEqual(two);
      expect(lines.map(({ level }) => level)).toEqual(["WARN", "INFO"]);
    },
  );

  test("follows a worse source only where the router started from it, and leaves it for a better one for good", async () => {
    const { parameter, fileSystem, used, lines } = start({ rank: 1 });
    parameter.result = throttled;
    await polls(fileSystem);
    expect(used.at(-1)).toEqual(two);
    expect(lines).toEqual([]);
    parameter.result = () => three;
    await polls(parameter);
    expect(used.at(-1)).toEqual(three);
    parameter.result = throttled;
    await polls(parameter);
    expect(used.at(-1)).toEqual(three);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ["INFO", "The mount table of the parameter can be used again"],
      ["WARN", "No mount table from the parameter, so the one in use stays: Rate exceeded"],
    ]);
  });

  test("polls when it is asked to, and else never where the interval is 0", async () => {
    const { parameter, used, refresh } = start({ interval: 0 });
    await sleep(30);
    expect(parameter.polls).toBe(0);
    refresh.now();
    await vi.waitFor(() => expect(used).toEqual([one]));
  });

  test("polls one at a time, and once more when it is asked to during a poll", async () => {
    const { parameter, used, refresh } = start({ interval: 0 });
    let inFlight = 0;
    let together = 0;
    const tables = [one, two, three];
    parameter.result = async () => {
      inFlight += 1;
      together = Math.max(together, inFlight);
      const table = tables.shift() ?? three;
      await sleep(20);
      inFlight -= 1;
      return table;
    };
    refresh.now();
    await sleep(5);
    for (let times = 0; times < 5; times++) refresh.now();
    await vi.waitFor(() => expect(used).toEqual([one, two]));
    await sleep(60);
    expect(used).toEqual([one, two]);
    expect(together).toBe(1);
  });

  test("takes up nothing after it was stopped", async () => {
    const { parameter, used, refresh } = start({ interval: 0 });
    parameter.result = async () => {
      await sleep(20);
      return two;
    };
    refresh.now();
    await sleep(5);
    refresh.stop();
    refresh.now();
    await sleep(50);
    expect(used).toEqual([]);
    expect(parameter.polls).toBe(1);
  });
});
