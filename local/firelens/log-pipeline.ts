/**
 * Where the tasks' lines go on this machine when Fluent Bit is there: through the log router, as on AWS, to local S3 and
 * CloudWatch Logs. One log router carries the lines of all tasks; on AWS each task has its own.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { ACCOUNT_ID, CLUSTER_NAME, REGION } from "../account.ts";
import { startLocalCloudWatchLogs } from "../cloudwatch-logs/server.ts";
import type { LogLine, LogSink } from "../logs/log-line.ts";
import { type Cleanups, startWith } from "../machine/cleanups.ts";
import { makeTemporaryDirectory } from "../machine/temporary-directory.ts";
import { startLocalS3 } from "../s3/server.ts";
import { type LogDriver, openLogDriver } from "./log-driver.ts";
import { startLogRouter } from "./log-router.ts";

/** What arrived by the end. */
interface Arrived {
  readonly objects: number;
  readonly lines: number;
  readonly errors: number;
}

export interface LogPipeline {
  /** Takes the lines of the router's tasks, and leaves others alone. */
  readonly write: LogSink;
  /** Where the objects and the log events are, as files. */
  readonly s3Directory: string;
  readonly errorLogDirectory: string;
  /** Sends the last lines on, stops everything, and removes the files, once however often it is called. */
  close(): Promise<Arrived>;
}

/** Why there is no pipeline. */
export const NO_FLUENT_BIT =
  "The tasks' logs stay here: fluent-bit is not on the PATH (https://docs.fluentbit.io/manual/installation).";

const BUCKET = "logs-bucket";
const ERROR_LOG_GROUP = "/ecs/backend/errors";
const STOP_TIMEOUT = 60_000;
const DRIVER_TIMEOUT = 5_000;

/** Starts the pipeline; undefined where Fluent Bit is not on the PATH. */
export async function startLogPipeline(onFluentBitLine: (line: string) => void): Promise<LogPipeline | undefined> {
  if (!(await isOnPath("fluent-bit"))) return undefined;
  return startWith((cleanups) => start(cleanups, onFluentBitLine));
}

async function start(cleanups: Cleanups, onLine: (line: string) => void): Promise<LogPipeline> {
  const directory = await makeTemporaryDirectory("logs-");
  cleanups.add(() => directory.remove());
  const s3Directory = join(directory.path, "s3");
  const logsDirectory = join(directory.path, "cloudwatch-logs");
  const s3 = await startLocalS3({ directory: s3Directory, buckets: [BUCKET] });
  cleanups.add(() => s3.close());
  const logs = await startLocalCloudWatchLogs({ directory: logsDirectory, groups: [ERROR_LOG_GROUP] });
  cleanups.add(() => logs.close());
  const router = await startLogRouter({
    fluentBit: "fluent-bit",
    directory: directory.path,
    task: {
      cluster: CLUSTER_NAME,
      taskArn: `arn:aws:ecs:${REGION}:${ACCOUNT_ID}:task/${CLUSTER_NAME}/local`,
      taskDefinition: "router:1",
    },
    region: REGION,
    bucket: BUCKET,
    errorLogGroup: ERROR_LOG_GROUP,
    s3Endpoint: s3.url,
    cloudWatchLogsEndpoint: logs.url,
    s3UploadTimeout: "5s",
    drainSeconds: 1,
    onLine,
  });
  cleanups.add(() => router.stop(STOP_TIMEOUT));

  const drivers = new Map<string, Promise<LogDriver>>();
  const driverOf = ({ source }: LogLine): Promise<LogDriver> => {
    const [containerName = "", taskId = ""] = source.split("/");
    const driver =
      drivers.get(source) ?? openLogDriver({ address: { path: router.socketPath }, containerName, taskId });
    drivers.set(source, driver);
    return driver;
  };
  const close = async (): Promise<Arrived> => {
    for (const driver of drivers.values()) await driver.then((open) => open.close(DRIVER_TIMEOUT)).catch(() => {});
    await router.stop(STOP_TIMEOUT);
    const objects = await s3.store.listObjects(BUCKET, "");
    const bodies = await Promise.all(objects.map(({ key }) => s3.store.getObject(BUCKET, key)));
    const streams = await logs.store.streams(ERROR_LOG_GROUP);
    const events = await Promise.all(streams.map((stream) => logs.store.events(ERROR_LOG_GROUP, stream)));
    await cleanups.run();
    return {
      objects: objects.length,
      lines: bodies.reduce((sum, body) => sum + countLines(body), 0),
      errors: events.flat().length,
    };
  };
  let closing: Promise<Arrived> | undefined;
  return {
    s3Directory: join(s3Directory, BUCKET),
    errorLogDirectory: join(logsDirectory, encodeURIComponent(ERROR_LOG_GROUP)),
    write: (line) => {
      if (!line.source.startsWith("router/")) return;
      const time = new Date();
      driverOf(line).then(
        (driver) => driver.write(line.text, line.stream, time),
        () => {}, // The log router is gone: there is nowhere to send the line.
      );
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** What arrived, in a sentence. */
export function describeArrived({ objects, lines, errors }: Arrived): string {
  return `The tasks' logs went through Fluent Bit: ${lines} lines to S3, in ${objects} objects, and ${errors} errors to CloudWatch Logs.`;
}

function countLines(body: Buffer): number {
  return gunzipSync(body).toString().split("\n").length - 1;
}

async function isOnPath(program: string): Promise<boolean> {
  try {
    await promisify(execFile)(program, ["--version"]);
    return true;
  } catch {
    return false;
  }
}
