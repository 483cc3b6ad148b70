/** The monitor of a standby: its file system is a replica, which it counts and scales like any other. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { FILE_SYSTEM_ID, OSAKA, REGION } from "../../../local/account.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import type { Fault } from "../../../local/control-plane/server.ts";
import type { Replication } from "../../../local/control-plane/state.ts";
import { MonitorAccount } from "../../support/monitor-account.ts";

const MINUTE = 60_000;
const ZONES = ["a", "c", "d"].map((zone) => `ap-northeast-1${zone}`);
const REPLICATION = { REPLICATION: "on" };

let fault: Fault | undefined;
let account: MonitorAccount;

beforeAll(async () => {
  account = await MonitorAccount.start(({ operation }) =>
    operation === "DescribeReplicationConfigurations" ? fault : undefined,
  );
});
beforeEach(() => account.reset({ zones: ZONES, occupied: ZONES.slice(0, 2) }));
afterEach(() => {
  fault = undefined;
});
afterAll(() => account.close());

function replicate(changes: Partial<Replication>): void {
  const replication: Replication = {
    id: "replication",
    source: { region: OSAKA.region, fileSystemId: OSAKA.fileSystemId },
    destination: { region: REGION, fileSystemId: FILE_SYSTEM_ID },
    creationTime: new Date(0),
    status: "ENABLED",
    ...changes,
  };
  account.change((state) => ({ ...state, replications: [replication] }));
}

test("the replica is counted, mount targets are added to it, and the run says how old it is", async () => {
  replicate({ lastReplicatedTimestamp: new Date(Date.now() - 7 * MINUTE) });
  const result = await account.run({ environment: REPLICATION });
  expect(result).toMatchObject({ statusCode: 200, fileCount: 3, tableUpdated: true, deployed: true });
  expect(result.mountTargets?.filter(({ state }) => state === "available")).toHaveLength(3);
  expect(result.replicaLag).toBeGreaterThanOrEqual(7 * MINUTE);
  expect(result.replicaLag).toBeLessThan(8 * MINUTE);
});

test("nothing is said of a replica that was never complete, or is none", async () => {
  expect((await account.run({ environment: REPLICATION })).replicaLag).toBeUndefined();
  replicate({});
  const { replicaLag, log } = await account.run({ environment: REPLICATION });
  expect([replicaLag, log.filter(({ message }) => message.includes("replica"))]).toEqual([undefined, []]);
});

test("a region of its own asks for no replication", async () => {
  replicate({ lastReplicatedTimestamp: new Date() });
  expect((await account.run()).replicaLag).toBeUndefined();
  expect(account.calls.map(({ operation }) => operation)).not.toContain("DescribeReplicationConfigurations");
});

test("that it cannot be read fails no run", async () => {
  replicate({ lastReplicatedTimestamp: new Date() });
  fault = { takesEffect: false, response: new AwsError("InternalServerError", 500, "The service is broken") };
  const { statusCode, replicaLag, log } = await account.run({ environment: REPLICATION });
  expect([statusCode, replicaLag]).toEqual([200, undefined]);
  expect(log.find(({ level }) => level === "WARN")?.message).toBe("How old the replica is cannot be read");
});
