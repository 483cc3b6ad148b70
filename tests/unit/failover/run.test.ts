/** A command while a region asks for fewer calls, which is neither an answer nor none. */
import { beforeEach, expect, test } from "vitest";
import { seededRandom } from "../../../bench/random.ts";
import { type Command, DEFAULT_LIMITS } from "../../../failover/plan.ts";
import { NotNowError, type Progress, runCommand, type World } from "../../../failover/run.ts";
import { LEASE, MARGIN, TwoRegions } from "../../support/two-regions.ts";

const promote: Command = { name: "promote", side: "standby", otherIsLost: false };

let regions: TwoRegions;
let progress: Progress[];

const run = (command: Command, world: World) =>
  runCommand({
    ...{ command, world, clock: regions.clock, pollInterval: 1_000 },
    limits: { ...DEFAULT_LIMITS, lease: LEASE, margin: MARGIN },
    report: (each) => progress.push(each),
  });

/** The world, where the region at home answers so many looks with that it wants fewer. */
function throttled(times: number): World {
  let rest = times;
  const look: World["look"] = async (side) => {
    if (side === "standby" || rest === 0) return regions.world.look(side);
    rest -= 1;
    throw new NotNowError("ap-northeast-1", "ThrottlingException: Rate exceeded");
  };
  return { ...regions.world, look };
}

beforeEach(async () => {
  regions = new TwoRegions(seededRandom(1), true);
  progress = [];
  await run({ name: "failback", side: "home", otherIsLost: false }, regions.world);
});

test("a region that asks for fewer calls is not taken for lost: it is looked at again, and then answers", async () => {
  await expect(run(promote, throttled(3))).rejects.toThrow("The APIs of ap-northeast-1 still answer");
  expect(progress.at(-1)).toMatchObject({
    say: "Not all can be seen: ap-northeast-1 says ThrottlingException: Rate exceeded",
    seconds: 2,
  });
  expect(regions.roleOf("standby").role).toBe("standby");
});

test("it is not waited for without end", async () => {
  await expect(run(promote, throttled(Number.POSITIVE_INFINITY))).rejects.toThrow(
    "It took longer than 1800 s: Not all can be seen: ap-northeast-1 says ThrottlingException",
  );
});

test("an operator who knows that it is lost does not wait longer than a lease for it", async () => {
  const done = await run({ ...promote, otherIsLost: true }, throttled(Number.POSITIVE_INFINITY));
  expect(done).toMatchObject({ state: "alone", primary: "standby" });
  expect(regions.roleOf("standby").role).toBe("primary");
});
