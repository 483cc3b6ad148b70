import { isDeepStrictEqual } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { endReplication, startReplication } from "../../components/replica.ts";
import { createAccount, OSAKA, TOKYO } from "../../local/account.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import type { ControlPlane } from "../../local/control-plane/server.ts";
import type { Replication } from "../../local/control-plane/state.ts";
import { stubAws } from "../support/aws-environment.ts";
import { type RegionalFault, startTwoRegions, type TwoRegions } from "../support/regional-control-planes.ts";

const INTERVAL = 0.01;
const SOURCE = { fileSystemId: TOKYO.fileSystemId, region: TOKYO.region };
const REPLICA = { fileSystemId: OSAKA.fileSystemId, region: OSAKA.region };

let regions: TwoRegions;
/** What EFS answers to the deletion of a replication; carried out when undefined. */
let refusal: (region: string, mode: "everywhere" | "here") => AwsError | undefined;
/** An operation whose next response is lost. */
let lost: string | undefined;
/** Where deletions were asked for, and which. */
let deletions: string[];

const faultOf: RegionalFault = (region, { operation, input }) => {
  if (operation === lost) {
    lost = undefined;
    return { takesEffect: true, response: "connection-closed" };
  }
  if (operation !== "DeleteReplicationConfiguration") return undefined;
  const mode = JSON.stringify(input).includes("LOCAL_CONFIGURATION_ONLY") ? "here" : "everywhere";
  deletions.push(`${mode} in ${region}`);
  const response = refusal(region, mode);
  return response && { takesEffect: false, response };
};

beforeEach(async () => {
  const now = new Date();
  refusal = () => undefined;
  lost = undefined;
  deletions = [];
  regions = await startTwoRegions([createAccount(now, TOKYO), createAccount(now, OSAKA)], faultOf);
  stubAws(regions.url);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await regions.close();
});

function controlPlaneOf({ region }: { readonly region: string }): ControlPlane {
  const found = regions.controlPlanes.get(region);
  if (found === undefined) throw new Error(`There is no ${region}`);
  return found;
}

const replications = () => [TOKYO, OSAKA].map((region) => controlPlaneOf(region).state().replications.length);

const start = (timeoutSeconds = 5) => startReplication(REPLICA, SOURCE, timeoutSeconds, INTERVAL);
const end = (fileSystem = REPLICA) => endReplication(fileSystem, 5, INTERVAL);

/** As if the stack had served it. */
function use({ region, fileSystemId }: typeof REPLICA): void {
  controlPlaneOf({ region }).update((state) => ({
    ...state,
    mountTargets: [
      {
        mountTargetId: "fsmt-1",
        fileSystemId,
        subnetId: "subnet-1",
        vpcId: "vpc-1",
        availabilityZoneId: "apne3-az1",
        availabilityZoneName: "ap-northeast-3a",
        ipAddress: "10.1.1.1",
        networkInterfaceId: "eni-1",
        securityGroups: [],
        lifeCycleState: "available",
      },
    ],
  }));
}

function unprotect({ region }: typeof REPLICA): void {
  controlPlaneOf({ region }).update((state) => ({
    ...state,
    fileSystems: state.fileSystems.map((one) => ({ ...one, replicationOverwriteProtection: "DISABLED" as const })),
  }));
}

/** What the replica's region says of its replications, whatever happens. */
function keepAll(change: (replication: Replication) => Replication): void {
  const { subscribe, state, update } = controlPlaneOf(OSAKA);
  subscribe(() => {
    const changed = state().replications.map(change);
    if (!isDeepStrictEqual(changed, state().replications)) update((before) => ({ ...before, replications: changed }));
  });
}

describe("a file system that becomes a replica", () => {
  test("has its first copy before anything uses it", async () => {
    await start();
    expect(controlPlaneOf(OSAKA).state().replications).toMatchObject([
      { source: SOURCE, destination: REPLICA, status: "ENABLED", lastReplicatedTimestamp: expect.any(Date) },
    ]);
  });

  test("is one although the response to that is lost, and the SDK asks again", async () => {
    lost = "CreateReplicationConfiguration";
    await start();
    expect(lost).toBeUndefined();
    expect(replications()).toEqual([1, 1]);
  });

  test("is waited for when it is one already", async () => {
    await start();
    await start();
    expect(replications()).toEqual([1, 1]);
  });

  test("loses nothing: a file system that has had clients stays as it is", async () => {
    use(REPLICA);
    await expect(start()).rejects.toThrow(
      `${OSAKA.fileSystemId} has been in use, and would lose all its files to those of ${TOKYO.fileSystemId}. If that is what you want: aws efs update-file-system-protection --region ap-northeast-3 --file-system-id ${OSAKA.fileSystemId} --replication-overwrite-protection DISABLED`,
    );
    expect(replications()).toEqual([0, 0]);
    expect(controlPlaneOf(OSAKA).state().fileSystems[0]?.replicationOverwriteProtection).not.toBe("DISABLED");
  });

  test("may have had clients, when someone has taken its protection away", async () => {
    use(REPLICA);
    unprotect(REPLICA);
    await start();
    expect(replications()).toEqual([1, 1]);
  });

  test("after a takeover is protected: the old primary's files never come back over it", async () => {
    await start();
    use(REPLICA);
    await end();
    await expect(start()).rejects.toThrow("has been in use, and would lose all its files");
  });

  test("cannot be the source of another one at the same time", async () => {
    unprotect(SOURCE);
    await startReplication(SOURCE, REPLICA, 5, INTERVAL);
    await expect(start()).rejects.toThrow(
      `${OSAKA.fileSystemId} cannot replicate ${TOKYO.fileSystemId}: it is in the replication of ${OSAKA.fileSystemId} to ${TOKYO.fileSystemId}`,
    );
  });

  test("is a failure as long as the first copy is not complete, and the copy goes on", async () => {
    keepAll(({ lastReplicatedTimestamp: _, ...rest }) => ({ ...rest, status: "ENABLING" }));
    await expect(start(0.1)).rejects.toThrow(
      "is not complete after 0.1 seconds. It goes on: run pulumi up again later",
    );
    expect(replications()).toEqual([1, 1]);
  });

  test("reports why the replication does not work", async () => {
    keepAll((replication) => ({ ...replication, status: "ERROR", statusMessage: "Lost." }));
    await expect(start()).rejects.toThrow(/is ERROR: Lost\./);
  });
});

describe("a replication that ends with its stack", () => {
  test.each([
    ["the replica", REPLICA],
    ["the source", SOURCE],
  ])("ends in both regions, whichever goes first: %s", async (_, first) => {
    await start();
    await end(first);
    await vi.waitFor(() => expect(replications()).toEqual([0, 0]));
  });

  test("is no failure where there is none, or no file system", async () => {
    await end();
    await end({ fileSystemId: "fs-0b0b0b0b0", region: OSAKA.region });
  });

  test("ends in its own region when the other one is lost", async () => {
    await start();
    await regions.lose(OSAKA.region);
    await end(SOURCE);
    expect(controlPlaneOf(TOKYO).state().replications).toEqual([]);
  });

  test("ends in its own region when the other one is lost, also where it would wait for that one for ever", async () => {
    await start();
    await regions.lose(TOKYO.region);
    await endReplication(REPLICA, 12, INTERVAL);
    expect(controlPlaneOf(OSAKA).state().replications).toEqual([]);
    expect(deletions).toEqual(["everywhere in ap-northeast-3", "here in ap-northeast-3"]);
  });

  test.each([
    ["ReplicationNotFound", 404],
    ["FileSystemNotFound", 404],
    ["BadRequest", 400],
  ])("leaves no half where EFS answers %s to an end in both regions", async (code, status) => {
    await start();
    refusal = (_region, mode) => (mode === "everywhere" ? new AwsError(code, status, "It cannot be done.") : undefined);
    await end(REPLICA);
    expect(controlPlaneOf(OSAKA).state().replications).toEqual([]);
    await end(SOURCE);
    expect(replications()).toEqual([0, 0]);
  });

  test.each(["ThrottlingException", "TooManyRequests"])(
    "is ended in both regions by the next call where EFS asks for fewer calls, by %s",
    async (code) => {
      await start();
      const answers = Array.from({ length: 3 }, () => new AwsError(code, 429, "Rate exceeded"));
      refusal = () => answers.pop();
      await endReplication(REPLICA, 3_600, INTERVAL);
      await vi.waitFor(() => expect(replications()).toEqual([0, 0]));
      expect(deletions).not.toContain("here in ap-northeast-3");
    },
  );

  test("is a failure where it stays, whatever EFS says: its file system cannot be deleted", async () => {
    await start();
    refusal = () => new AwsError("FileSystemNotFound", 404, "It does not exist.");
    await expect(endReplication(SOURCE, 0.2, INTERVAL)).rejects.toThrow("has not ended after 0.2 seconds");
    expect(replications()).toEqual([1, 1]);
  });
});
