import { expect, onTestFinished, test } from "vitest";
import { primaryRole, RegionWorld, standbyRole, startRegion } from "../../support/region.ts";

test("a write is acknowledged as soon as it is let in, while the rest of the poll is in flight", async () => {
  const world = new RegionWorld();
  world.document = standbyRole();
  const { region } = await startRegion(world);
  world.document = primaryRole({
    region: "ap-northeast-3",
    epoch: 2,
    alone: true,
    changed_at: new Date(1).toISOString(),
  });
  let proceed = () => {};
  const slow = new Promise<undefined>((resolve) => {
    proceed = () => resolve(undefined);
  });
  Object.assign(world, { peerRole: () => slow, replication: () => slow });
  const polling = region.poll();
  await expect.poll(() => region.verdict).toHaveProperty("until");
  expect(await region.write(async () => "written")).toBe("written");
  proceed();
  await polling;
});

test("a role that could not be read at the start is read again within a second or two", async () => {
  const world = new RegionWorld();
  const { region } = await startRegion(world, { lease: 3_600_000 });
  expect(region.verdict).toEqual({ refusal: "unknown" });
  world.document = primaryRole({ alone: true });
  region.watch();
  onTestFinished(() => region.stop());
  await expect.poll(() => region.verdict, { timeout: 60_000 }).toHaveProperty("until");
});

test("whoever writes on its own is told when the lease ends, also where no poll is answered any more", async () => {
  const world = new RegionWorld();
  world.document = primaryRole();
  world.peerDocument = standbyRole();
  const { region } = await startRegion(world, { lease: 1_000 });
  onTestFinished(() => region.stop());
  const verdicts: unknown[] = [];
  region.onLoss(() => verdicts.push(region.verdict));
  await expect.poll(() => verdicts, { timeout: 60_000 }).toEqual([{ refusal: "unconfirmed" }]);
});

test("many reads that wait share their polls of the replication, which become fewer while it does not move", async () => {
  const world = new RegionWorld();
  world.document = standbyRole();
  const { region } = await startRegion(world, { readAfterTimeout: 1_000 });
  const polledAt: number[] = [];
  Object.assign(world, {
    replication: async () => {
      polledAt.push(performance.now());
      return { isSource: false, isDestination: true, replicatedUntil: 0 };
    },
  });
  const read = () => region.readAfter({ epoch: 1, time: 1 });
  while (polledAt.length < 3)
    expect(new Set(await Promise.all(Array.from({ length: 100 }, read)))).toEqual(new Set(["wait"]));
  const intervals = polledAt.slice(1).map((time, index) => time - (polledAt[index] ?? 0));
  // Less a quarter at random. A timer may be early by a millisecond.
  for (const [index, least] of [740, 1_490].entries()) expect(intervals[index]).toBeGreaterThan(least);
});
