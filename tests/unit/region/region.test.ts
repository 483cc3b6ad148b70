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
