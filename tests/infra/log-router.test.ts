/** The log router as the stack declares it. What its configuration does, tests/log-routing shows with the program. */
import { readFileSync } from "node:fs";
import { runSimulation } from "@cloud-copilot/iam-simulate";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { MEMORY_RESERVATION } from "../../local/firelens/log-router.ts";
import { ACCOUNT_ID } from "./aws-stand-in.ts";
import { CONFIGURATIONS } from "./configurations.ts";
import { policiesOf } from "./policies.ts";
import { type Registered, registerStack } from "./stack.ts";

const containerSchema = z.looseObject({
  name: z.string(),
  image: z.string(),
  environment: z.array(z.object({ name: z.string(), value: z.string() })),
  logConfiguration: z.looseObject({ logDriver: z.string(), options: z.record(z.string(), z.string()) }),
  dependsOn: z.array(z.object({ containerName: z.string(), condition: z.string() })).optional(),
});

let resources: readonly Registered[];

const all = (type: string) => resources.filter((resource) => resource.type.endsWith(`:${type}`));

function one(type: string, name: string): Registered {
  const found = all(type).find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`The stack has no ${type} ${name}`);
  return found;
}

const containers = () =>
  z.array(containerSchema).parse(JSON.parse(String(one("TaskDefinition", "router").inputs.containerDefinitions)));

const container = (name: string) => containers().find((each) => each.name === name);

describe("by default", () => {
  beforeAll(async () => {
    ({ resources } = await registerStack(CONFIGURATIONS.defaults));
  });

  test("the sidecar is what FireLens asks for, reserves 50 MB, and takes the task down with it", () => {
    expect(container("log-router")).toMatchObject({
      essential: true,
      memoryReservation: 50,
      stopTimeout: 120,
      firelensConfiguration: {
        type: "fluentbit",
        options: {
          "enable-ecs-log-metadata": "true",
          "config-file-type": "file",
          "config-file-value": "/log-router/fluent-bit.conf",
        },
      },
      healthCheck: {
        command: ["CMD", "curl", "--fail", "--silent", "--show-error", "http://localhost:2020/api/v1/health"],
        interval: 10,
        timeout: 3,
        retries: 3,
      },
      mountPoints: [{ sourceVolume: "log-buffer", containerPath: "/log-router/buffer" }],
    });
    expect(one("TaskDefinition", "router").inputs.volumes).toEqual([{ name: "log-buffer" }]);
  });

  test("the router's logs go through it, with no option that would make ECS add an output", () => {
    expect(container("router")).toMatchObject({
      logConfiguration: { logDriver: "awsfirelens" },
      dependsOn: [{ containerName: "log-router", condition: "HEALTHY" }],
    });
    expect(Object.keys(container("router")?.logConfiguration.options ?? {})).toEqual(["log-driver-buffer-limit"]);
  });

  test("every variable of the configuration has a value", () => {
    const used = [..."fluent-bit.conf entrypoint.sh".split(" ")].flatMap((file) =>
      [...readFileSync(`fluent-bit/${file}`, "utf8").matchAll(/^(?!\s*#).*\$\{([A-Z0-9_]+)\}/gm)].map(
        ([, name]) => name,
      ),
    );
    const [, defaults = ""] = /^ENV ((?:.*\\\n)*.*)$/m.exec(readFileSync("fluent-bit/Dockerfile", "utf8")) ?? [];
    const exported = [...readFileSync("fluent-bit/entrypoint.sh", "utf8").matchAll(/\) export (.+) ;;/g)].map(
      ([, text]) => [...(text ?? "").matchAll(/([A-Z0-9_]+)=/g)].map(([, name]) => name),
    );
    expect(exported).toHaveLength(2);
    expect(exported[1]).toEqual(exported[0]);
    const given = [
      ...(exported[0] ?? []),
      ...[...defaults.matchAll(/([A-Z0-9_]+)=/g)].map(([, name]) => name),
      // The entry point sets these from LOG_OBJECT_SIZE.
      ...[...readFileSync("fluent-bit/entrypoint.sh", "utf8").matchAll(/(S3_[A-Z_]+)=/g)].map(([, name]) => name),
      ...(container("log-router")?.environment ?? []).map(({ name }) => name),
    ];
    expect(used.length).toBeGreaterThan(10);
    for (const name of used) expect(given).toContain(name);
  });

  test("it is told the region, its bucket and its log group", () => {
    const environment = container("log-router")?.environment.map(({ name, value }) => [name, value]) ?? [];
    expect(Object.fromEntries(environment)).toEqual({
      AWS_REGION: "ap-northeast-1",
      LOG_BUCKET_NAME: one("Bucket", "log-router-logs").outputs.bucket,
      ERROR_LOG_GROUP_NAME: "/ecs/backend/errors",
      LOG_OBJECT_SIZE: "small",
    });
  });

  test("its image is built from its folder, under a tag that says from what; five are kept", () => {
    const repository = one("Repository", "log-router-fluent-bit-custom");
    expect(repository.inputs).toMatchObject({
      name: "fluent-bit-custom",
      imageScanningConfiguration: { scanOnPush: true },
    });
    expect(JSON.stringify(one("LifecyclePolicy", "log-router-fluent-bit-custom").inputs.policy)).toContain(
      '"countNumber":5',
    );
    const { inputs } = one("Image", "log-router-fluent-bit-custom");
    expect(inputs).toMatchObject({ context: { location: "fluent-bit" }, platforms: ["linux/arm64"] });
    expect(inputs.tags).toEqual([expect.stringMatching(/fluent-bit-custom:[0-9a-f]{20}-arm64$/)]);
  });

  test("the base image is pinned to a version", () => {
    expect(readFileSync("fluent-bit/Dockerfile", "utf8")).toMatch(
      /^FROM public\.ecr\.aws\/aws-observability\/aws-for-fluent-bit:\d+\.\d+\.\d+$/m,
    );
  });

  test("only the tasks write to the archive, and only over TLS", async () => {
    const bucket = String(one("Bucket", "log-router-logs").outputs.arn);
    const writer = String(one("Role", "roles-router-task").outputs.arn);
    const object = `${bucket}/logs/year=2026/month=01/day=31/hour=00/000000-0e0e0e0e.gz`;
    const mayPut = async (principal: string, secure: boolean) => {
      const answer = await runSimulation(
        {
          request: {
            principal,
            action: "s3:PutObject",
            resource: { resource: object, accountId: ACCOUNT_ID },
            contextVariables: { "aws:SecureTransport": String(secure), "aws:PrincipalArn": principal },
          },
          // As far as its own policies go, each may do anything.
          identityPolicies: [{ name: "all", policy: ALLOW_ALL }],
          serviceControlPolicies: [],
          resourceControlPolicies: [],
          resourcePolicy: JSON.parse(String(one("BucketPolicy", "log-router-logs").inputs.policy)),
        },
        {},
      );
      if (answer.resultType === "error") throw new Error(JSON.stringify(answer.errors));
      return answer.overallResult === "Allowed";
    };
    expect(await mayPut(writer, true)).toBe(true);
    expect(await mayPut(writer, false)).toBe(false);
    expect(await mayPut(`arn:aws:iam::${ACCOUNT_ID}:role/administrator`, true)).toBe(false);
  });

  test("lines move to Glacier after 90 days and are deleted after a year; unfinished uploads after a day", () => {
    expect(one("BucketLifecycleConfiguration", "log-router-logs").inputs.rules).toEqual([
      expect.objectContaining({
        filter: { prefix: "logs/" },
        transitions: [{ days: 90, storageClass: "GLACIER" }],
        expiration: { days: 365 },
      }),
      expect.objectContaining({ filter: { prefix: "athena-results/" }, expiration: { days: 7 } }),
      expect.objectContaining({ abortIncompleteMultipartUpload: { daysAfterInitiation: 1 } }),
    ]);
  });

  test("Athena finds the hours where Fluent Bit puts them", () => {
    const { inputs } = one("CatalogTable", "log-router-logs");
    const parameters = z.record(z.string(), z.string()).parse(inputs.parameters);
    const bucket = one("Bucket", "log-router-logs").outputs.bucket;
    const [, keyFormat = ""] =
      /S3_Key_Format\s+\/(\S+\/)\S+$/m.exec(readFileSync("fluent-bit/fluent-bit.conf", "utf8")) ?? [];
    const names = ["year", "month", "day", "hour"];
    const location = keyFormat.replace(/\$TAG\[(\d)\]/g, (_, index) => `\${${names[Number(index) - 1]}}`);
    expect(parameters["storage.location.template"]).toBe(`s3://${bucket}/${location}`);
    expect(
      z
        .array(z.object({ name: z.string() }))
        .parse(inputs.partitionKeys)
        .map(({ name }) => name),
    ).toEqual(names);
    for (const name of names) expect(parameters[`projection.${name}.type`]).toBe("integer");
    expect(all("NamedQuery").map(({ inputs }) => inputs.name)).toEqual(["Errors by hour", "One request"]);
  });

  test("an error of a router, and the log router's own, raise an alarm", () => {
    expect(one("MetricAlarm", "log-router-router-errors").inputs).toMatchObject({
      namespace: "AWS/Logs",
      metricName: "IncomingLogEvents",
      dimensions: { LogGroupName: "/ecs/backend/errors" },
      threshold: 0,
    });
    const filter = one("LogMetricFilter", "log-router-errors").inputs;
    expect(filter).toMatchObject({ logGroupName: "/ecs/firelens", pattern: '"[error]"' });
    expect(one("MetricAlarm", "log-router-errors").inputs).toMatchObject({
      metricName: z.looseObject({ name: z.string() }).parse(filter.metricTransformation).name,
    });
  });
});

describe.each(["small", "large"] as const)("with %s objects", (logObjectSize) => {
  beforeAll(async () => {
    ({ resources } = await registerStack({ logObjectSize, taskMemory: "2048" }));
  });

  test("it is told so, and reserves the memory that the suite with Fluent Bit measures it against", () => {
    const sidecar = container("log-router");
    expect(sidecar?.environment).toContainEqual({ name: "LOG_OBJECT_SIZE", value: logObjectSize });
    expect(sidecar).toMatchObject({ memoryReservation: MEMORY_RESERVATION[logObjectSize] });
  });

  test("the router leaves it that memory", () => {
    const { value } = container("router")?.environment.find(({ name }) => name === "MAX_MEMORY_BYTES") ?? {};
    const left = 2048 - Number(value) / 2 ** 20;
    expect(left).toBeGreaterThanOrEqual(MEMORY_RESERVATION[logObjectSize]);
  });
});

describe("the container runtime's buffer of lines", () => {
  /** KiB of a line, after which the runtime splits it (moby: daemon/logger/copier.go). */
  const LONGEST = 16;

  const buffered = () => Number(container("router")?.logConfiguration.options["log-driver-buffer-limit"]);

  test.each([
    ["256", "512", "small", 3_192],
    ["256", "2048", "small", 21_684],
    ["512", "1024", "small", 9_336],
    ["512", "2048", "large", 1_566],
    ["1024", "3072", "large", 13_914],
    ["4096", "30720", "large", 346_955],
  ] as const)(
    "fits into a task of %s CPU units and %s MiB with %s objects: %i lines",
    async (taskCpu, taskMemory, logObjectSize, lines) => {
      ({ resources } = await registerStack({ taskCpu, taskMemory, logObjectSize }));
      const ofRouter = container("router")?.environment.find(({ name }) => name === "MAX_MEMORY_BYTES")?.value;
      const taken = Number(ofRouter) / 2 ** 20 + MEMORY_RESERVATION[logObjectSize] + (buffered() * LONGEST) / 1024;
      expect(taken).toBeLessThanOrEqual(Number(taskMemory));
      expect(buffered()).toBe(lines);
    },
  );
});

describe("rolled back with logRouter: false", () => {
  beforeAll(async () => {
    ({ resources } = await registerStack({ logRouter: "false" }));
  });

  test("the router writes to its own log group, and nothing of the log router is left", () => {
    expect(containers().map(({ name }) => name)).toEqual(["router"]);
    expect(container("router")).toMatchObject({
      logConfiguration: { logDriver: "awslogs", options: { "awslogs-group": "/ecs/efs-mount-autoscaling-fargate" } },
    });
    expect(container("router")?.dependsOn).toBeUndefined();
    expect(all("Bucket").map(({ name }) => name)).toEqual(["file-monitor-trees"]);
    for (const type of ["CatalogTable", "NamedQuery", "Workgroup", "LogMetricFilter"]) {
      expect(all(type), type).toEqual([]);
    }
    expect(all("Repository").map(({ name }) => name)).toEqual(["router"]);
    const [writes] = (policiesOf(resources).get("router-execution") ?? []).filter(
      ({ Sid }) => Sid === "WriteRouterLog",
    );
    expect(writes?.Resource).toBe(`${one("LogGroup", "router").outputs.arn}:*`);
  });
});

const ALLOW_ALL = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
};
