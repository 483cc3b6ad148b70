import { expect, test } from "vitest";
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
