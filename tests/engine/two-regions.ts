/**
 * Two stacks in two regions, from the first `pulumi up` to the last `pulumi destroy`, with a failover between.
 *
 * The failover program is not run here: what it leaves behind is put into the accounts.
 */
import assert from "node:assert/strict";
import { parseRegionRole, type RegionRole, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import { CommandError, type Stack } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { endReplication, startReplication } from "../../components/replica.ts";
import { PROJECT } from "../../config.ts";
import type { ControlPlane } from "../../local/control-plane/server.ts";
import { type AwsState, emptyState } from "../../local/control-plane/state.ts";
import { waitForState } from "../../local/control-plane/wait.ts";
import { ACCOUNT_ID, create } from "../infra/aws-stand-in.ts";
import { startTwoRegions, type TwoRegions } from "../support/regional-control-planes.ts";
import { answersOf, conflictIn, parseRecord } from "../support/route53.ts";
import { newStack, OFFLINE_ACCOUNT } from "./new-stack.ts";
import { type Outcome, report, type Step, watch } from "./outcome.ts";
import type { Project } from "./project.ts";

const TOKYO = "ap-northeast-1";
const OSAKA = "ap-northeast-3";

/** What makes a stack small: an operation of it takes a few seconds. */
const SMALL = {
  availabilityZoneCount: "2",
  logRouter: "false",
  apiToken: "false",
  rollout: "hot-reload",
};

/** The name that both regions share. */
const NAME = { hostedZoneId: "Z0123456789ABCDEFGHIJ", sharedDomainName: "files.example.com" };

/** What a change of the configured role may touch: who follows it, and what watches the lag from one to the other. */
const FOLLOWS_ROLE: readonly Omit<Step, "op">[] = [
  { type: "pulumi-nodejs:dynamic/efs-mount-autoscaling:RoleFollower", name: "region-role" },
  { type: "pulumi-nodejs:dynamic/efs-mount-autoscaling:Replica", name: "file-storage-replica" },
  { type: "aws:cloudwatch/metricAlarm:MetricAlarm", name: "alarms-replica-lag" },
  { type: "aws:cloudwatch/dashboard:Dashboard", name: "dashboard" },
  { type: "aws:route53/record:Record", name: "regional-dns-shared" },
];

/** A stack and the account in its region. */
interface Region {
  readonly name: string;
  readonly stack: Stack;
  readonly controlPlane: ControlPlane;
  readonly fileSystem: { readonly fileSystemId: string; readonly region: string };
}

export async function liveInTwoRegions(project: Project): Promise<void> {
  const regions = await startTwoRegions([accountIn(TOKYO), accountIn(OSAKA)]);
  // What the replication of the test itself calls.
  process.env.AWS_ENDPOINT_URL = regions.url;
  try {
    const tokyo = await regionOf(project, regions, "tokyo", TOKYO);
    const osaka = await regionOf(project, regions, "osaka", OSAKA);
    await setUp(tokyo, osaka);
    await failOver(tokyo, osaka);
    await comeBack(tokyo, osaka);
    await leave(tokyo, osaka);
  } finally {
    await regions.close();
  }
}

/** First the primary as it was with one region, then the standby with its replica, then the primary's role. */
async function setUp(tokyo: Region, osaka: Region): Promise<void> {
  await up(tokyo, "up in Tokyo", {});
  const standby = { role: "standby", peerStack: fullNameOf(tokyo), nameSuffix: "-osaka", vpcCidr: "10.1.0.0/16" };
  await up(osaka, "up in Osaka, the standby", standby);
  const [replica] = replicationsOf(osaka);
  assert.deepEqual([replica?.source, replica?.destination], [tokyo.fileSystem, osaka.fileSystem]);
  assert.ok(replica?.lastReplicatedTimestamp, "The standby has its first copy");
  await assertCopiedFirst(osaka.stack);

  await up(tokyo, "up in Tokyo, the primary", { role: "primary", peerStack: fullNameOf(osaka), ...NAME });
  assert.deepEqual(await regionsOfName(tokyo, osaka), [TOKYO]);
  await up(osaka, "up in Osaka, with the name", NAME);
  assert.deepEqual(await regionsOfName(tokyo, osaka), [TOKYO]);
  for (const [region, role] of [
    [tokyo, "primary"],
    [osaka, "standby"],
  ] as const) {
    await asSystemsManagerHasIt(region);
    const document = roleOf(region);
    assert.deepEqual([document.role, document.epoch, document.region], [role, 1, region.fileSystem.region]);
    await unchanged(region, `up again in ${region.name}`);
  }
  for (const [region, other] of [
    [tokyo, osaka],
    [osaka, tokyo],
  ] as const) {
    const { url, regionParameterName, ssmEndpoint } = await other.stack.outputs();
    const { peer } = roleOf(region);
    assert.deepEqual(
      [peer.url, peer.parameter_name, peer.endpoint],
      [url?.value, regionParameterName?.value, ssmEndpoint?.value],
      `The routers of ${region.name} know where ${other.name} has its role`,
    );
  }
  await assertConnectedOnce(tokyo, osaka);
}

/** The stack that came second has made the connection, and both go through it. */
async function assertConnectedOnce(tokyo: Region, osaka: Region): Promise<void> {
  const [ofTokyo, ofOsaka] = await Promise.all([tokyo, osaka].map(({ stack }) => resourcesOf(stack)));
  const made = [ofTokyo, ofOsaka].map((each) => each?.filter(({ type }) => type.endsWith(":VpcPeeringConnection")));
  assert.deepEqual(
    made.map((each) => each?.length),
    [0, 1],
  );
  for (const resources of [ofTokyo, ofOsaka]) {
    const routes = resources?.filter(({ type }) => type === "aws:ec2/route:Route") ?? [];
    assert.deepEqual(
      routes.map(({ outputs }) => outputs.vpcPeeringConnectionId),
      [made[1]?.[0]?.id],
    );
  }
}

async function failOver(tokyo: Region, osaka: Region): Promise<void> {
  await refuses(osaka, "a role that nobody has given", { role: "primary" }, [
    /role is primary, but ap-northeast-3 is standby/,
    /npm run failover -- promote/,
  ]);
  assert.equal(replicationsOf(osaka).length, 1, "A stack does not promote itself");

  await endReplication(osaka.fileSystem, 30, 0.05);
  declare(osaka, { role: "primary", epoch: 2 });
  await unchanged(osaka, "up in Osaka after a failover");
  await unchanged(tokyo, "up in Tokyo after a failover");
  assert.deepEqual(
    [replicationsOf(tokyo), replicationsOf(osaka)],
    [[], []],
    "Nothing is replicated over the new primary",
  );
  assert.equal(roleOf(osaka).role, "primary", "Nothing undoes the failover");

  const changed = followsRole(await up(osaka, "Osaka is the primary", { role: "primary" }));
  assert.equal(changed.length, FOLLOWS_ROLE.length, "All that follows the role does");
  assert.deepEqual(await regionsOfName(tokyo, osaka), [TOKYO, OSAKA], "Tokyo's stack has not been told");
}

async function comeBack(tokyo: Region, osaka: Region): Promise<void> {
  declare(tokyo, { role: "standby", epoch: 2 });
  inUse(tokyo);
  await refuses(tokyo, "a replica over files", { role: "standby" }, [
    /has been in use, and would lose all its files/,
    /--replication-overwrite-protection DISABLED/,
  ]);
  assert.deepEqual(replicationsOf(tokyo), []);

  tokyo.controlPlane.update((state) => ({
    ...state,
    fileSystems: state.fileSystems.map((one) => ({ ...one, replicationOverwriteProtection: "DISABLED" as const })),
  }));
  await startReplication(tokyo.fileSystem, osaka.fileSystem, 30, 0.05);
  // The up that was refused has changed the rest already.
  const changed = followsRole(await up(tokyo, "Tokyo is the standby", { role: "standby" }));
  assert.ok(
    changed.some(({ type }) => type.endsWith("Replica")),
    "The replica follows the role",
  );
  const [replica] = replicationsOf(tokyo);
  assert.deepEqual([replica?.source, replica?.destination], [osaka.fileSystem, tokyo.fileSystem]);
  assert.deepEqual(await regionsOfName(tokyo, osaka), [OSAKA]);
}

/** @returns where the shared name leads while all routers are healthy, from records that Route 53 takes into one zone. */
async function regionsOfName(...regions: readonly Region[]): Promise<string[]> {
  const resources = await Promise.all(regions.map(({ stack }) => resourcesOf(stack)));
  const records = resources
    .flat()
    .filter(({ type }) => type === "aws:route53/record:Record")
    .map(({ outputs }) => parseRecord(outputs));
  assert.equal(conflictIn(records), undefined);
  return answersOf(records, NAME.sharedDomainName, () => true).map(({ setIdentifier }) => setIdentifier);
}

/** Either stack may go first: the one with the replica, or the one that is replicated. */
async function leave(tokyo: Region, osaka: Region): Promise<void> {
  await leavesNothing(tokyo, osaka);
  tokyo.controlPlane.update(() => accountIn(TOKYO));
  await up(tokyo, "up in Tokyo, a new standby", {});
  assert.equal(replicationsOf(osaka).length, 1);
  await leavesNothing(osaka, tokyo);
  await leavesNothing(tokyo, osaka);
}

async function leavesNothing(region: Region, other: Region): Promise<void> {
  const { counts } = await destroy(region);
  // The reference to the other stack was only read, and is discarded.
  assert.deepEqual(
    Object.keys(counts).filter((op) => op !== "discard"),
    ["delete"],
  );
  assert.deepEqual((await region.stack.exportStack()).deployment.resources ?? [], [], `${region.name} leaves nothing`);
  assert.deepEqual(replicationsOf(region), []);
  await waitForState(other.controlPlane, ({ replications }) => replications.length === 0, {
    what: "The end of the replication",
    timeout: 10_000,
    signal: AbortSignal.timeout(20_000),
  });
}

async function regionOf(project: Project, regions: TwoRegions, name: string, region: string): Promise<Region> {
  const controlPlane = regions.controlPlanes.get(region);
  if (controlPlane === undefined) throw new Error(`There is no ${region}`);
  const stack = await newStack(project, name, {
    STAND_IN_REGION: region,
    AWS_ENDPOINT_URL: regions.url,
    ...OFFLINE_ACCOUNT,
  });
  await stack.setAllConfig({ "aws:region": { value: region }, ...asConfig(SMALL) });
  return { name, stack, controlPlane, fileSystem: { fileSystemId: fileSystemIn(region), region } };
}

const fullNameOf = ({ name }: Region) => `organization/${PROJECT}/${name}`;

const asConfig = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${PROJECT}:${key}`, { value }]));

const fileSystemIn = (region: string) =>
  create("aws:efs/fileSystem:FileSystem", "file-storage-files", { performanceMode: "generalPurpose" }, region).id;

/** The providers are stand-ins, so the file system that a stack makes is there before. */
function accountIn(region: string): AwsState {
  return {
    ...emptyState(ACCOUNT_ID, region),
    fileSystems: [
      {
        fileSystemId: fileSystemIn(region),
        creationToken: "file-storage-files",
        creationTime: new Date(),
        lifeCycleState: "available",
      },
    ],
  };
}

/** Sets keys for good, and deploys them. */
async function up({ stack }: Region, what: string, values: Readonly<Record<string, string>>): Promise<Outcome> {
  await stack.setAllConfig(asConfig(values));
  const outcome = await watch((onEvent) => stack.up({ onEvent }));
  report(what, outcome);
  return outcome;
}

async function unchanged(region: Region, what: string): Promise<void> {
  const { counts } = await up(region, what, {});
  // The other stack's outputs are read again when they have changed.
  assert.deepEqual(
    Object.keys(counts).sort(),
    "read" in counts ? ["read", "same"] : ["same"],
    `${what} changes nothing`,
  );
}

async function destroy({ name, stack }: Region): Promise<Outcome> {
  const outcome = await watch((onEvent) => stack.destroy({ onEvent }));
  report(`destroy in ${name}`, outcome);
  return outcome;
}

/** An `up` with these values fails, says why, and the values are taken back. */
async function refuses(
  region: Region,
  what: string,
  values: Readonly<Record<string, string>>,
  reasons: readonly RegExp[],
): Promise<void> {
  const before = await region.stack.getAllConfig();
  try {
    await up(region, what, values);
    assert.fail(`An up with ${what} must fail`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    for (const reason of reasons) assert.match(error.message, reason);
  }
  for (const key of Object.keys(asConfig(values))) await region.stack.setConfig(key, before[key] ?? { value: "" });
  console.log(`${what}: refused`);
}

/** @returns what an up has changed, which is nothing but what follows the role. */
function followsRole({ steps }: Outcome): Outcome["steps"] {
  const changed = steps.filter(({ op }) => op !== "read");
  for (const { op, type, name } of changed) {
    assert.equal(op, "update", `${type} ${name}`);
    assert.ok(
      FOLLOWS_ROLE.some((each) => each.type === type && each.name === name),
      `The role changes nothing but what follows it: ${type} ${name}`,
    );
  }
  return changed;
}

function replicationsOf({ controlPlane }: Region) {
  return controlPlane.state().replications;
}

const parameterNameOf = ({ name }: Region) => `/${PROJECT}${name === "osaka" ? "-osaka" : ""}/region`;

/** What Pulumi wrote into the parameter: the stand-in for the provider wrote it nowhere. */
async function asSystemsManagerHasIt(region: Region): Promise<void> {
  const { deployment } = await region.stack.exportStack();
  const parameter = z
    .array(z.looseObject({ urn: z.string() }))
    .parse(deployment.resources)
    .find(({ urn }) => urn.endsWith("Parameter::region-role"));
  // A secret, as the engine exports it.
  const { inputs } = z.object({ inputs: z.object({ value: z.object({ plaintext: z.string() }) }) }).parse(parameter);
  write(region, parseRegionRole(z.string().parse(JSON.parse(inputs.value.plaintext))));
}

function roleOf(region: Region): RegionRole {
  const name = parameterNameOf(region);
  return parseRegionRole(region.controlPlane.state().parameters.find((each) => each.name === name)?.value ?? "");
}

/** What the failover program does to the document. */
function declare(region: Region, change: Pick<RegionRole, "role" | "epoch">): void {
  write(region, { ...roleOf(region), ...change, changed_at: new Date().toISOString() });
}

function write(region: Region, document: RegionRole): void {
  const parameter = {
    name: parameterNameOf(region),
    type: "String" as const,
    tier: "Standard" as const,
    value: serializeRegionRole(document),
    version: 1,
    lastModifiedDate: new Date(),
  };
  region.controlPlane.update((state) => ({ ...state, parameters: [parameter] }));
}

/** The providers are stand-ins: the control plane does not know the mount targets of the stack. */
function inUse({ controlPlane, fileSystem: { fileSystemId, region } }: Region): void {
  controlPlane.update((state) => ({
    ...state,
    mountTargets: [1, 2].map((number) => ({
      mountTargetId: create(
        "aws:efs/mountTarget:MountTarget",
        `file-storage-mount-target-${number}`,
        { fileSystemId },
        region,
      ).id,
      fileSystemId,
      subnetId: `subnet-${number}`,
      vpcId: "vpc-0e0e0e0e",
      availabilityZoneId: `zone-${number}`,
      availabilityZoneName: `${region}${number}`,
      ipAddress: `10.20.${number}.10`,
      networkInterfaceId: `eni-${number}`,
      securityGroups: [],
      lifeCycleState: "available" as const,
    })),
  }));
}

/** What clients need comes after the first copy: they would find no directory to enter. */
async function assertCopiedFirst(stack: Stack): Promise<void> {
  const resources = await resourcesOf(stack);
  const replica = resources.find(({ type }) => type.endsWith(":Replica"))?.urn ?? "";
  const after = resources.filter(({ type }) => /:(MountTarget|AccessPoint)$/.test(type));
  assert.equal(after.length, 3);
  for (const { urn, dependencies } of after)
    assert.ok(dependencies.includes(replica), `${urn} waits for the first copy`);
}

async function resourcesOf(stack: Stack) {
  const { deployment } = await stack.exportStack();
  return z
    .array(
      z.object({
        urn: z.string(),
        type: z.string(),
        id: z.string().optional(),
        dependencies: z.array(z.string()).default([]),
        outputs: z.record(z.string(), z.unknown()).default({}),
      }),
    )
    .parse(deployment.resources);
}
