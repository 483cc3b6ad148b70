/**
 * The stack's whole life in the real Pulumi engine, without AWS: `npm run preview:offline`.
 *
 * A preview of each configuration, then one stack: up, up again, up over what version 0.1 left, a threshold and the
 * routing strategy edited, maintenance and the S3 API on and off, an application that uses its files
 * (`beside-application.ts`), the file system replaced, destroy; the same stack on a file system in use; and two stacks in
 * two regions (`two-regions.ts`). The program runs inline, in this process, so the engine needs no language host. The
 * providers are stand-ins, the backend is a temporary folder, and what the program and its dynamic resources call
 * themselves is the local control plane.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { CommandError, type EngineEvent, type Stack } from "@pulumi/pulumi/automation/index.js";
import { parse } from "yaml";
import { z } from "zod";
import { PROJECT } from "../../config.ts";
import { startControlPlane } from "../../local/control-plane/server.ts";
import { type AwsState, emptyState, type MountTarget } from "../../local/control-plane/state.ts";
import {
  ACCOUNT_ID,
  create,
  EXISTING_SECURITY_GROUP_ID,
  existingMountTargetsOf,
  FILE_SYSTEM_IN_USE,
  REGION,
  ZONE_WITHOUT_SSM,
} from "../infra/aws-stand-in.ts";
import { CONFIGURATIONS } from "../infra/configurations.ts";
import { liveBesideAnApplication } from "./beside-application.ts";
import { EngineMissingError, findEngine } from "./engine.ts";
import { asVersion01, lostResources } from "./former-names.ts";
import { newStack, OFFLINE_ACCOUNT } from "./new-stack.ts";
import { report, type Step, WIDTH, watch } from "./outcome.ts";
import { makeProject } from "./project.ts";
import { liveInTwoRegions } from "./two-regions.ts";

/** The program's keys without the project's name, as text. */
type Values = Readonly<Record<string, string>>;

/** A stack's configuration to begin with. */
const EXAMPLE = "Pulumi.prod.yaml.example";

/** The stack's file system: another performance mode makes another one. */
const fileSystemOf = (performanceMode: string) =>
  create("aws:efs/fileSystem:FileSystem", "file-storage-files", { performanceMode }).id;

const ownMountTargetsOf = (fileSystemId: string) =>
  [1, 2].map(
    (number) => create("aws:efs/mountTarget:MountTarget", `file-storage-mount-target-${number}`, { fileSystemId }).id,
  );

const foreignMountTargetOf = (fileSystemId: string) => fileSystemId.replace("fs-", "fsmt-");

const FILE_SYSTEM_ID = fileSystemOf("generalPurpose");
const NEXT_FILE_SYSTEM_ID = fileSystemOf("maxIO");
const API_TOKEN_SECRET = create("aws:secretsmanager/secret:Secret", "api-token", {});
const S3_ACCESS_KEYS_SECRET = create("aws:secretsmanager/secret:Secret", "s3-access-keys", {});

try {
  await run(await findEngine());
} catch (error) {
  // CI has Go, which builds an engine: a skip there would hide that it no longer can.
  if (error instanceof EngineMissingError && !process.env.CI) console.log(`preview:offline skipped: ${error.message}`);
  else {
    // Not thrown: Pulumi's runtime handles what nobody catches, and the process would end with 0.
    console.error(error);
    process.exitCode = 1;
  }
}

async function run(engine: string): Promise<void> {
  await using project = await makeProject();
  const efs = await startControlPlane({ state: accountAfterScaleOut(), mountTargetDeletionDelay: 100 });
  try {
    process.env.PATH = [project.plugins, engine, process.env.PATH].join(":");
    const account = { AWS_ENDPOINT_URL: efs.url, ...OFFLINE_ACCOUNT };
    // The program looks for mount targets of an existing file system itself.
    Object.assign(process.env, account);
    const stack = await newStack(project, "dev", account);

    await refuses(stack, "bad values", { minTasks: "many", taskCpu: "lots" }, [
      /minTasks = "many": must be/,
      /taskCpu = "lots": must be/,
    ]);
    await refuses(
      stack,
      "two subnets in one zone",
      { vpcId: "vpc-0e0e0e0e", privateSubnetIds: '["subnet-1","subnet-11"]', createVpcEndpoints: "false" },
      [/subnet-1 and subnet-11, both in ap-northeast-1a/],
    );

    await refuses(
      stack,
      "a zone that lacks a service",
      { availabilityZones: `["ap-northeast-1a","${ZONE_WITHOUT_SSM}"]` },
      [/availabilityZones chooses ap-northeast-1b, where AWS has no endpoint service for ssm/],
    );

    const { openExistingMountTargets: _, ...inUse } = CONFIGURATIONS["a file system in use"];
    await refuses(stack, "mount targets that let nobody in", inUse, [
      /The security groups of fsmt-0e0e0e01 \(sg-0e0e0e0e\) do not allow TCP 2049 from 10\.20\.1\.0\/24/,
    ]);
    await refuses(stack, "mount targets in another VPC", { existingFileSystemId: FILE_SYSTEM_IN_USE }, [
      /fsmt-0e0e0e01 in vpc-0e0e0e0e, and a file system has mount targets in one VPC only: set vpcId to vpc-0e0e0e0e/,
    ]);

    const urns: string[] = [];
    for (const [name, values] of Object.entries({ ...CONFIGURATIONS, [EXAMPLE]: await readExample() }))
      urns.push(...(await previews(stack, name, values)));
    assert.deepEqual(lostResources(urns), [], "Every resource of version 0.1 is there, by its name or its former one");

    await stack.setAllConfig({
      [`${PROJECT}:backup`]: { value: "true" },
      [`${PROJECT}:restoreTest`]: { value: "weekly" },
    });
    const previewed = await watch((onEvent) => stack.preview({ onEvent }));
    report("preview", previewed);
    assert.deepEqual(Object.keys(previewed.counts), ["create"], "A preview of a new stack only creates");

    const created = await watch((onEvent) => stack.up({ onEvent }));
    report("up", created);
    assert.deepEqual(created.counts, previewed.counts, "up does what the preview promised");

    assert.deepEqual(efs.state().logGroups, [
      { logGroupName: `/aws/ecs/containerinsights/${PROJECT}-dev/performance`, retentionInDays: 7 },
    ]);

    const [token = ""] = tokensOf(efs.state());
    assert.match(token, /^[A-Za-z0-9]{64}$/, "up makes a token");

    await assertConnectedFirst(stack);

    const again = await watch((onEvent) => stack.up({ onEvent }));
    report("up again", again);
    assert.deepEqual(again.counts, { same: created.counts.create }, "up without a change changes nothing");

    await stack.importStack(asVersion01(await stack.exportStack()));
    const upgraded = await watch((onEvent) => stack.up({ onEvent }));
    report("up from version 0.1", upgraded);
    assert.deepEqual(upgraded.counts, again.counts, "up over the names of version 0.1 makes nothing again");

    await stack.setConfig(`${PROJECT}:fileCountThreshold`, { value: "2000" });
    const edited = await watch((onEvent) => stack.up({ onEvent }));
    report("threshold edited", edited);
    assert.deepEqual(
      edited.steps,
      [{ op: "update", type: "aws:lambda/function:Function", name: "file-monitor" }],
      "A threshold changes the function and nothing else",
    );

    await clientsChange(stack);

    await stack.setConfig(`${PROJECT}:parameterType`, { value: "SecureString" });
    const encrypted = await watch((onEvent) => stack.up({ onEvent }));
    report("mount table encrypted", encrypted);
    assertTableReplaced(encrypted.steps);
    assert.deepEqual(await mountTableOf(stack), ownMountTargetsOf(FILE_SYSTEM_ID).sort(), "It begins anew");

    await stack.setConfig(`${PROJECT}:routingStrategy`, { value: "zone-aware" });
    const rerouted = await watch((onEvent) => stack.up({ onEvent }));
    report("routing strategy edited", rerouted);
    const taskDefinition = { type: "aws:ecs/taskDefinition:TaskDefinition", name: "router" };
    assert.deepEqual(
      rerouted.steps,
      [
        { op: "create-replacement", ...taskDefinition },
        { op: "replace", ...taskDefinition },
        { op: "update", type: "aws:ecs/service:Service", name: "router" },
        { op: "delete-replaced", ...taskDefinition },
      ],
      "Another routing strategy rolls the tasks and does nothing else",
    );

    const before = await urnsOf(stack);
    await stack.setConfig(`${PROJECT}:maintenance`, { value: "true" });
    const maintained = await watch((onEvent) => stack.up({ onEvent }));
    report("maintenance", maintained);
    assert.deepEqual(
      maintained.steps.filter(({ op }) => op !== "create"),
      [{ op: "update", type: "aws:efs/fileSystemPolicy:FileSystemPolicy", name: "file-storage-files" }],
      "Maintenance changes who may enter the file system, and nothing else that is there",
    );
    await stack.setConfig(`${PROJECT}:maintenance`, { value: "false" });
    const over = await watch((onEvent) => stack.up({ onEvent }));
    report("no maintenance", over);
    assert.equal(over.counts.delete, maintained.counts.create, "Everything that maintenance made is gone");
    assert.deepEqual(await urnsOf(stack), before, "The stack is as it was before maintenance");

    await stack.setConfig(`${PROJECT}:s3Api`, { value: "true" });
    const withS3 = await watch((onEvent) => stack.up({ onEvent }));
    report("S3 API", withS3);
    assert.deepEqual(
      withS3.steps
        .filter(({ op }) => op !== "create")
        .map(({ op, type, name }) => `${op} ${type} ${name}`)
        .sort(),
      [
        `create-replacement ${taskDefinition.type} router`,
        `delete-replaced ${taskDefinition.type} router`,
        `replace ${taskDefinition.type} router`,
        "update aws:cloudwatch/dashboard:Dashboard dashboard",
        "update aws:ecs/service:Service router",
        "update aws:iam/rolePolicy:RolePolicy router-task",
        "update aws:lb/loadBalancer:LoadBalancer router",
      ],
      "The S3 API rolls the tasks, and replaces nothing that clients know",
    );
    const [, accessKeys = ""] = tokensOf(efs.state());
    const { secretAccessKey } = firstAccessKeyOf(accessKeys);
    assert.match(secretAccessKey, /^[A-Za-z0-9]{64}$/, "up makes an access key");
    await liveBesideAnApplication(project, stack, account);
    await stack.setConfig(`${PROJECT}:s3Api`, { value: "false" });
    const withoutS3 = await watch((onEvent) => stack.up({ onEvent }));
    report("no S3 API", withoutS3);
    assert.equal(withoutS3.counts.delete, withS3.counts.create, "Everything that the S3 API had is gone");
    assert.deepEqual(await urnsOf(stack), before, "The stack is as it was before the S3 API");

    await stack.setAllConfig({
      [`${PROJECT}:performanceMode`]: { value: "maxIO" },
      [`${PROJECT}:throughputMode`]: { value: "bursting" },
    });
    const replaced = await watch((onEvent) => stack.up({ onEvent }));
    report("file system replaced", replaced);
    assertTableReplaced(replaced.steps, [{ op: "update", type: "aws:lambda/function:Function", name: "file-monitor" }]);
    assert.deepEqual(await mountTableOf(stack), ownMountTargetsOf(NEXT_FILE_SYSTEM_ID).sort(), "It has its own table");
    assert.deepEqual(
      replaced.steps.filter(({ type }) => type.endsWith(":RestoreTestingSelection")).map(({ op }) => op),
      ["delete-replaced", "replace", "create-replacement"],
      "Restoring is tested with its backups: AWS's provider would leave it with those of the old one",
    );
    assert.deepEqual(mountTargetsOf(FILE_SYSTEM_ID, efs.state()), ownMountTargetsOf(FILE_SYSTEM_ID));

    assert.deepEqual(tokensOf(efs.state()), [token, accessKeys], "up makes each once, and does not rotate it");
    await assertNotStored([token, secretAccessKey], project.backend);

    const deleted = await watch((onEvent) => stack.destroy({ onEvent }));
    report("destroy", deleted);
    // Bursting, which the second file system does, has an alarm of its own.
    const made = (created.counts.create ?? 0) + (replaced.counts.create ?? 0);
    assert.deepEqual(deleted.counts, { delete: made }, "destroy deletes what up created");
    assert.deepEqual((await stack.exportStack()).deployment.resources ?? [], [], "destroy leaves nothing in the stack");
    assertSwept(deleted.steps, efs.state());
    assert.deepEqual(efs.state().logGroups, [], "destroy takes the log of Container Insights with it");

    await withConfig(stack, CONFIGURATIONS["a file system in use"], async () => {
      const adopted = await watch((onEvent) => stack.up({ onEvent }));
      report("up on a file system in use", adopted);
      assert.deepEqual(Object.keys(adopted.counts), ["create"], "Nothing of an existing file system is replaced");
      assertSettings(efs.state());
      report("destroy", await watch((onEvent) => stack.destroy({ onEvent })));
      assertSettings(efs.state());
      assert.deepEqual(
        mountTargetsOf(FILE_SYSTEM_IN_USE, efs.state()),
        existingMountTargetsOf(FILE_SYSTEM_IN_USE)
          .filter(({ securityGroupIds }) => securityGroupIds.includes(EXISTING_SECURITY_GROUP_ID))
          .map(({ id }) => id),
        "destroy deletes what the monitor made of it, and leaves what someone else made",
      );
    });
    await liveInTwoRegions(project);
    console.log(
      `preview:offline passed: ${created.counts.create} resources, swept ${foreignMountTargetOf(NEXT_FILE_SYSTEM_ID)}`,
    );
  } finally {
    await efs.close();
  }
}

/** Who may call is a rule for each range: one comes or goes, and no other changes, also where the default is named. */
async function clientsChange(stack: Stack): Promise<void> {
  for (const [ranges, ops] of [
    [["10.0.0.0/16", "172.16.0.0/12"], ["create 172.16.0.0-12"]],
    [["172.16.0.0/12"], ["delete 10.0.0.0-16"]],
    [[], ["create 10.0.0.0-16", "delete 172.16.0.0-12"]],
  ] as const) {
    await stack.setConfig(`${PROJECT}:allowedCidrs`, { value: JSON.stringify(ranges) });
    const { steps, ...rest } = await watch((onEvent) => stack.up({ onEvent }));
    report(`${ranges.length || "default"} clients`, { steps, ...rest });
    assert.deepEqual(
      steps.map(({ op, name }) => `${op} ${name}`),
      ops.map((each) => each.replace(" ", " security-groups-clients-").concat("-to-load-balancer")),
    );
  }
}

/** The file system in use has the settings of the configuration, also after the stack. */
function assertSettings({ fileSystems }: AwsState): void {
  const fileSystem = fileSystems.find(({ fileSystemId }) => fileSystemId === FILE_SYSTEM_IN_USE);
  assert.equal(fileSystem?.throughputMode, "provisioned");
  assert.equal(fileSystem.provisionedThroughputInMibps, 128);
  assert.deepEqual(fileSystem.lifecyclePolicies, [{ TransitionToIA: "AFTER_30_DAYS" }]);
}

/** A preview with values that are not allowed fails, says why, and promises no resource. */
async function refuses(stack: Stack, what: string, values: Values, reasons: readonly RegExp[]): Promise<void> {
  const failed = new AbortController();
  const onEvent = ({ diagnosticEvent }: EngineEvent) => {
    if (diagnosticEvent?.severity === "error") failed.abort();
  };
  await withConfig(stack, values, async () => {
    try {
      // An inline program that fails in an output would never end (pulumi/pulumi#14980).
      await stack.preview({ onEvent, signal: failed.signal });
      assert.fail(`A preview with ${what} must fail`);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      for (const reason of reasons) assert.match(error.message, reason);
    } finally {
      // It leaves handlers behind that would take a failed assertion for an error of the program.
      process.removeAllListeners("uncaughtException").removeAllListeners("unhandledRejection");
    }
  });
  console.log(`${what.padEnd(WIDTH)} refused`);
}

/** @returns the URNs of what a stack with these values has. */
async function previews(stack: Stack, what: string, values: Values): Promise<string[]> {
  const urns: string[] = [];
  await withConfig(stack, values, () =>
    stack.preview({
      onEvent: ({ resourcePreEvent }) => {
        if (resourcePreEvent !== undefined) urns.push(resourcePreEvent.metadata.urn);
      },
    }),
  );
  console.log(`${what.padEnd(WIDTH)} ${urns.length} create`);
  return urns;
}

/** The program's keys in the example. */
async function readExample(): Promise<Values> {
  const { config } = z
    .object({ config: z.record(z.string(), z.unknown()) })
    .parse(parse(await readFile(EXAMPLE, "utf8")));
  const prefix = `${PROJECT}:`;
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** Runs an operation with these values of the program's keys in place of the stack's own. */
async function withConfig(stack: Stack, values: Values, operation: () => Promise<unknown>): Promise<void> {
  const { name, workspace } = stack;
  const own = await workspace.stackSettings(name);
  const others = Object.fromEntries(Object.entries(values).map(([key, value]) => [`${PROJECT}:${key}`, value]));
  await workspace.saveStackSettings(name, { ...own, config: { "aws:region": REGION, ...others } });
  await operation();
  await workspace.saveStackSettings(name, own);
}

function tokensOf({ secrets }: AwsState): string[] {
  return secrets.flatMap(({ versions }) => versions.map(({ secretString }) => secretString));
}

/** The backend has the stack's state, and that of every operation before. */
async function assertNotStored(secrets: readonly string[], backend: string): Promise<void> {
  const entries = await readdir(new URL(backend), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const contents = await Promise.all(files.map((file) => readFile(file, "utf8")));
  assert.ok(
    contents.some((content) => content.includes(API_TOKEN_SECRET.id)),
    "The state can be read, and knows the secret",
  );
  for (const secret of secrets) {
    assert.ok(!contents.some((content) => content.includes(secret)), "The secret is in no file of the backend");
  }
}

function firstAccessKeyOf(text: string) {
  const accessKey = z.object({ accessKeyId: z.string(), secretAccessKey: z.string() });
  return z.object({ accessKeys: z.tuple([accessKey]) }).parse(JSON.parse(text)).accessKeys[0];
}

async function urnsOf(stack: Stack): Promise<string[]> {
  const { deployment } = await stack.exportStack();
  return z
    .array(z.object({ urn: z.string() }))
    .parse(deployment.resources)
    .map(({ urn }) => urn)
    .sort();
}

/** The file systems as they are once the monitor has added a mount target, and the secrets that the stack makes. */
function accountAfterScaleOut(): AwsState {
  const fileSystemIds = [FILE_SYSTEM_ID, NEXT_FILE_SYSTEM_ID];
  const mountTarget = (fileSystemId: string, mountTargetId: string, index: number): MountTarget => ({
    mountTargetId,
    fileSystemId,
    subnetId: `subnet-${index}`,
    vpcId: "vpc-1",
    availabilityZoneId: `apne1-az${index}`,
    availabilityZoneName: `${REGION}${index}`,
    ipAddress: `10.0.${index}.10`,
    networkInterfaceId: `eni-${index}`,
    securityGroups: [],
    lifeCycleState: "available",
  });
  const existing = [FILE_SYSTEM_IN_USE, CONFIGURATIONS["an existing VPC and file system"].existingFileSystemId];
  return {
    ...emptyState(ACCOUNT_ID, REGION),
    fileSystems: [...fileSystemIds, ...existing].map((fileSystemId) => ({
      fileSystemId,
      creationToken: fileSystemId,
      creationTime: new Date(),
      lifeCycleState: "available",
    })),
    mountTargets: [
      ...fileSystemIds.flatMap((fileSystemId) =>
        [...ownMountTargetsOf(fileSystemId), foreignMountTargetOf(fileSystemId)].map((id, index) =>
          mountTarget(fileSystemId, id, index),
        ),
      ),
      ...existingMountTargetsOf(FILE_SYSTEM_IN_USE).map((target, index) => ({
        ...mountTarget(FILE_SYSTEM_IN_USE, target.id, index),
        vpcId: target.vpcId,
        availabilityZoneName: target.availabilityZone,
        securityGroups: target.securityGroupIds,
      })),
    ],
    secrets: [
      { name: "api-token", arn: API_TOKEN_SECRET.id, versions: [] },
      { name: "s3-access-keys", arn: S3_ACCESS_KEYS_SECRET.id, versions: [] },
    ],
  };
}

function mountTargetsOf(fileSystemId: string, { mountTargets }: AwsState): string[] {
  return mountTargets.filter((target) => target.fileSystemId === fileSystemId).map((target) => target.mountTargetId);
}

/** The ids of the mount targets in the mount table, as Pulumi last wrote it. */
async function mountTableOf(stack: Stack): Promise<string[]> {
  const { deployment } = await stack.exportStack();
  const parameter = deployment.resources.find(({ urn }: { readonly urn: string }) =>
    urn.endsWith(":Parameter::mount-table"),
  );
  // A secret, as the engine exports it.
  const { inputs } = z.object({ inputs: z.object({ value: z.object({ plaintext: z.string() }) }) }).parse(parameter);
  const value = z.string().parse(JSON.parse(inputs.value.plaintext));
  return parseMountTable(value).mount_targets.map(({ mount_target_id }) => mount_target_id);
}

/** Tasks and function start when they can reach AWS and each other, and have gone when they cannot any more. */
async function assertConnectedFirst(stack: Stack): Promise<void> {
  const { deployment } = await stack.exportStack();
  const resources = z
    .array(z.object({ urn: z.string(), type: z.string(), dependencies: z.array(z.string()).default([]) }))
    .parse(deployment.resources);
  const connections = resources.filter(({ type }) => /:(VpcEndpoint|SecurityGroup(In|E)gressRule)$/.test(type));
  assert.ok(connections.length > 9, "There are endpoints and rules");
  for (const { urn, dependencies } of resources.filter(({ type }) => /:(Service|Function)$/.test(type))) {
    for (const connection of connections) {
      assert.ok(dependencies.includes(connection.urn), `${urn} depends on ${connection.urn}`);
    }
  }
}

/** No schedule must run the function, which may be for the old table, while the table is replaced. */
function assertTableReplaced(steps: readonly Step[], between: readonly Step[] = []): void {
  const order = [
    ["delete-replaced", "aws:cloudwatch/eventTarget:EventTarget", "file-monitor"],
    ["delete-replaced", "aws:ssm/parameter:Parameter", "mount-table"],
    ["create-replacement", "aws:ssm/parameter:Parameter", "mount-table"],
    ...between.map(({ op, type, name }) => [op, type, name]),
    ["create-replacement", "aws:cloudwatch/eventTarget:EventTarget", "file-monitor"],
  ];
  const found = steps.map(({ op, type, name }) => [op, type, name]);
  assert.deepEqual(
    found.filter((step) => order.some((each) => isDeepStrictEqual(each, step))),
    order,
    "The schedule stops before the table is replaced, and goes on once the function is for the new one",
  );
}

/** The monitor must be gone before the sweep, and what a mount target holds on to must still be there. */
function assertSwept(deleted: readonly Step[], state: AwsState): void {
  assert.deepEqual(
    mountTargetsOf(NEXT_FILE_SYSTEM_ID, state),
    ownMountTargetsOf(NEXT_FILE_SYSTEM_ID),
    "The sweep removes the foreign mount targets and only those",
  );
  const order = (type: string, name: string) => {
    const index = deleted.findIndex((step) => step.type === type && step.name === name);
    assert.notEqual(index, -1, `${type} ${name} is deleted`);
    return index;
  };
  const swept = order("pulumi-nodejs:dynamic/efs-mount-autoscaling:MountTargetSweeper", "mount-target-sweeper");
  for (const [type, name] of [
    ["aws:cloudwatch/eventRule:EventRule", "file-monitor"],
    ["aws:lambda/function:Function", "file-monitor"],
    ["aws:iam/rolePolicy:RolePolicy", "file-monitor"],
  ] as const) {
    assert.ok(order(type, name) < swept, `${type} ${name} is deleted before the sweep`);
  }
  for (const [type, name] of [
    ["aws:efs/mountTarget:MountTarget", "file-storage-mount-target-1"],
    ["aws:efs/fileSystem:FileSystem", "file-storage-files"],
    ["aws:ec2/securityGroup:SecurityGroup", "security-groups-mount-targets"],
    ["aws:ec2/subnet:Subnet", "network-private-3"],
  ] as const) {
    assert.ok(order(type, name) > swept, `${type} ${name} is deleted after the sweep`);
  }
}
