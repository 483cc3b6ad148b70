/**
 * The log router as ECS runs it: the image's entry point and configuration, with the main file that ECS writes.
 *
 * The one difference is that Fluent Bit is this machine's own.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findCommonPort } from "../machine/loopback.ts";
import { type Exit, startProcess } from "../machine/process.ts";
import { type FireLensTask, fireLensConfiguration } from "./configuration.ts";

export type LogObjectSize = "small" | "large";

export interface LogRouterOptions {
  /** The program: its path, or its name where it is on the PATH. */
  readonly fluentBit: string;
  /** For sockets, configuration and buffers; the path must be short, as those of Unix sockets are. */
  readonly directory: string;
  readonly task: FireLensTask;
  readonly region: string;
  readonly bucket: string;
  readonly errorLogGroup: string;
  /** `http://127.0.0.1:4566` */
  readonly s3Endpoint: string;
  /** `https://127.0.0.1:4567` */
  readonly cloudWatchLogsEndpoint: string;
  /** The time after which what was collected goes to S3, in Fluent Bit's units: `10m`. */
  readonly s3UploadTimeout: string;
  /** How large its objects in S3 are. Default: small. */
  readonly objectSize?: LogObjectSize;
  /** Seconds from SIGTERM until Fluent Bit gets it. */
  readonly drainSeconds?: number;
  /** Attempts to send a batch before it is given up. */
  readonly retryLimit?: number;
  /** Receives what Fluent Bit prints. */
  readonly onLine: (line: string) => void;
}

export interface LogRouter {
  /** Where the container runtime sends to, over the Fluent Forward protocol. */
  readonly socketPath: string;
  /** The same over TCP, on loopback. */
  readonly forwardPort: number;
  readonly healthUrl: string;
  /** Process id of Fluent Bit itself. */
  readonly pid: number;
  /** SIGTERM, then SIGKILL after `timeout` milliseconds, as ECS does it. */
  stop(timeout: number): Promise<Exit>;
}

/** The folder of configuration files, as the image has it at `/log-router`. */
const IMAGE = fileURLToPath(new URL("../../fluent-bit/", import.meta.url));
/** MB that the task definition reserves. */
export const MEMORY_RESERVATION: Readonly<Record<LogObjectSize, number>> = { small: 50, large: 384 };
const START_TIMEOUT = 20_000;
const START_ATTEMPTS = 3;

/**
 * Starts it, and waits until its health check passes.
 *
 * @throws {Error} with what Fluent Bit printed, if it does not start.
 */
export async function startLogRouter(options: LogRouterOptions): Promise<LogRouter> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(options);
    } catch (error) {
      // Fluent Bit cannot choose ports, and those chosen for it may be taken by then.
      if (attempt === START_ATTEMPTS || !String(error).includes("could not bind address")) throw error;
    }
  }
}

async function start(options: LogRouterOptions): Promise<LogRouter> {
  const socketPath = join(options.directory, "fluent.sock");
  const forwardPort = await findCommonPort(["127.0.0.1"]);
  const healthCheckPort = await findCommonPort(["127.0.0.1"]);
  const healthPort = await findCommonPort(["127.0.0.1"]);
  const configurationPath = await writeConfiguration(options, { socketPath, forwardPort, healthCheckPort });
  const output: string[] = [];
  let isUp = false;
  let pid = 0;
  const entrypoint = startProcess(["sh", join(IMAGE, "entrypoint.sh"), configurationPath], {
    env: environment(options, healthPort),
    onLine: (line) => {
      if (!isUp) output.push(line);
      pid = Number(/\[fluent bit\].* pid=(\d+)/.exec(line)?.[1] ?? pid);
      options.onLine(line);
    },
  });
  const healthUrl = `http://127.0.0.1:${healthPort}/api/v1/health`;
  isUp = await Promise.race([waitForHealth(healthUrl), entrypoint.exited.then(() => false)]);
  if (isUp) return { socketPath, forwardPort, healthUrl, pid, stop: (timeout) => entrypoint.stop(timeout) };
  await entrypoint.stop(0);
  throw new Error(`Fluent Bit did not start:\n${output.join("\n")}`);
}

/** Writes the main file and returns its path. */
export async function writeConfiguration(
  { directory, task, objectSize = "small" }: Pick<LogRouterOptions, "directory" | "task" | "objectSize">,
  inputs: { readonly socketPath: string; readonly forwardPort: number; readonly healthCheckPort: number },
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "fluent-bit.conf");
  const customFile = join(IMAGE, "fluent-bit.conf");
  const memoryReservation = MEMORY_RESERVATION[objectSize];
  const text = fireLensConfiguration({ ...inputs, memoryReservation, task, customFile });
  await writeFile(path, text);
  return path;
}

/** What the image and the task definition set. */
export function environment(
  options: Omit<LogRouterOptions, "onLine" | "task">,
  healthPort: number,
): Record<string, string> {
  const { hostname, port } = new URL(options.cloudWatchLogsEndpoint);
  return {
    PATH: process.env.PATH ?? "",
    FLUENT_BIT: options.fluentBit,
    LOG_ROUTER_DIRECTORY: IMAGE,
    BUFFER_DIRECTORY: join(options.directory, "buffer"),
    HEALTH_PORT: String(healthPort),
    DRAIN_SECONDS: String(options.drainSeconds ?? 5),
    RETRY_LIMIT: String(options.retryLimit ?? 240),
    AWS_REGION: options.region,
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    LOG_BUCKET_NAME: options.bucket,
    S3_ENDPOINT: options.s3Endpoint,
    S3_UPLOAD_TIMEOUT: options.s3UploadTimeout,
    LOG_OBJECT_SIZE: options.objectSize ?? "small",
    ERROR_LOG_GROUP_NAME: options.errorLogGroup,
    CLOUDWATCH_LOGS_ENDPOINT: hostname,
    CLOUDWATCH_LOGS_PORT: port,
    TLS_VERIFY: "Off",
  };
}

async function waitForHealth(url: string): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return true;
    await sleep(100);
  }
  return false;
}
