/**
 * One run of the monitor against AWS in memory.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { deadlineIn } from "../../functions/file-monitor/deadline.ts";
import { monitor } from "../../functions/file-monitor/monitor.ts";
import type { MonitorResult } from "../../functions/file-monitor/result.ts";
import { readSettings } from "../../functions/file-monitor/settings.ts";
import type { Fault, MemoryAws } from "./memory-aws.ts";

export interface RunOptions {
  /** Over the settings of a run that finds three files and has a threshold of 2. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly faults?: ReadonlyMap<number, Fault>;
  /** How often the SDK sends a call. */
  readonly maxAttempts?: number;
  /** Milliseconds. */
  readonly time?: number;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** Makes a directory of three files for the suite, and returns what runs the monitor on it. */
export function useMonitor(): (aws: MemoryAws, options?: RunOptions) => Promise<MonitorResult & { log: LogLine[] }> {
  const directory = mkdtempSync(join(tmpdir(), "file-monitor-"));
  for (const name of ["a", "b", "c"]) writeFileSync(join(directory, name), "");
  afterAll(() => rmSync(directory, { recursive: true }));

  return async (aws, { environment, faults, maxAttempts = 1, time = 10_000 } = {}) => {
    const log: LogLine[] = [];
    const writer = (level: string) => (message: string, fields: Readonly<Record<string, unknown>>) => {
      log.push({ level, message, fields: { ...fields } });
    };
    const deadline = deadlineIn(time);
    const result = await monitor({
      settings: readSettings({
        EFS_MOUNT_PATH: directory,
        TARGET_DIRECTORY: "/",
        FILE_COUNT_THRESHOLD: "2",
        EFS_FILE_SYSTEM_ID: aws.fileSystemId,
        EFS_SECURITY_GROUP_ID: "sg-0123abcd",
        VPC_ID: aws.vpcId,
        ECS_CLUSTER_NAME: "cluster",
        ECS_SERVICE_NAME: "router",
        MOUNT_TARGET_POLL_INTERVAL_SECONDS: "0.001",
        MOUNT_TARGET_TIMEOUT_SECONDS: "0.5",
        ...environment,
      }),
      aws: { ...aws.clients(faults, { maxAttempts }), signal: deadline.signal },
      deadline,
      log: { info: writer("INFO"), warn: writer("WARN"), error: writer("ERROR") },
    });
    return { ...result, log };
  };
}
