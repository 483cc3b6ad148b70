/** The log router between a container's output and local S3 and CloudWatch Logs, and what went wrong on the way. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { TestContext } from "vitest";
import { z } from "zod";
import type { LogEvent } from "../../../local/cloudwatch-logs/log-store.ts";
import { type LocalCloudWatchLogs, startLocalCloudWatchLogs } from "../../../local/cloudwatch-logs/server.ts";
import type { Fault } from "../../../local/control-plane/server.ts";
import { type LogDriver, openLogDriver } from "../../../local/firelens/log-driver.ts";
import { type LogRouter, type LogRouterOptions, startLogRouter } from "../../../local/firelens/log-router.ts";
import type { Exit } from "../../../local/machine/process.ts";
import { type LocalS3, startLocalS3 } from "../../../local/s3/server.ts";
import { type Command, program } from "../../support/programs.ts";

export const fluentBit = program(
  "fluent-bit",
  "version 5.0 or later from https://docs.fluentbit.io/manual/installation, on the PATH",
);

/** Whether to run the suites at their full length. */
export const FULL_LENGTH = process.env.LOG_ROUTING_FULL_LENGTH === "1";

export const TASK_ID = "0123456789abcdef0123456789abcdef";
export const TASK = {
  cluster: "efs-mount-autoscaling",
  taskArn: `arn:aws:ecs:ap-northeast-1:123456789012:task/efs-mount-autoscaling/${TASK_ID}`,
  taskDefinition: "router:7",
};
export const BUCKET = "logs-bucket";
export const ERROR_LOG_GROUP = "/ecs/backend/errors";

/** Milliseconds: the container's stopTimeout. */
const STOP_TIMEOUT = 120_000;

/** The last lines of Fluent Bit that a failed test shows. */
const LINES_SHOWN = 40;

const recordSchema = z.record(z.string(), z.unknown());

/** A record as it was stored. */
export type LogRecord = z.infer<typeof recordSchema>;

type Service = "s3" | "logs";

export interface LogRouting {
  readonly router: LogRouter;
  /** What Fluent Bit printed. */
  readonly output: readonly string[];
  /** The operations of S3 and CloudWatch Logs that Fluent Bit called. */
  readonly operations: ReadonlySet<string>;
  /** How the services answer from now on; undefined is well. `refuse` closes their ports. */
  setFault(service: Service, fault: Fault | "refuse" | undefined): Promise<void>;
  openDriver(options?: { containerName?: string; address?: { host: string; port: number } }): Promise<LogDriver>;
  /** Ends the router, which flushes what it has. */
  stop(): Promise<Exit>;
  /** The objects in the bucket: key and records. */
  objects(): Promise<{ key: string; size: number; records: LogRecord[] }[]>;
  /** The records of all objects. */
  stored(): Promise<LogRecord[]>;
  /** The events in the error log group. */
  errorEvents(): Promise<LogEvent[]>;
  /** The records in the error log group. */
  errors(): Promise<LogRecord[]>;
  /** The streams in the error log group. */
  errorStreams(): Promise<string[]>;
}

/** Starts all of it for the test that runs; its end ends it. */
export async function startLogRouting(
  [fluentBit]: Command,
  { onTestFinished, onTestFailed }: Pick<TestContext, "onTestFinished" | "onTestFailed">,
  options: Partial<Pick<LogRouterOptions, "s3UploadTimeout" | "objectSize" | "drainSeconds" | "retryLimit">> = {},
): Promise<LogRouting> {
  const directory = await mkdtemp(join(tmpdir(), "logs-"));
  const services = await startServices(directory);
  const output: string[] = [];
  const router = await startLogRouter({
    fluentBit,
    directory,
    task: TASK,
    region: "ap-northeast-1",
    bucket: BUCKET,
    errorLogGroup: ERROR_LOG_GROUP,
    s3Endpoint: services.s3.url,
    cloudWatchLogsEndpoint: services.logs.url,
    s3UploadTimeout: "10m",
    drainSeconds: 2,
    ...options,
    onLine: (line) => output.push(line),
  });
  let stopped: Promise<Exit> | undefined;
  const stop = (timeout: number) => {
    stopped ??= router.stop(timeout);
    return stopped;
  };
  onTestFinished(async () => {
    await stop(0);
    await services.close();
    await rm(directory, { recursive: true, force: true });
  });
  onTestFailed(() => console.log(output.slice(-LINES_SHOWN).join("\n")));
  const objects = async () => {
    const { store } = services.s3;
    const found = await store.listObjects(BUCKET, "");
    return Promise.all(
      found.map(async ({ key, size }) => ({ key, size, records: readRecords(await store.getObject(BUCKET, key)) })),
    );
  };
  const errorEvents = async () => {
    const { store } = services.logs;
    const streams = await store.streams(ERROR_LOG_GROUP);
    return (await Promise.all(streams.map((stream) => store.events(ERROR_LOG_GROUP, stream)))).flat();
  };
  return {
    router,
    output,
    operations: services.operations,
    setFault: services.setFault,
    openDriver: ({ containerName = "router", address } = {}) =>
      openLogDriver({ address: address ?? { path: router.socketPath }, containerName, taskId: TASK_ID }),
    stop: () => stop(STOP_TIMEOUT),
    objects,
    stored: async () => (await objects()).flatMap(({ records }) => records),
    errorEvents,
    errors: async () => (await errorEvents()).map(({ message }) => recordSchema.parse(JSON.parse(message))),
    errorStreams: () => services.logs.store.streams(ERROR_LOG_GROUP),
  };
}

interface Services {
  readonly s3: LocalS3;
  readonly logs: LocalCloudWatchLogs;
  readonly operations: ReadonlySet<string>;
  setFault(service: Service, fault: Fault | "refuse" | undefined): Promise<void>;
  close(): Promise<void>;
}

async function startServices(directory: string): Promise<Services> {
  const faults: { [Name in Service]?: Fault | undefined } = {};
  const operations = new Set<string>();
  const onCall =
    (service: Service) =>
    ({ operation }: { readonly operation: string }) => {
      operations.add(operation);
      return faults[service];
    };
  const start = {
    s3: (port = 0) =>
      startLocalS3({
        directory: join(directory, "s3"),
        buckets: [BUCKET],
        port,
        // As on AWS, and since Fluent Bit 5.0.9 waits for ever where a plain connection ends without an answer.
        tls: true,
        onCall: onCall("s3"),
      }),
    logs: (port = 0) =>
      startLocalCloudWatchLogs({
        directory: join(directory, "logs"),
        groups: [ERROR_LOG_GROUP],
        port,
        onCall: onCall("logs"),
      }),
  };
  const s3 = await start.s3();
  const logs = await start.logs();
  const running: { [Name in Service]?: { close(): Promise<void> } | undefined } = { s3, logs };
  const ports = { s3: Number(new URL(s3.url).port), logs: Number(new URL(logs.url).port) };
  return {
    s3,
    logs,
    operations,
    setFault: async (service, fault) => {
      faults[service] = fault === "refuse" ? undefined : fault;
      if (fault === "refuse") {
        await running[service]?.close();
        running[service] = undefined;
      } else {
        running[service] ??= await start[service](ports[service]);
      }
    },
    close: async () => {
      await Promise.all(Object.values(running).map((server) => server?.close()));
    },
  };
}

/** The lines of a gzip body, each of them one JSON object in UTF-8. */
function readRecords(body: Buffer): LogRecord[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(gunzipSync(body));
  if (!text.endsWith("\n")) throw new Error("The last line has no end");
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => recordSchema.parse(JSON.parse(line)));
}
