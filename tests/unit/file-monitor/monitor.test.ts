import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { describe, expect, test } from "vitest";
import { type Fault, MemoryAws } from "../../support/memory-aws.ts";
import { useMonitor } from "../../support/monitor-run.ts";

const run = useMonitor();

/**
 * Two subnets in the Availability Zone a, one each in b and c; a mount target in a; a table that says so, and a
 * service deployed since.
 */
function createAws(): MemoryAws {
  const aws = new MemoryAws();
  aws.subnets = ["a", "a", "b", "c"].map((availabilityZone, index) => ({
    subnetId: `subnet-${index}`,
    availabilityZone,
  }));
  aws.addMountTarget(aws.subnetIn("a"));
  aws.publish();
  aws.deploy();
  return aws;
}

function publishedZones(aws: MemoryAws): string[] {
  const table = parseMountTable(aws.parameter?.value ?? "");
  return table.mount_targets.map((target) => target.availability_zone).sort();
}

const READS_ONLY = new Set([
  "DescribeFileSystems",
  "DescribeMountTargets",
  "DescribeSubnets",
  "DescribeServices",
  "GetParameter",
  "ListServiceDeployments",
]);

function writes(aws: MemoryAws): string[] {
  return aws.calls.filter((operation) => !READS_ONLY.has(operation));
}

const belowThreshold = { environment: { FILE_COUNT_THRESHOLD: "3" } };

describe("past the threshold", () => {
  test("one mount target is added, published and deployed, in this order", async () => {
    const aws = createAws();
    const result = await run(aws);
    expect(result).toMatchObject({
      statusCode: 200,
      message: "Mount target fsmt-00000002 added in b",
      created: { availabilityZone: "b", state: "available" },
      availabilityZonesLeft: 1,
      creationFailed: false,
      tableUpdated: true,
      deployed: true,
    });
    expect(writes(aws)).toEqual(["CreateMountTarget", "PutParameter", "UpdateService"]);
    expect(publishedZones(aws)).toEqual(["a", "b"]);
  });

  test("run after run, until no Availability Zone is left", async () => {
    const aws = createAws();
    await run(aws);
    await run(aws);
    expect(publishedZones(aws)).toEqual(["a", "b", "c"]);
    const result = await run(aws);
    expect(result).toMatchObject({ statusCode: 200, message: "No action needed", availabilityZonesLeft: 0 });
    expect(result.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
  });

  test("one that is being created is waited for", async () => {
    const aws = createAws();
    aws.addMountTarget(aws.subnetIn("c"), "creating");
    expect(await run(aws)).toMatchObject({ statusCode: 200, created: { availabilityZone: "c" } });
    expect(writes(aws)).toEqual(["PutParameter", "UpdateService"]);
  });

  test("a subnet that was deleted gives way to the next of its Availability Zone", async () => {
    const aws = createAws();
    aws.subnets.unshift({ subnetId: "subnet-1b", availabilityZone: "b", refusal: "SubnetNotFound" });
    const result = await run(aws);
    expect(result).toMatchObject({ statusCode: 200, created: { subnetId: "subnet-2" } });
    expect(writes(aws)).toEqual(["CreateMountTarget", "CreateMountTarget", "PutParameter", "UpdateService"]);
  });

  test("an Availability Zone that EFS does not support gives way to the next", async () => {
    const aws = createAws();
    aws.subnetIn("b").refusal = "UnsupportedAvailabilityZone";
    expect(await run(aws)).toMatchObject({ statusCode: 200, created: { availabilityZone: "c" } });
  });

  test("when no subnet can take it, the run fails and says why of each", async () => {
    const aws = createAws();
    aws.subnetIn("b").refusal = "NoFreeAddressesInSubnet";
    aws.subnetIn("c").refusal = "UnsupportedAvailabilityZone";
    expect(await run(aws)).toMatchObject({
      statusCode: 500,
      error:
        "No subnet can take a mount target: subnet-2: NoFreeAddressesInSubnet, subnet-3: UnsupportedAvailabilityZone",
      creationFailed: true,
      tableUpdated: false,
      deployed: false,
    });
  });

  test.each([
    "IncorrectFileSystemLifeCycleState",
    "NetworkInterfaceLimitExceeded",
    "SecurityGroupLimitExceeded",
    "SecurityGroupNotFound",
    "BadRequest",
  ])("%s fails the run at once: no other subnet would do better", async (refusal) => {
    const aws = createAws();
    aws.subnetIn("b").refusal = refusal;
    expect(await run(aws)).toMatchObject({ statusCode: 500, error: expect.stringContaining(refusal) });
    expect(writes(aws)).toEqual(["CreateMountTarget"]);
  });

  test("one that is not available in time fails the run, and the next run waits on", async () => {
    const aws = createAws();
    aws.timesCreating = Number.POSITIVE_INFINITY;
    const impatient = { environment: { MOUNT_TARGET_TIMEOUT_SECONDS: "0.01" } };
    expect(await run(aws, impatient)).toMatchObject({ statusCode: 500, creationFailed: true, tableUpdated: false });
    for (const target of aws.mountTargets) target.timesCreating = 1;
    expect(await run(aws)).toMatchObject({ statusCode: 200, created: { availabilityZone: "b" }, deployed: true });
    expect(aws.mountTargets).toHaveLength(2);
  });

  test("one that ends in an error fails the run and is not published", async () => {
    const aws = createAws();
    aws.addMountTarget(aws.subnetIn("b"), "creating").timesCreating = Number.POSITIVE_INFINITY;
    const running = run(aws);
    await expect.poll(() => aws.calls.filter((call) => call === "DescribeMountTargets").length).toBeGreaterThan(1);
    for (const target of aws.mountTargets.slice(1)) target.state = "error";
    expect(await running).toMatchObject({ statusCode: 500, error: "fsmt-00000002 is error", tableUpdated: false });
    expect(publishedZones(aws)).toEqual(["a"]);
  });

  test("when another run creates the same one first, both wait for it", async () => {
    const aws = createAws();
    aws.timesCreating = 5;
    const results = await Promise.all([run(aws), run(aws)]);
    expect(results).toMatchObject([{ statusCode: 200 }, { statusCode: 200 }]);
    expect(aws.mountTargets.map(({ availabilityZone }) => availabilityZone)).toEqual(["a", "b"]);
  });

  test("a creation whose answer is lost is found again, not repeated", async () => {
    const aws = createAws();
    const create = await callNumber("CreateMountTarget");
    const result = await run(aws, { faults: new Map([[create, "lost answer"]]), maxAttempts: 2 });
    expect(result).toMatchObject({ statusCode: 200, created: { availabilityZone: "b" } });
    expect(aws.mountTargets).toHaveLength(2);
  });

  test("a One Zone file system can't have another", async () => {
    const aws = createAws();
    aws.oneZone = "a";
    const result = await run(aws);
    expect(result).toMatchObject({ statusCode: 200, message: "No action needed", availabilityZonesLeft: 0 });
    expect(result.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
  });

  test("no more than MAX_MOUNT_TARGETS", async () => {
    const aws = createAws();
    const limited = { environment: { MAX_MOUNT_TARGETS: "1" } };
    expect(await run(aws, limited)).toMatchObject({ statusCode: 200, message: "No action needed", created: null });
  });

  test("the deadline of the run bounds the wait, and leaves time to publish", async () => {
    const aws = createAws();
    aws.timesCreating = Number.POSITIVE_INFINITY;
    aws.parameter = undefined;
    const patient = { environment: { MOUNT_TARGET_TIMEOUT_SECONDS: "900" }, time: 4_000 };
    expect(await run(aws, patient)).toMatchObject({ statusCode: 500, creationFailed: true, tableUpdated: true });
  });
});

/** Which call of a run past the threshold is the first of an operation, counted from 0. */
async function callNumber(operation: string): Promise<number> {
  const aws = createAws();
  await run(aws);
  return aws.calls.indexOf(operation);
}

describe("below the threshold", () => {
  test("nothing is written where all is right", async () => {
    const aws = createAws();
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, message: "No action needed" });
    expect(writes(aws)).toEqual([]);
  });

  test.each([
    ["missing", undefined],
    ["broken", "{"],
    ["of another form", '{"mount_targets":[{"id":1}]}'],
  ])("a table that is %s is written anew, with a warning", async (_, value) => {
    const aws = createAws();
    aws.parameter = value === undefined ? undefined : { value, type: "String", lastModified: aws.clock };
    const result = await run(aws, belowThreshold);
    expect(result).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: true });
    expect(result.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
    expect(publishedZones(aws)).toEqual(["a"]);
  });

  test("a mount target that was deleted leaves the table", async () => {
    const aws = createAws();
    aws.addMountTarget(aws.subnetIn("b"));
    aws.publish();
    aws.mountTargets.shift();
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: true });
    expect(publishedZones(aws)).toEqual(["b"]);
  });

  test("a table of the same content but other spacing is left as it is", async () => {
    const aws = createAws();
    const value = JSON.stringify(JSON.parse(aws.parameter?.value ?? ""), null, 2);
    aws.parameter = { value, type: "String", lastModified: aws.clock - 10_000 };
    expect(await run(aws, belowThreshold)).toMatchObject({ tableUpdated: false, deployed: false });
    expect(aws.parameter.value).toBe(value);
  });

  test("a SecureString stays one, under its key", async () => {
    const aws = createAws();
    aws.publish("SecureString");
    aws.addMountTarget(aws.subnetIn("b"));
    await run(aws, { environment: { FILE_COUNT_THRESHOLD: "3", SSM_KMS_KEY_ID: "alias/table" } });
    expect(aws.parameter).toMatchObject({ type: "SecureString", keyId: "alias/table" });
  });

  test("without an available mount target the table stays as it is", async () => {
    const aws = createAws();
    for (const target of aws.mountTargets) target.state = "deleting";
    expect(await run(aws, belowThreshold)).toMatchObject({
      statusCode: 500,
      error: "fs-0123abcd has no available mount target; the mount table is left as it is",
    });
    expect(writes(aws)).toEqual([]);
  });

  test("a deployment that a dead run did not start is started", async () => {
    const aws = createAws();
    aws.publish();
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: false, deployed: true });
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: false, deployed: false });
  });

  test("routers that read the table themselves are not deployed, nor looked at", async () => {
    const aws = createAws();
    aws.parameter = undefined;
    const hotReload = { environment: { FILE_COUNT_THRESHOLD: "3", ROLLOUT: "hot-reload" } };
    expect(await run(aws, hotReload)).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: false });
    expect(aws.calls).not.toContain("DescribeServices");
  });

  test.each([
    ["does not exist", undefined],
    ["is INACTIVE", { status: "INACTIVE", deployments: [] }],
    ["is DRAINING", { status: "DRAINING", deployments: [] }],
  ])("a service that %s is an error, after the table is put right", async (state, service) => {
    const aws = createAws();
    aws.service = service;
    aws.parameter = undefined;
    expect(await run(aws, belowThreshold)).toMatchObject({
      statusCode: 500,
      error: `The service router of the cluster cluster ${state}`,
      tableUpdated: true,
    });
  });
});

describe("a deployment that failed", () => {
  const published = () => {
    const aws = createAws();
    aws.publish();
    return aws;
  };
  /** As ECS leaves a service whose tasks fail to start, with what served before. */
  const failed = (aws: MemoryAws) =>
    aws.service?.deployments.push(
      { createdAt: ++aws.clock, status: "ROLLBACK_FAILED" },
      { createdAt: ++aws.clock, rolloutState: "FAILED" },
    );

  async function refusingToListDeployments() {
    const aws = published();
    await run(aws, belowThreshold);
    return new Map([[aws.calls.indexOf("ListServiceDeployments"), "refused" as const]]);
  }

  test("and whose rollback failed is tried again, three times in all, and then is an error of every run", async () => {
    const aws = published();
    for (const failures of [1, 2]) {
      failed(aws);
      const result = await run(aws, belowThreshold);
      expect(result).toMatchObject({ statusCode: 200, deployed: true });
      expect(result.log).toContainEqual(
        expect.objectContaining({ level: "WARN", fields: expect.objectContaining({ failedDeployments: failures }) }),
      );
      aws.service?.deployments.pop();
    }
    failed(aws);
    for (let again = 0; again < 3; again++) {
      const result = await run(aws, belowThreshold);
      expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("3 deployments") });
      expect(result.log).toContainEqual(expect.objectContaining({ level: "ERROR" }));
    }
    expect(writes(aws)).toEqual(["UpdateService", "UpdateService"]);
  });

  test("and was rolled back is not repeated: the rollback's tasks have read the table", async () => {
    const aws = published();
    aws.service?.deployments.push({ createdAt: ++aws.clock, status: "ROLLBACK_SUCCESSFUL" });
    aws.service?.deployments.push({ createdAt: ++aws.clock, rolloutState: "COMPLETED" });
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, deployed: false });
  });

  test("gets its tries anew with a new table", async () => {
    const aws = published();
    for (let times = 0; times < 3; times++) failed(aws);
    aws.addMountTarget(aws.subnetIn("b"));
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, tableUpdated: true, deployed: true });
  });

  test("of somebody else, after the table's own succeeded, is left to them", async () => {
    const aws = published();
    aws.service?.deployments.push({ createdAt: ++aws.clock, status: "SUCCESSFUL" });
    failed(aws);
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, deployed: false });
  });

  test("is not repeated where nobody says how often it was", async () => {
    const aws = published();
    failed(aws);
    const faults = await refusingToListDeployments();
    const result = await run(aws, { ...belowThreshold, faults });
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("ListServiceDeployments failed") });
    expect(writes(aws)).toEqual([]);
  });

  test("but a table without any gets its deployment, with a warning", async () => {
    const aws = published();
    const result = await run(aws, { ...belowThreshold, faults: await refusingToListDeployments() });
    expect(result).toMatchObject({ statusCode: 200, deployed: true });
    expect(result.log).toContainEqual(
      expect.objectContaining({ level: "WARN", message: expect.stringContaining("can't be listed") }),
    );
  });
});

describe("a failing call", () => {
  test.each<Fault>(["refused", "lost answer"])("is named in the error, when it is %s", async (fault) => {
    const aws = createAws();
    const put = await callNumber("PutParameter");
    const result = await run(aws, { faults: new Map([[put, fault]]) });
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("PutParameter failed") });
    expect(aws.calls).not.toContain("UpdateService");
  });

  test("a deployment whose answer was lost is not started twice", async () => {
    const aws = createAws();
    const update = await callNumber("UpdateService");
    const result = await run(aws, { faults: new Map([[update, "lost answer"]]), maxAttempts: 3 });
    expect(result).toMatchObject({ statusCode: 500 });
    expect(await run(aws, belowThreshold)).toMatchObject({ statusCode: 200, deployed: false });
    expect(writes(aws).filter((operation) => operation === "UpdateService")).toHaveLength(1);
  });

  test("all pages are read", async () => {
    const aws = createAws();
    aws.subnets = Array.from("abcdefg", (zone, index) => ({ subnetId: `subnet-${index}`, availabilityZone: zone }));
    for (const subnet of aws.subnets.slice(1, 6)) aws.addMountTarget(subnet);
    expect(await run(aws)).toMatchObject({ statusCode: 200, created: { availabilityZone: "g" } });
    expect(publishedZones(aws)).toEqual([..."abcdefg"]);
  });
});

describe("a count", () => {
  test("of a missing directory fails the run, and nothing is called", async () => {
    const aws = createAws();
    const result = await run(aws, { environment: { TARGET_DIRECTORY: "/missing" } });
    expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("ENOENT") });
    expect(aws.calls).toEqual([]);
  });

  test("that ran out of time decides if it is past the threshold already, and only then", async () => {
    const slow = {
      EFS_MOUNT_PATH: process.cwd(),
      TARGET_DIRECTORY: "/node_modules",
      COUNT_CONCURRENCY: "1",
      COUNT_TIME_BUDGET_SECONDS: "0.05",
    };
    const past = await run(createAws(), { environment: { ...slow, FILE_COUNT_THRESHOLD: "0" } });
    expect(past).toMatchObject({ countComplete: false, thresholdPassed: true, created: { availabilityZone: "b" } });

    const below = await run(createAws(), { environment: { ...slow, FILE_COUNT_THRESHOLD: "1000000000" } });
    expect(below).toMatchObject({ countComplete: false, message: "No action needed", created: null });
    expect(below.log).toContainEqual(expect.objectContaining({ level: "WARN" }));
  });

  test("that had to skip something says what, in the result and in the log", async () => {
    const directory = mkdtempSync(join(tmpdir(), "monitor-skips-"));
    const name = "n".repeat(250);
    spawnSync("sh", ["-c", `cd "${directory}"; for i in $(seq 20); do touch file; mkdir ${name}; cd ${name}; done`]);
    const result = await run(createAws(), { environment: { EFS_MOUNT_PATH: directory } });
    spawnSync("rm", ["-rf", directory]);
    const skipped = {
      count: 1,
      examples: [{ path: expect.stringMatching(/^\/n+\/.*n$/), code: "ENAMETOOLONG" }],
    };
    expect(result).toMatchObject({ statusCode: 200, countComplete: true, skipped });
    expect(result.log).toContainEqual({
      level: "WARN",
      message: "Not everything could be read and counted",
      fields: { skipped },
    });
  });

  test("names the largest directory as a path inside the file system", async () => {
    const result = await run(createAws());
    expect(result.largestDirectory).toEqual({ path: "/", files: 3 });
  });
});
