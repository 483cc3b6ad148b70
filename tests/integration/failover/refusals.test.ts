/** The failover program against EFS that refuses, does not come to an end, or asks for fewer calls. */
import { setTimeout as sleep } from "node:timers/promises";
import { parseRegionRole, type RegionRole, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { awsWorld } from "../../../failover/aws.ts";
import { type Command, DEFAULT_LIMITS } from "../../../failover/plan.ts";
import { type Clock, runCommand } from "../../../failover/run.ts";
import { createAccount, type Location, OSAKA, TOKYO } from "../../../local/account.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import { changeReplication, efsReplication } from "../../../local/control-plane/efs-replication.ts";
import type { ControlPlane, Fault } from "../../../local/control-plane/server.ts";
import { ssm } from "../../../local/control-plane/ssm.ts";
import { REGION_PARAMETER_NAME } from "../../../local/environments.ts";
import { stubAws } from "../../support/aws-environment.ts";
import { primaryRole, standbyRole } from "../../support/region.ts";
import { startTwoRegions, type TwoRegions } from "../../support/regional-control-planes.ts";

const DAY = 24 * 3_600_000;

/** Routers' leases, by the clock of AWS. What the program does not wait for here has time on a busy machine, too. */
const LIMITS = { ...DEFAULT_LIMITS, lease: 300, margin: 100, deletionTimeout: DAY, lastSyncTimeout: DAY };

/** What the program waits for by its own clock takes so many times less. */
const SPEED = 50;

const FAST: Clock = {
  now: () => Date.now(),
  elapsed: () => SPEED * performance.now(),
  sleep: (milliseconds) => sleep(milliseconds / SPEED),
};

const promote: Command = { name: "promote", side: "standby", otherIsLost: false };
const failback: Command = { name: "failback", side: "home", otherIsLost: false };

let regions: TwoRegions;
let world: ReturnType<typeof awsWorld>;
/** What goes wrong with the next calls; a response that is lost is that of a call that was carried out. */
let faultOf: (region: string, operation: string, mode: "everywhere" | "here") => AwsError | "lost" | undefined;
/** The deletions of replications that were asked for. */
let deletions: ("everywhere" | "here")[];

beforeEach(async () => {
  faultOf = () => undefined;
  deletions = [];
  const now = new Date();
  const accounts = [createAccount(now, TOKYO), createAccount(now, OSAKA)] as const;
  regions = await startTwoRegions(accounts, (region, { operation, input }): Fault | undefined => {
    const mode = JSON.stringify(input).includes("LOCAL_CONFIGURATION_ONLY") ? "here" : "everywhere";
    if (operation === "DeleteReplicationConfiguration") deletions.push(mode);
    const response = faultOf(region, operation, mode);
    if (response === "lost") return { takesEffect: true, response: "connection-closed" };
    return response && { takesEffect: false, response };
  });
  stubAws(regions.url);
  const describe = ({ region, fileSystemId }: Location) => ({
    ...{ region, fileSystemId, endpoint: regions.url },
    ...{ regionParameterName: REGION_PARAMETER_NAME, roleLeaseSeconds: LIMITS.lease / 1_000 },
  });
  world = awsWorld({ home: describe(TOKYO), standby: describe(OSAKA) });
  setRole(TOKYO, primaryRole({ alone: true }));
  setRole(OSAKA, standbyRole({ epoch: 0, alone: true }));
  expect(await run(failback)).toMatchObject({ state: "paired", primary: "home" });
  deletions = [];
});

afterEach(async () => {
  world.close();
  vi.unstubAllEnvs();
  await regions.close();
});

const run = (command: Command) => runCommand({ command, world, limits: LIMITS, pollInterval: 2_000, clock: FAST });

function controlPlaneOf({ region }: Location): ControlPlane {
  const found = regions.controlPlanes.get(region);
  if (found === undefined) throw new Error(`There is no ${region}`);
  return found;
}

function setRole(location: Location, role: RegionRole): void {
  const parameter = { Name: REGION_PARAMETER_NAME, Type: "String", Value: serializeRegionRole(role), Overwrite: true };
  controlPlaneOf(location).run(ssm.PutParameter, parameter);
}

const roleIn = (location: Location) =>
  parseRegionRole(controlPlaneOf(location).state().parameters[0]?.value ?? "").role;
const replicationsIn = (location: Location) => controlPlaneOf(location).state().replications;

function setError(location: Location): void {
  controlPlaneOf(location).update((state) =>
    state.replications.reduce((next, { id }) => changeReplication(next, id, { status: "ERROR" }), state),
  );
}

/** Errors of EFS, DeleteReplicationConfiguration. */
const ANSWERS = {
  BadRequest: new AwsError("BadRequest", 400, "It cannot be done."),
  InternalServerError: new AwsError("InternalServerError", 500, "It cannot be done."),
  ReplicationNotFound: new AwsError("ReplicationNotFound", 404, "There is none."),
  FileSystemNotFound: new AwsError("FileSystemNotFound", 404, "There is none."),
};

describe("a takeover from a region that is lost ends the replication", () => {
  test.each<[string, AwsError | undefined, boolean]>([
    ["does not come to the end", undefined, false],
    ["refuses it", ANSWERS.BadRequest, false],
    ["fails", ANSWERS.InternalServerError, false],
    ["shows an error, and does nothing", ANSWERS.ReplicationNotFound, true],
    ["refuses it, and shows an error", ANSWERS.BadRequest, true],
  ])("in its own region, where EFS %s in both", async (_what, answer, showsError) => {
    await regions.lose(TOKYO.region);
    faultOf = (_region, operation, mode) => {
      if (operation !== "DeleteReplicationConfiguration" || mode === "here") return undefined;
      if (showsError) setError(OSAKA);
      return answer;
    };
    expect(await run(promote)).toMatchObject({ state: "alone", primary: "standby" });
    expect(replicationsIn(OSAKA)).toEqual([]);
    expect(roleIn(OSAKA)).toBe("primary");
    // EFS is asked for both regions first: it may reach the one that the operator does not.
    expect(deletions[0]).toBe("everywhere");
    expect(deletions.at(-1)).toBe("here");
  });
});

describe("a half of a replication that a takeover has left in the old primary's region", () => {
  test.each(Object.entries(ANSWERS))("is ended by failback, where an end in both gets %s", async (_code, answer) => {
    const deletion = { SourceFileSystemId: TOKYO.fileSystemId, deletionMode: "LOCAL_CONFIGURATION_ONLY" };
    controlPlaneOf(OSAKA).run(efsReplication.DeleteReplicationConfiguration, deletion);
    await vi.waitFor(() => expect(replicationsIn(OSAKA)).toEqual([]), { timeout: 60_000 });
    faultOf = (_region, operation, mode) => {
      if (operation !== "DeleteReplicationConfiguration" || mode === "here") return undefined;
      const [tokyo, osaka] = [TOKYO, OSAKA].map((location) => replicationsIn(location)[0]?.id);
      return tokyo === osaka ? undefined : answer;
    };
    expect(await run({ ...promote, otherIsLost: true })).toMatchObject({ state: "alone", primary: "standby" });
    expect(replicationsIn(TOKYO)).toHaveLength(1);
    expect(await run(failback)).toMatchObject({ state: "paired", primary: "home" });
    const [tokyo, osaka] = [TOKYO, OSAKA].map((location) => replicationsIn(location).map(({ id }) => id));
    expect(tokyo).toHaveLength(1);
    expect(tokyo).toEqual(osaka);
  });
});

describe("a planned change ends, although writes are frozen when AWS asks for fewer calls", () => {
  /** As often as the SDK asks for one thing. */
  const TIMES = 5;

  test.each(["DescribeReplicationConfigurations", "PutParameter"])("of %s", async (throttled) => {
    await run({ ...promote, otherIsLost: true });
    let rest = TIMES;
    faultOf = (region, operation) => {
      const isRead = /^(Get|Describe)/.test(operation);
      if (operation !== throttled || (isRead && region !== OSAKA.region) || roleIn(OSAKA) !== "frozen")
        return undefined;
      if (rest === 0) return undefined;
      rest -= 1;
      return new AwsError("ThrottlingException", 429, "Rate exceeded");
    };
    expect(await run(failback)).toMatchObject({ state: "paired", primary: "home" });
    expect(rest).toBe(0);
  });
});

test("a replication whose first response is lost is made once, and the SDK's second call is no failure", async () => {
  await run({ ...promote, otherIsLost: true });
  const lost = new Set([TOKYO.region, OSAKA.region]);
  faultOf = (region, operation) =>
    operation === "CreateReplicationConfiguration" && lost.delete(region) ? "lost" : undefined;
  expect(await run(failback)).toMatchObject({ state: "paired", primary: "home" });
  expect(lost.size).toBe(0);
});
