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
      env: environment(options, 2020),
    });

    expect(stdout + stderr).toContain("configuration test is successful");
  });
});
