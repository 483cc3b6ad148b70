import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sweepMountTargets } from "../../components/mount-target-sweeper.ts";
import { ACCOUNT_ID, createAccount, FILE_SYSTEM_ID, REGION, SECURITY_GROUP_ID, SUBNETS } from "../../local/account.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import type { Call, ControlPlane, Fault } from "../../local/control-plane/server.ts";
import { startControlPlane } from "../../local/control-plane/server.ts";
import type { LifeCycleState, MountTarget } from "../../local/control-plane/state.ts";
import { stubAws } from "../support/aws-environment.ts";

const INTERVAL = 0.01;

let controlPlane: ControlPlane;
let calls: string[];
let fault: (call: Call) => Fault | undefined;

beforeEach(() => {
  calls = [];
  fault = () => undefined;
  return start({ mountTargetDeletionDelay: 50 });
});

async function start({ mountTargetDeletionDelay }: { mountTargetDeletionDelay: number }): Promise<void> {
  controlPlane = await startControlPlane({
    state: createAccount(new Date()),
    mountTargetDeletionDelay,
    mountTargetCreationDelay: 50,
    maxPageSize: 1,
    onCall: (call) => {
      calls.push(call.operation);
      return fault(call);
    },
  });
  stubAws(controlPlane.url);
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await controlPlane.close();
});

const sweep = (ownMountTargetIds: readonly string[], timeoutSeconds = 5) =>
  sweepMountTargets({ fileSystemId: FILE_SYSTEM_ID, ownMountTargetIds, region: REGION }, timeoutSeconds, INTERVAL);

function addMountTargets(...states: LifeCycleState[]): string[] {
  const targets = states.map((lifeCycleState, index): MountTarget => {
    const subnet = SUBNETS[index];
    if (subnet === undefined) throw new Error("There are only three subnets");
    return {
      mountTargetId: `fsmt-${index}`,
      fileSystemId: FILE_SYSTEM_ID,
      subnetId: subnet.subnetId,
      vpcId: subnet.vpcId,
      availabilityZoneId: subnet.availabilityZoneId,
      availabilityZoneName: subnet.availabilityZone,
      ipAddress: subnet.addresses[0] ?? "",
      networkInterfaceId: `eni-${index}`,
      securityGroups: [],
      lifeCycleState,
    };
  });
  controlPlane.update((state) => ({ ...state, mountTargets: targets }));
  return targets.map(({ mountTargetId }) => mountTargetId);
}

const left = () => controlPlane.state().mountTargets.map(({ mountTargetId }) => mountTargetId);

test("removes the mount targets that are not the stack's, page by page, and waits until they are gone", async () => {
  const [own = ""] = addMountTargets("available", "available", "available");
  await sweep([own]);
  expect(left()).toEqual([own]);
  expect(calls.filter((operation) => operation === "DeleteMountTarget")).toHaveLength(2);
});

test("does nothing where there is nothing to sweep", async () => {
  const own = addMountTargets("available", "available");
  await sweep(own);
  expect(left()).toEqual(own);
  expect(calls).not.toContain("DeleteMountTarget");
});

test("waits for one that is still being created, and then removes it", async () => {
  const [own = ""] = addMountTargets("available", "creating");
  await sweep([own]);
  expect(left()).toEqual([own]);
});

test("leaves alone what others made of an existing file system, also after the last pulumi up", async () => {
  const [adopted = "", later = "", ofMonitor = ""] = addMountTargets("available", "available", "available");
  controlPlane.update((state) => ({
    ...state,
    mountTargets: state.mountTargets.map((target) => ({
      ...target,
      securityGroups: [target.mountTargetId === ofMonitor ? SECURITY_GROUP_ID : "sg-of-others"],
    })),
  }));
  const own = { fileSystemId: FILE_SYSTEM_ID, ownMountTargetIds: [adopted], region: REGION };
  await sweepMountTargets({ ...own, securityGroupId: SECURITY_GROUP_ID }, 5, INTERVAL);
  expect(left()).toEqual([adopted, later]);
});

describe("where only those with the monitor's security group are swept", () => {
  const sweepGroup = (timeoutSeconds = 5) =>
    sweepMountTargets(
      { fileSystemId: FILE_SYSTEM_ID, ownMountTargetIds: [], securityGroupId: SECURITY_GROUP_ID, region: REGION },
      timeoutSeconds,
      INTERVAL,
    );
  const giveGroups = (...groups: string[]) =>
    controlPlane.update((state) => ({
      ...state,
      mountTargets: state.mountTargets.map((target, index) => ({ ...target, securityGroups: [groups[index] ?? ""] })),
    }));

  test("waits for those that are being created, until EFS tells whose they are", async () => {
    const [, ofOthers = ""] = addMountTargets("creating", "creating");
    giveGroups(SECURITY_GROUP_ID, "sg-of-others");
    await sweepGroup();
    expect(left()).toEqual([ofOthers]);
  });

  test("asks again about one that was listed as available, and is not any more", async () => {
    addMountTargets("available", "available");
    giveGroups(SECURITY_GROUP_ID, SECURITY_GROUP_ID);
    let isStale = true;
    fault = ({ operation }) => {
      if (operation !== "DescribeMountTargetSecurityGroups" || !isStale) return undefined;
      isStale = false;
      return { takesEffect: false, response: new AwsError("IncorrectMountTargetState", 409, "It has no interface.") };
    };
    await sweepGroup();
    expect(left()).toEqual([]);
    expect(isStale).toBe(false);
  });

  test("deletes its own, and names one that failed and might be another's", async () => {
    const [, failed = ""] = addMountTargets("available", "error");
    giveGroups(SECURITY_GROUP_ID, SECURITY_GROUP_ID);
    await expect(sweepGroup(0.5)).rejects.toThrow(`EFS does not tell the security groups of ${failed} (error)`);
    expect(left()).toContain(failed);
    expect(calls).toContain("DeleteMountTarget");
  });
});

test("goes on when one vanishes after it was listed", async () => {
  const [first = ""] = addMountTargets("available", "available");
  fault = ({ operation }) => {
    if (operation === "DeleteMountTarget") {
      controlPlane.update((state) => ({
        ...state,
        mountTargets: state.mountTargets.filter(({ mountTargetId }) => mountTargetId !== first),
      }));
    }
    return undefined;
  };
  await sweep([]);
  expect(left()).toEqual([]);
  expect(calls.filter((operation) => operation === "DeleteMountTarget")).toHaveLength(2);
});

test("has nothing to do once the file system is gone", async () => {
  controlPlane.update((state) => ({ ...state, fileSystems: [] }));
  await expect(sweep([])).resolves.toBeUndefined();
});

test("fails when one does not go in time, and names it", async () => {
  await controlPlane.close();
  await start({ mountTargetDeletionDelay: 60_000 });
  addMountTargets("available");
  await expect(sweep([], 0.05)).rejects.toThrow(
    `Mount targets of ${FILE_SYSTEM_ID} are still there after 0.05 seconds: fsmt-0`,
  );
});

test("fails when AWS refuses", async () => {
  addMountTargets("available");
  fault = ({ operation }) =>
    operation === "DeleteMountTarget"
      ? { takesEffect: false, response: new AwsError("AccessDeniedException", 403, `Not in ${ACCOUNT_ID}`) }
      : undefined;
  await expect(sweep([])).rejects.toThrow("Not in");
});
