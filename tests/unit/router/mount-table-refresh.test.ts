import { setTimeout as sleep } from "node:timers/promises";
import { type MountTable, parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MountTableRefresh } from "../../../fargate-app/src/router/mount-table-refresh.ts";
import type { MountTableSource } from "../../../fargate-app/src/router/mount-table-sources.ts";
import { MemoryNetwork, memoryLog } from "../../support/memory-router.ts";

const [one, two, three] = [1, 2, 3].map((count) => new MemoryNetwork(count).table) as [
  MountTable,
  MountTable,
  MountTable,
];

/** A source that answers what it is told to. */
class Source implements MountTableSource {
  readonly name: string;
  answer: () => MountTable | Promise<MountTable>;
  looks = 0;

  constructor(name: string, answer: () => MountTable | Promise<MountTable>) {
    this.name = name;
    this.answer = answer;
  }

  readonly load = async () => {
    this.looks += 1;
    return this.answer();
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

/** Until `source` was looked at `times` times more, and what followed from it is done. */
async function looks(source: Source, times = 3): Promise<void> {
  const goal = source.looks + times;
  await vi.waitFor(() => expect(source.looks).toBeGreaterThan(goal), { interval: 2 });
}

afterEach(() => {
  for (const refresh of refreshes.splice(0)) refresh.stop();
});

describe("the refresh of the mount table", () => {
  test("takes up what the best source has, again and again", async () => {
    const { parameter, used, lines } = start();
    await looks(parameter);
    expect(used.at(-1)).toEqual(one);
    parameter.answer = () => three;
    await looks(parameter);
    expect(used.at(-1)).toEqual(three);
    expect(lines).toEqual([]);
  });

  test.each([
    ["cannot be read", throttled],
    ["is not a table", () => parseMountTable('{"mount_targets":[{}]}')],
    ["lists nothing", () => ({ mount_targets: [] })],
  ])(
    "keeps the table in use while the parameter %s, with one WARN, and one INFO when it can be read again",
    async (_, answer) => {
      const { parameter, fileSystem, used, lines } = start();
      parameter.answer = answer;
      await looks(parameter, 5);
      expect(used.filter((table) => table !== one)).toEqual([]);
      expect(fileSystem.looks).toBe(0);
      expect(lines.map(({ level }) => level)).toEqual(["WARN"]);
      parameter.answer = () => two;
      await looks(parameter);
      expect(used.at(-1)).toEqual(two);
      expect(lines.map(({ level }) => level)).toEqual(["WARN", "INFO"]);
    },
  );

  test("follows a worse source only where the router started from it, and leaves it for a better one for good", async () => {
    const { parameter, fileSystem, used, lines } = start({ rank: 1 });
    parameter.answer = throttled;
    await looks(fileSystem);
    expect(used.at(-1)).toEqual(two);
    expect(lines).toEqual([]);
    parameter.answer = () => three;
    await looks(parameter);
    expect(used.at(-1)).toEqual(three);
    parameter.answer = throttled;
    await looks(parameter);
    expect(used.at(-1)).toEqual(three);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ["INFO", "The mount table of the parameter can be used again"],
      ["WARN", "No mount table from the parameter, so the one in use stays: Rate exceeded"],
    ]);
  });

  test("looks when it is told to, and else never where the interval is 0", async () => {
    const { parameter, used, refresh } = start({ interval: 0 });
    await sleep(30);
    expect(parameter.looks).toBe(0);
    refresh.now();
    await vi.waitFor(() => expect(used).toEqual([one]));
  });

  test("does one thing at a time, and looks once more when it is told to during a look", async () => {
    const { parameter, used, refresh } = start({ interval: 0 });
    let underWay = 0;
    let together = 0;
    const answers = [one, two, three];
    parameter.answer = async () => {
      underWay += 1;
      together = Math.max(together, underWay);
      const table = answers.shift() ?? three;
      await sleep(20);
      underWay -= 1;
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
    parameter.answer = async () => {
      await sleep(20);
      return two;
    };
    refresh.now();
    await sleep(5);
    refresh.stop();
    refresh.now();
    await sleep(50);
    expect(used).toEqual([]);
    expect(parameter.looks).toBe(1);
  });
});
