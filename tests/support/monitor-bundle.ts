/**
 * The monitor as it ships: one run of its bundle, in a process of its own.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { MonitorResult } from "../../functions/file-monitor/result.ts";

export interface BundleRun {
  readonly result: MonitorResult;
  /** The line in embedded metric format. */
  readonly metrics: Readonly<Record<string, unknown>>;
}

/** @param environment all of it; nothing is inherited. */
export async function runMonitorBundle(environment: Readonly<Record<string, string>>): Promise<BundleRun> {
  const script = `require("./dist/file-monitor/index.cjs").handler({}).then((r) => console.log(JSON.stringify(r)))`;
  const credentials = { AWS_REGION: "ap-northeast-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], {
    env: { ...credentials, ...environment },
  });
  const [metrics = "", result = ""] = stdout.trimEnd().split("\n").slice(-2);
  return { metrics: JSON.parse(metrics), result: JSON.parse(result) };
}
