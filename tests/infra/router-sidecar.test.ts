/** A router beside an application: what a stack tells of it, and what the program of the example makes of that. */
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { readRouterBlueprint } from "../../components/router-sidecar.ts";
import { readSettings, type Settings } from "../../fargate-app/src/settings.ts";
import { ACCOUNT_ID, EXISTING_SECURITY_GROUP_ID, EXISTING_VPC_CIDRS, type Properties, REGION } from "./aws-stand-in.ts";
import { CONFIGURATIONS, PEER } from "./configurations.ts";
import { containersIn } from "./containers.ts";
import { type IamRequest, request } from "./iam-requests.ts";
import { neighboursOf } from "./neighbours.ts";
import { policiesOf, type Statement } from "./policies.ts";
import { simulate } from "./simulate.ts";
import { type RegisteredStack, registerSidecarExample, registerStack } from "./stack.ts";

/** A secret with access keys that only the application has. */
const OWN_KEYS = `arn:aws:secretsmanager:${REGION}:${ACCOUNT_ID}:secret:application`;

const STACKS = {
  "the S3 API": { s3Api: "true" },
  everything: CONFIGURATIONS.everything,
  "a VPC with a way of its own": CONFIGURATIONS["an existing VPC and file system"],
  "mount targets of someone else": CONFIGURATIONS["a file system in use"],
  "two regions": CONFIGURATIONS["the primary of two regions"],
} as const;

/** What would be another behaviour, or another file system, if it differed. */
const ALIKE = [
  "parameterName",
  "fileSystemId",
  "rootDirectory",
  "nfsTls",
  "loadFactor",
  "hotSpotShare",
  "changeFeedRetention",
  "nfsDetectionTimeout",
  "regionParameterName",
  "roleLease",
  "shutdownTimeout",
  "mountTargetDrainTimeout",
] as const satisfies (keyof Settings)[];

describe.each(Object.entries(STACKS))("of a stack with %s", (name, config: Readonly<Record<string, string>>) => {
  let stack: RegisteredStack;
  let example: RegisteredStack;

  beforeAll(async () => {
    stack = await registerStack(config);
    example = await registerSidecarExample(
      stack.outputs,
      config.s3Api === "true" ? {} : { s3AccessKeysSecretArn: OWN_KEYS },
    );
  });

  const inputsOf = ({ resources }: RegisteredStack, type: string, its: string): Properties => {
    const found = resources.find((resource) => resource.type.endsWith(`:${type}`) && resource.name === its);
    if (found === undefined) throw new Error(`There is no ${type} ${its}`);
    return found.inputs;
  };
  const arnOf = (type: string, its: string) =>
    String(stack.resources.find((each) => each.type.endsWith(`:${type}`) && each.name === its)?.outputs.arn);
  const groupName = (id: unknown) =>
    [...stack.resources, ...example.resources].find(({ outputs }) => outputs.id === id)?.name ?? String(id);

  const task = () => JSON.parse(String(inputsOf(example, "TaskDefinition", "application").containerDefinitions));

  function settingsIn(definition: Properties): Settings {
    const router = containersIn(definition.containerDefinitions).find((container) => container.name === "router");
    return readSettings(Object.fromEntries(router?.environment.map((each) => [each.name, String(each.value)]) ?? []));
  }

  test("it accepts its environment, listens for its task alone, and polls the mount table", () => {
    expect(settingsIn(inputsOf(example, "TaskDefinition", "application"))).toMatchObject({
      host: "127.0.0.1",
      port: 8100,
      s3: { port: 8101, accessKeysSecretId: config.s3Api === "true" ? arnOf("Secret", "s3-access-keys") : OWN_KEYS },
      mountTableRefreshInterval: name === "a VPC with a way of its own" ? 10_000 : 30_000,
      routingStrategy: "zone-aware",
      workers: 1,
      apiTokenSecretId: undefined,
    });
  });

  test("it does with the files what the service's routers do", () => {
    const alike = (definition: Properties) => {
      const settings = settingsIn(definition);
      // Only as whom a router sends traces tells the one from the other.
      const tracing = settings.tracing && { ...settings.tracing, serviceName: "router" };
      return { ...Object.fromEntries(ALIKE.map((name) => [name, settings[name]])), tracing };
    };
    expect(alike(inputsOf(example, "TaskDefinition", "application"))).toEqual(
      alike(inputsOf(stack, "TaskDefinition", "router")),
    );
  });

  test("the application starts once the router has connected, stops before it, and knows where it is", () => {
    const [router, application] = task();
    expect(application).toMatchObject({
      dependsOn: [{ containerName: "router", condition: "HEALTHY" }],
      environment: expect.arrayContaining([
        { name: "FILES_URL", value: "http://127.0.0.1:8100" },
        { name: "S3_URL", value: "http://127.0.0.1:8101" },
      ]),
    });
    expect(router).toMatchObject({
      essential: true,
      readonlyRootFilesystem: true,
      user: "1000:1000",
      healthCheck: { command: ["CMD", "node", "healthcheck.mjs", "/healthz"], startPeriod: 180 },
      stopTimeout: 40,
    });
    expect(router, "nobody outside of the task is let in").not.toHaveProperty("portMappings");
  });

  test("both containers fit into the task", () => {
    const { cpu, memory } = inputsOf(example, "TaskDefinition", "application");
    const [router] = task();
    expect(router.cpu).toBeLessThan(Number(cpu));
    expect(router.memory).toBeLessThan(Number(memory));
  });

  test("its image is the service's", () => {
    const [service] = JSON.parse(String(inputsOf(stack, "TaskDefinition", "router").containerDefinitions));
    expect(task()[0].image).toBe(service.image);
  });

  test("the task reaches mount targets, the collector of traces and AWS, and nothing else", () => {
    const flows = (type: "SecurityGroupIngressRule" | "SecurityGroupEgressRule") =>
      example.resources
        .filter((resource) => resource.type.endsWith(`:${type}`))
        .map(({ inputs }) => {
          const other =
            inputs.prefixListId === undefined ? groupName(inputs.referencedSecurityGroupId ?? inputs.cidrIpv4) : "s3";
          const own = groupName(inputs.securityGroupId);
          const [from, to] = type === "SecurityGroupIngressRule" ? [other, own] : [own, other];
          return `${from} > ${to}:${inputs.toPort}`;
        })
        .sort();
    const someoneElses = name === "mount targets of someone else" ? [EXISTING_SECURITY_GROUP_ID] : [];
    const mountTargets = ["security-groups-mount-targets", ...someoneElses].map((to) => `application > ${to}:2049`);
    const isIsolated = config.createVpcEndpoints !== "false";
    const toEndpoints = isIsolated ? ["application > vpc-endpoints:443"] : [];
    expect(flows("SecurityGroupIngressRule")).toEqual(
      ["10.0.0.0/16 > application:8000", ...mountTargets, ...toEndpoints].sort(),
    );
    expect(flows("SecurityGroupEgressRule")).toEqual(
      [
        ...mountTargets,
        ...toEndpoints,
        isIsolated ? "application > s3:443" : "application > 0.0.0.0/0:443",
        ...(name === "two regions" ? [`application > ${PEER.vpcCidr}:443`] : []),
        ...(name === "everything" ? ["application > 10.0.0.0/16:4318"] : []),
        ...(name === "a VPC with a way of its own"
          ? EXISTING_VPC_CIDRS.map((cidr) => `application > ${cidr}:443`)
          : []),
      ].sort(),
    );
  });

  test("its rights are those that it needs", async () => {
    const parameter = arnOf("Parameter", "mount-table");
    const accessPoint = arnOf("AccessPoint", "file-storage-directory");
    const fileSystem = String(
      stack.resources.find(({ type }) => type.endsWith(":FileSystem"))?.outputs.arn ??
        `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT_ID}:file-system/${config.existingFileSystemId}`,
    );
    const secret = config.s3Api === "true" ? arnOf("Secret", "s3-access-keys") : OWN_KEYS;
    const decrypt = (service: string) =>
      config.kmsKeyArn === undefined
        ? []
        : [request("kms:Decrypt", config.kmsKeyArn, { "kms:ViaService": `${service}.${REGION}.amazonaws.com` })];
    await judge(policiesOf(example.resources).get("files-task") ?? [], [
      request("ssm:GetParameter", parameter),
      ...(config.parameterType === "SecureString" ? decrypt("ssm") : []),
      request("elasticfilesystem:DescribeMountTargets", fileSystem),
      ...(config.efsIamAuthorization === "false"
        ? []
        : ["ClientMount", "ClientWrite"].map((action) =>
            request(`elasticfilesystem:${action}`, fileSystem, {
              "elasticfilesystem:AccessedViaMountTarget": "true",
              "elasticfilesystem:AccessPointArn": accessPoint,
            }),
          )),
      ...(config.role === undefined
        ? []
        : [
            request("ssm:GetParameter", arnOf("Parameter", "region-role")),
            request("elasticfilesystem:DescribeReplicationConfigurations", fileSystem),
            request(
              "ssm:GetParameter",
              `arn:aws:ssm:${PEER.region}:${ACCOUNT_ID}:parameter${PEER.regionParameterName}`,
            ),
          ]),
      request("secretsmanager:GetSecretValue", secret),
      ...decrypt("secretsmanager"),
    ]);
  });

  test("ECS may pull its image and write its log for it, and nothing else", async () => {
    const log = String(
      example.resources.find(({ type, name: its }) => /:LogGroup$/.test(type) && its === "files")?.outputs.arn,
    );
    const repository = arnOf("Repository", "router");
    await judge(policiesOf(example.resources).get("files-execution") ?? [], [
      request("ecr:GetAuthorizationToken", "*"),
      request("ecr:BatchCheckLayerAvailability", repository),
      request("ecr:GetDownloadUrlForLayer", repository),
      request("ecr:BatchGetImage", repository),
      request("logs:CreateLogStream", `${log}:log-stream:router/router/0e0e0e0e`),
      request("logs:PutLogEvents", `${log}:log-stream:router/router/0e0e0e0e`),
    ]);
  });
});

/** All that is needed is allowed, all that is allowed is needed, and what is next to it is denied. */
async function judge(statements: readonly Statement[], needed: readonly IamRequest[]): Promise<void> {
  const used = new Set<string>();
  for (const one of needed) {
    const { result, allowedBy } = await simulate(statements, one);
    expect(result, `${one.action} on ${one.resource}`).toBe("Allowed");
    for (const sid of allowedBy) used.add(sid);
  }
  expect(statements.map(({ Sid = "" }) => Sid).sort()).toEqual([...used].sort());
  for (const next of statements.flatMap(neighboursOf)) {
    expect((await simulate(statements, next)).result, `${next.action} on ${next.resource}`).toBe("ImplicitlyDenied");
  }
}

test.each([
  ["tells nothing", {}],
  ["tells something else", { routerBlueprint: { image: 1 } }],
])("a stack that %s is refused, with what to do", async (_, outputs) => {
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: name, state: { ...inputs, outputs, secretOutputNames: [] } }),
    call: ({ inputs }) => inputs,
  });
  await expect(readRouterBlueprint(new pulumi.StackReference("files"))).rejects.toThrow(
    /routerBlueprint is not what this version reads: deploy that stack with the version that this program imports/,
  );
});
