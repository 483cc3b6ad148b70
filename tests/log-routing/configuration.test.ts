import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { environment, writeConfiguration } from "../../local/firelens/log-router.ts";
import { describeRequiring } from "../support/requirements.ts";
import { fluentBit, TASK } from "./support/log-routing.ts";

describeRequiring([fluentBit], "the configuration", ([[fluentBit]]) => {
  test("is accepted inside the main file that ECS writes", async () => {
    const directory = await mkdtemp(join(tmpdir(), "logs-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const options = {
      fluentBit,
      directory,
      region: "ap-northeast-1",
      bucket: "logs-bucket",
      errorLogGroup: "/ecs/backend/errors",
      s3Endpoint: "",
      cloudWatchLogsEndpoint: "https://logs.ap-northeast-1.amazonaws.com",
      s3UploadTimeout: "10m",
    };
    const inputs = { socketPath: join(directory, "fluent.sock"), forwardPort: 24224, healthCheckPort: 8877 };
    const path = await writeConfiguration({ directory, task: TASK }, inputs);

    const { stdout, stderr } = await promisify(execFile)(fluentBit, ["--dry-run", "-c", path], {
      env: { ...environment(options, 2020), S3_UPLOAD_CHUNK_SIZE: "8M", S3_TOTAL_FILE_SIZE: "100M" },
    });

    expect(stdout + stderr).toContain("configuration test is successful");
  });
});

test("a size of objects that there is not is refused, with those that there are", async () => {
  const started = promisify(execFile)("sh", ["fluent-bit/entrypoint.sh"], { env: { LOG_OBJECT_SIZE: "medium" } });
  await expect(started).rejects.toMatchObject({
    code: 1,
    stderr: 'LOG_OBJECT_SIZE is "medium", but must be small or large\n',
  });
});
