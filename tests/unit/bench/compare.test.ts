import { describe, expect, test } from "vitest";
import type { Deployed } from "../../../bench/compare/deployed.ts";
import { parseLine, type Result } from "../../../bench/compare/lines.ts";
import { MAX_DOLLARS, maxPrice } from "../../../bench/compare/price.ts";
import { toReport } from "../../../bench/compare/report.ts";
import { measuringScript } from "../../../bench/compare/script.ts";
import { comparisonTask, settingsOf } from "../../../bench/compare/task.ts";
import { WORKLOAD } from "../../../bench/compare/workload.ts";

const DEPLOYED: Deployed = {
  cluster: "files",
  router: {
    name: "router",
    image: "router@sha256:1",
    essential: true,
    user: "1000:1000",
    readonlyRootFilesystem: true,
    environment: [
      { name: "EFS_FILE_SYSTEM_ID", value: "fs-1" },
      { name: "API_TOKEN_SECRET_ID", value: "arn:secret" },
    ],
    dependsOn: [{ containerName: "log_router", condition: "HEALTHY" }],
    logConfiguration: { logDriver: "awsfirelens" },
  },
  taskRoleArn: "arn:task",
  executionRoleArn: "arn:execution",
  runtimePlatform: { cpuArchitecture: "ARM64" },
  fileSystemId: "fs-1",
  accessPointId: "fsap-1",
  hasIamAuthorization: true,
  logGroup: "/ecs/firelens",
  region: "ap-northeast-1",
  subnets: ["subnet-1"],
  securityGroups: ["sg-1"],
};

describe("the task of a comparison", () => {
  const task = comparisonTask(DEPLOYED, "id", "script");
  const [router, measure] = task.containerDefinitions ?? [];

  test("runs the service's router, without the token and the log sidecar", () => {
    expect(router).toMatchObject({ name: "router", image: "router@sha256:1", user: "1000:1000" });
    expect(router?.environment).toEqual([{ name: "EFS_FILE_SYSTEM_ID", value: "fs-1" }]);
    expect(router?.dependsOn).toBeUndefined();
  });

  test("mounts the file system through the router's access point, with TLS and the same identity", () => {
    expect(task.volumes).toEqual([
      {
        name: "efs",
        efsVolumeConfiguration: {
          fileSystemId: "fs-1",
          transitEncryption: "ENABLED",
          authorizationConfig: { accessPointId: "fsap-1", iam: "ENABLED" },
        },
      },
    ]);
    expect(measure?.mountPoints).toEqual([{ sourceVolume: "efs", containerPath: "/mnt/efs" }]);
    expect(router?.mountPoints).toBeUndefined();
  });

  test("ends when the measuring container ends, and gives it time to remove its files", () => {
    expect(measure).toMatchObject({ essential: true, stopTimeout: 120, readonlyRootFilesystem: true });
    expect(measure?.dependsOn).toEqual([{ containerName: "router", condition: "HEALTHY" }]);
  });

  test("writes to a log group that the execution role may write to", () => {
    for (const container of [router, measure]) {
      expect(container?.logConfiguration).toMatchObject({
        logDriver: "awslogs",
        options: { "awslogs-group": "/ecs/firelens", "awslogs-region": "ap-northeast-1" },
      });
    }
  });
});

test("what is measured fits into a task definition, which ECS limits to 64 KiB", async () => {
  const script = await measuringScript(settingsOf("id"));
  const task = comparisonTask(DEPLOYED, "id", script);
  expect(JSON.stringify(task).length).toBeLessThan(64 * 1024);
});

test("the price grows with the files, and is far below the limit", () => {
  expect(maxPrice(WORKLOAD)).toBeLessThan(MAX_DOLLARS / 10);
  expect(maxPrice({ ...WORKLOAD, filesPerRound: 1e6 })).toBeGreaterThan(MAX_DOLLARS);
});

test("lines of others are not results", () => {
  expect(parseLine("(node:7) Warning: something")).toBeUndefined();
  expect(parseLine('{"level":"INFO"}')).toBeUndefined();
  expect(parseLine('{"end":{"error":"It was stopped"}}')).toEqual({ end: { error: "It was stopped" } });
});

test("a ratio is that of the same round, and a round that one side lacks has none", () => {
  const of = (side: Result["side"], round: number, p50: number): Result => ({
    side,
    operation: "read",
    atOnce: 1,
    round,
    operations: 10,
    seconds: 1,
    p50,
    p99: p50,
  });
  const report = toReport([
    of("mount", 0, 2),
    of("router", 0, 1),
    of("router", 1, 4),
    of("mount", 1, 2),
    of("mount", 2, 9),
  ]);
  const [line] = report.split("\n").filter((text) => text.includes("median, ms"));
  expect(line).toMatch(/read .* 1 .* median, ms .* 2 .* 2\.5 .* 1\.25 \(0\.5 to 2\)/);
});
