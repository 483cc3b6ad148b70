import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runMonitorBundle } from "../support/monitor-bundle.ts";

test("an environment that can't work is a failed run, which names all that is wrong with it", async () => {
  const { result, metrics } = await runMonitorBundle({
    EFS_FILE_SYSTEM_ID: "fs-0123abcd",
    FILE_COUNT_THRESHOLD: "many",
  });
  expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining('FILE_COUNT_THRESHOLD is "many"') });
  expect(result).toMatchObject({ error: expect.stringContaining("VPC_ID is missing") });
  expect(metrics).toMatchObject({ RunFailed: 1 });
});

test("a run that can't reach AWS fails, and its metrics say what it counted", async () => {
  const mountPath = await mkdtemp(join(tmpdir(), "file-monitor-bundle-"));
  onTestFinished(() => rm(mountPath, { recursive: true }));
  await writeFile(join(mountPath, "file"), "");
  const { result, metrics } = await runMonitorBundle({
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    EFS_FILE_SYSTEM_ID: "fs-0123abcd",
    EFS_SECURITY_GROUP_ID: "sg-0123abcd",
    EFS_MOUNT_PATH: mountPath,
    TARGET_DIRECTORY: "/",
    VPC_ID: "vpc-0123abcd",
    ROLLOUT: "hot-reload",
  });
  expect(result).toMatchObject({ statusCode: 500, error: expect.stringContaining("ECONNREFUSED"), fileCount: 1 });
  expect(metrics).toMatchObject({
    service: "file-monitor",
    FileSystemId: "fs-0123abcd",
    FileCount: 1,
    RunFailed: 1,
    _aws: {
      CloudWatchMetrics: [{ Namespace: "EfsMountAutoscaling", Dimensions: [["service", "FileSystemId"]] }],
    },
  });
});
