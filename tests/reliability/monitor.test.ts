/**
 * The monitor's runs in an account where any call may fail, several runs may be in flight at once, and people change
 * things by hand: after every change nothing is broken, and once nothing fails three runs put all right.
 */
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FILE_SYSTEM_ID, SECURITY_GROUP_ID } from "../../local/account.ts";
import {
  finishServiceDeployment,
  primaryDeployment,
  startDeployment,
  updateDeployment,
} from "../../local/control-plane/ecs-deployments.ts";
import { efs, setLifeCycleState } from "../../local/control-plane/efs.ts";
import type { Environment } from "../../local/control-plane/operation.ts";
import { ssm } from "../../local/control-plane/ssm.ts";
import type { Alarm, AwsState, Service, Subnet } from "../../local/control-plane/state.ts";
import { PARAMETER_NAME } from "../../local/environments.ts";
import { completeDeployment } from "../support/monitor-account.ts";
import { disagreementsOf } from "../support/monitor-rules.ts";
import {
  ALARM_TOPIC,
  CLEAN_RUN,
  CLEAN_RUN_OF_FEW_FILES,
  CLEAN_RUN_WITH_FORESIGHT,
  FAULTS,
  MonitorWorld,
  READS,
  type Read,
  type RunPlan,
} from "../support/monitor-world.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";

let world: MonitorWorld;
let violations = 0;
let mostRunsToAgree = 1;

beforeAll(async () => {
  world = await MonitorWorld.start();
});

afterAll(() => world.close());

reportAtEnd("monitor under faults", () => ({
  ...world.counts,
  ...Object.fromEntries([...world.faults].map(([kind, count]) => [`faults: ${kind}`, count])),
  "most runs until all agreed": mostRunsToAgree,
  violations,
}));

type Change = (state: AwsState, environment: Environment) => AwsState;

/** What the account has that commands go by. */
interface Model {
  removedService: Service | undefined;
}

type Command = fc.AsyncCommand<Model, MonitorWorld>;

function command(label: string, run: Command["run"], check: Command["check"] = () => true): Command {
  return {
    check,
    async run(model, real) {
      await run(model, real);
      violations += real.violations.length;
      expect(real.violations).toEqual([]);
    },
    toString: () => label,
  };
}

function byHand(label: string, change: Change, check?: Command["check"]): Command {
  return command(label, async (_model, real) => real.change(change), check);
}

const TABLES_BY_HAND = [
  "{",
  "[]",
  '{"mount_targets":[]}',
  '{"mount_targets":[{"id":1}]}',
  '{"mount_targets":[{"mount_target_id":"fsmt-dead","ip_address":"10.9.9.9","availability_zone":"x","subnet_id":"subnet-dead"}]}',
];

function deleteMountTarget(nth: number): Change {
  return (state, environment) => {
    const target = state.mountTargets[nth % Math.max(1, state.mountTargets.length)];
    if (target === undefined) return state;
    return efs.DeleteMountTarget(state, { MountTargetId: target.mountTargetId }, environment).state;
  };
}

/** In an Availability Zone that has none. */
function createMountTarget(nth: number, securityGroups: readonly string[] = [SECURITY_GROUP_ID]): Change {
  return (state, environment) => {
    const taken = new Set(state.mountTargets.map((target) => target.availabilityZoneName));
    const free = state.subnets.filter(
      ({ availabilityZone, addresses, supportsEfs }) =>
        !taken.has(availabilityZone) && addresses.length > 0 && supportsEfs,
    );
    const subnet = free[nth % Math.max(1, free.length)];
    if (subnet === undefined) return state;
    const input = { FileSystemId: FILE_SYSTEM_ID, SubnetId: subnet.subnetId, SecurityGroups: securityGroups };
    return efs.CreateMountTarget(state, input, environment).state;
  };
}

/** `updating`: EFS works on it, and it is not to be used. */
function setMountTarget(nth: number, lifeCycleState: "updating" | "available"): Change {
  return (state) => {
    const settled = state.mountTargets.filter((target) => /^(updating|available)$/.test(target.lifeCycleState));
    const target = settled[nth % Math.max(1, settled.length)];
    return target === undefined ? state : setLifeCycleState(state, target.mountTargetId, lifeCycleState);
  };
}

function writeTable(value: string): Change {
  return (state, environment) =>
    ssm.PutParameter(state, { Name: PARAMETER_NAME, Value: value, Type: "String", Overwrite: true }, environment).state;
}

function changeSubnet(nth: number, change: (subnet: Subnet) => Subnet): Change {
  return (state) => ({
    ...state,
    subnets: state.subnets.map((subnet, index) => (index === nth % state.subnets.length ? change(subnet) : subnet)),
  });
}

function changeService(change: (service: Service, environment: Environment) => Service): Change {
  return (state, environment) => ({ ...state, services: state.services.map((one) => change(one, environment)) });
}

const deploy = changeService((service, environment) => startDeployment(service, service.taskDefinition, environment));

const failDeployment = changeService((service, { now }) =>
  finishServiceDeployment(
    updateDeployment(service, primaryDeployment(service).id, now, { rolloutState: "FAILED" }),
    "ROLLBACK_FAILED",
    now,
  ),
);

function setAlarm(stateValue: Alarm["stateValue"]): Change {
  return (state) => ({ ...state, alarms: [{ alarmName: "io-limit", alarmActions: [ALARM_TOPIC], stateValue }] });
}

function isDeploying(): boolean {
  const [newest] = world.state.services[0]?.serviceDeployments ?? [];
  return newest?.status === "IN_PROGRESS";
}

const removeService = command(
  "remove the service",
  async (model, real) => {
    [model.removedService] = real.state.services;
    real.change((state) => ({ ...state, services: [] }));
  },
  (model) => model.removedService === undefined,
);

const restoreService = command(
  "restore the service",
  async (model, real) => restore(model, real),
  (model) => model.removedService !== undefined,
);

function restore(model: Model, real: MonitorWorld): void {
  const { removedService } = model;
  if (removedService === undefined) return;
  real.change((state) => ({ ...state, services: [removedService] }));
  model.removedService = undefined;
}

const FEW: Partial<RunPlan> = { isThresholdPassed: false, hasFewFiles: true };
const FEW_AND_OFF: Partial<RunPlan> = { ...FEW, scaleIn: "off" };
const FORESEEN: Partial<RunPlan> = { isThresholdPassed: false, isThresholdForeseen: true };

/** What a retirement takes when nothing fails: its mark, the tasks that take it over, and the deletion. */
const scaleIn = command("scale in", async (_model, real) => {
  await real.run(CLEAN_RUN_OF_FEW_FILES);
  if (isDeploying()) real.change(completeDeployment);
  await real.run(CLEAN_RUN_OF_FEW_FILES);
});

const retireAndTakeBack = command("retire and take back", async (_model, real) => {
  await real.run(CLEAN_RUN_OF_FEW_FILES);
  await real.run({ ...CLEAN_RUN, isThresholdPassed: false });
});

/**
 * A run takes each fact from two sources, and here at most one of them is stale at a time. What happens when both are is
 * shown by tests of their own, below.
 */
const runPlan: fc.Arbitrary<RunPlan> = fc
  .record({
    load: fc.constantFrom<Partial<RunPlan>>({}, { isThresholdPassed: false }, FEW, FEW, FEW_AND_OFF, FORESEEN),
    faults: fc.array(fc.tuple(fc.nat(24), fc.constantFrom(...FAULTS)), { maxLength: 4 }),
    stale: fc.option(
      fc.record({ reads: fc.constantFrom(...READS).map((read) => [read]), changes: fc.integer({ min: 1, max: 8 }) }),
      { nil: undefined },
    ),
    maxAttempts: fc.constantFrom(1, 1, 1, 2),
  })
  .map(({ load, ...plan }) => ({ isThresholdPassed: true, ...load, ...plan, faults: new Map(plan.faults) }))
  // Without the history of deployments, a service that is seen late is deployed twice.
  .map((plan) => (plan.stale?.reads.includes("DescribeServices") ? { ...plan, faults: new Map() } : plan));

const label = (name: string, detail: unknown) => `${name} ${fc.stringify(detail)}`;

const oneRun = runPlan.map((plan) => command(label("run", plan), async (_model, real) => void (await real.run(plan))));

const overlappingRuns = fc
  .record({
    // No run of one setting overlaps a run of another: the function is not changed while it runs.
    plans: fc.array(
      runPlan.map(({ scaleIn: _, ...plan }) => plan),
      { minLength: 2, maxLength: 3 },
    ),
    choices: fc.array(fc.nat(5), { minLength: 1, maxLength: 30 }),
    meanwhile: fc.constantFrom<[string, Change]>(
      ["nothing", (state) => state],
      ["delete a mount target", deleteMountTarget(0)],
      ["break the table", writeTable("{")],
      [
        "complete the deployment",
        (state, environment) => (isDeploying() ? completeDeployment(state, environment) : state),
      ],
    ),
  })
  .map(({ plans, choices, meanwhile: [name, change] }) =>
    command(label(`runs together, meanwhile ${name}`, plans), (_model, real) =>
      real.runTogether(plans, choices, () => real.change(change)),
    ),
  );

const commands = fc.commands(
  [
    oneRun,
    oneRun,
    oneRun,
    overlappingRuns,
    overlappingRuns,
    fc.nat(5).map((nth) => byHand(`delete mount target ${nth}`, deleteMountTarget(nth))),
    fc.nat(5).map((nth) => byHand(`create mount target ${nth}`, createMountTarget(nth))),
    fc.nat(5).map((nth) => byHand(`create mount target ${nth} of somebody else`, createMountTarget(nth, []))),
    fc.constant(scaleIn),
    fc.constant(scaleIn),
    fc.constant(retireAndTakeBack),
    fc.constantFrom<Alarm["stateValue"]>("ALARM", "OK").map((state) => byHand(`alarm ${state}`, setAlarm(state))),
    fc.nat(5).map((nth) => byHand(`update mount target ${nth}`, setMountTarget(nth, "updating"))),
    fc.nat(5).map((nth) => byHand(`end the update of mount target ${nth}`, setMountTarget(nth, "available"))),
    fc.nat(5).map((nth) =>
      byHand(
        `empty subnet ${nth}`,
        changeSubnet(nth, (one) => ({ ...one, addresses: [] })),
      ),
    ),
    fc.nat(5).map((nth) =>
      byHand(
        `fill subnet ${nth}`,
        changeSubnet(nth, (one) => ({ ...one, addresses: [`10.1.${nth}.4`] })),
      ),
    ),
    fc.constantFrom(...TABLES_BY_HAND).map((table) => byHand(`write the table ${table}`, writeTable(table))),
    fc.constant(byHand("delete the table", (state) => ({ ...state, parameters: [] }))),
    fc.constant(removeService),
    fc.constant(restoreService),
    fc.constant(byHand("deploy the service", deploy)),
    fc.constant(byHand("complete the deployment", completeDeployment, isDeploying)),
    fc.constant(byHand("fail the deployment", failDeployment, isDeploying)),
    fc.boolean().map((breaks) =>
      command(breaks ? "break new mount targets" : "mend new mount targets", async (_model, real) => {
        real.breaksMountTargets = breaks;
      }),
    ),
  ],
  { maxCommands: 10 },
);

const zone = fc.constantFrom("a", "b", "c", "d");
const scenario = fc
  .record({
    zones: fc.array(zone, { minLength: 3, maxLength: 6 }),
    unsupported: fc.constantFrom<string[]>([], [], ["b"], ["c"]),
    occupied: fc.subarray(["a", "b", "c", "d"], { minLength: 1, maxLength: 2 }),
    maxMountTargets: fc.constantFrom(undefined, 1, 2, 3),
  })
  .map(({ unsupported, ...rest }) => ({
    ...rest,
    unsupported: unsupported.filter((one) => !rest.occupied.includes(one)),
  }));

/** More changes than a scenario has: back to how it began. */
const LONG_AGO = 1_000;

function staleRun(...reads: Read[]): RunPlan {
  return { ...CLEAN_RUN, stale: { reads, changes: LONG_AGO } };
}

describe("a limit of two, and a second mount target that is not seen yet", () => {
  beforeEach(async () => {
    world.reset({ zones: ["a", "b", "c"], occupied: ["a"], maxMountTargets: 2 });
    // Not in b, where EFS itself would refuse the next one.
    world.change(createMountTarget(1));
    await expect.poll(() => world.state.mountTargets[1]?.lifeCycleState).toBe("available");
  });

  test.each<Read[]>([["DescribeMountTargets"], ["DescribeFileSystems"]])("%s alone can't pass it", async (...reads) => {
    await world.run(staleRun(...reads));
    expect(world.state.mountTargets).toHaveLength(2);
  });

  test("only with both sources stale is it passed, by one: nothing in AWS could refuse that", async () => {
    await world.run(staleRun("DescribeMountTargets", "DescribeFileSystems"));
    expect(world.violations).toEqual(["mount target 3 of 2 created"]);
  });
});

test("a deletion that a run has begun, and did not come to, is not finished once routers use the mount target again", async () => {
  world.reset({ zones: ["a", "b"], occupied: ["a"], maxMountTargets: undefined });
  const settle = () => world.change(completeDeployment);
  await world.run(CLEAN_RUN);
  settle();
  await world.run(CLEAN_RUN_OF_FEW_FILES);
  settle();
  await world.run({ ...CLEAN_RUN_OF_FEW_FILES, deathBefore: "DeleteMountTarget" });
  await world.run({ ...CLEAN_RUN_OF_FEW_FILES, scaleIn: "off" });
  await world.run(CLEAN_RUN_OF_FEW_FILES);
  expect(world.violations).toEqual([]);
  expect(world.state.mountTargets).toHaveLength(2);
});

describe("a deployment that is not seen yet", () => {
  beforeEach(async () => {
    world.reset({ zones: ["a", "b"], occupied: ["a"], maxMountTargets: undefined });
    expect(await world.run(CLEAN_RUN)).toMatchObject({ statusCode: 200, deployed: true });
  });

  test.each<Read[]>([["DescribeServices"], ["ListServiceDeployments"], ["GetParameter"]])(
    "is not repeated while only %s is stale",
    async (...reads) => {
      await world.run(staleRun(...reads));
      expect(world.state.services[0]?.serviceDeployments).toHaveLength(2);
    },
  );

  test("is repeated once where service and history are both stale", async () => {
    await world.run(staleRun("DescribeServices", "ListServiceDeployments"));
    expect(world.violations).toEqual(["deployment 2 of one table, with 1 runs in flight"]);
  });
});

test("breaks nothing at any time, and three clean runs later all agrees", { timeout: 900_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(scenario, commands, async ({ unsupported, ...account }, plan) => {
      world.reset(account);
      world.change((state) => ({
        ...state,
        subnets: state.subnets.map((one) => ({ ...one, supportsEfs: !unsupported.includes(one.availabilityZone) })),
      }));
      const model: Model = { removedService: undefined };
      await fc.asyncModelRun(() => ({ model, real: world }), plan);

      restore(model, world);
      world.breaksMountTargets = false;
      await agree();
    }),
    { numRuns: rounds(15, 150), seed, endOnFailure: true },
  );
  expect(world.counts["mount targets created"]).toBeGreaterThan(5);
  expect(world.counts.deployments).toBeGreaterThan(5);
});

test("of few files, all that may go goes, one after the other, whatever fails on the way", {
  timeout: 300_000,
}, async () => {
  const faultyRun = fc
    .array(fc.tuple(fc.nat(24), fc.constantFrom(...FAULTS)), { minLength: 1, maxLength: 3 })
    .map((faults): RunPlan => ({ ...CLEAN_RUN_OF_FEW_FILES, faults: new Map(faults) }));
  await fc.assert(
    fc.asyncProperty(fc.array(faultyRun, { maxLength: 6 }), async (plans) => {
      world.reset({ zones: ["a", "b", "c", "d"], occupied: ["a", "b"], maxMountTargets: undefined });
      const first = world.state.mountTargets;
      const settle = () => void (isDeploying() && world.change(completeDeployment));
      for (let run = 0; run < 2; run++) {
        await world.run(CLEAN_RUN);
        settle();
      }
      expect(world.state.mountTargets).toHaveLength(4);
      for (const plan of plans) {
        await world.run(plan);
        settle();
      }
      for (let run = 0; run < 5; run++) {
        await world.run(CLEAN_RUN_OF_FEW_FILES);
        settle();
      }
      expect(world.violations).toEqual([]);
      expect(disagreementsOf(world.state)).toEqual([]);
      expect(world.state.mountTargets).toEqual(first);
    }),
    { numRuns: rounds(10, 100), seed, endOnFailure: true },
  );
  expect(world.counts["mount targets deleted"]).toBeGreaterThan(5);
});

test("ahead of time one mount target comes, and no second one before the threshold is passed, whatever fails on the way", {
  timeout: 300_000,
}, async () => {
  const faultyRun = fc
    .array(fc.tuple(fc.nat(24), fc.constantFrom(...FAULTS)), { maxLength: 3 })
    .map((faults): RunPlan => ({ ...CLEAN_RUN_WITH_FORESIGHT, faults: new Map(faults) }));
  const together = fc.record({
    plans: fc.array(faultyRun, { minLength: 1, maxLength: 3 }),
    choices: fc.array(fc.nat(5), { minLength: 1, maxLength: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(together, { maxLength: 4 }), async (steps) => {
      world.reset({ zones: ["a", "b", "c", "d"], occupied: ["a", "b"], maxMountTargets: undefined });
      for (const { plans, choices } of steps) await world.runTogether(plans, choices, () => {});
      await world.run(CLEAN_RUN_WITH_FORESIGHT);
      expect(world.violations).toEqual([]);
      const ahead = world.state.mountTargets.length;
      // Where a run died after it had written down what it was about to do, the threshold itself has to be passed.
      if (steps.length === 0) expect(ahead).toBe(3);
      expect(ahead).toBeLessThanOrEqual(3);
      await agree();
      expect(world.state.mountTargets).toHaveLength(4);
    }),
    { numRuns: rounds(10, 100), seed, endOnFailure: true },
  );
  expect(world.counts["mount targets created ahead of time"]).toBeGreaterThan(5);
});

/** Clean runs until all agrees, which must be by the third; from then on a run that adds nothing changes nothing. */
async function agree(): Promise<void> {
  let disagreements: string[] = [];
  for (let run = 1; run <= 3; run++) {
    await world.run(CLEAN_RUN);
    disagreements = disagreementsOf(world.state);
    if (disagreements.length > 0) mostRunsToAgree = Math.max(mostRunsToAgree, run + 1);
  }
  violations += disagreements.length + world.violations.length;
  expect(disagreements).toEqual([]);
  expect(world.violations).toEqual([]);
  const before = world.state;
  const { created } = await world.run({ ...CLEAN_RUN, isThresholdPassed: false });
  expect(created ?? null).toBeNull();
  expect(world.state).toBe(before);
}
