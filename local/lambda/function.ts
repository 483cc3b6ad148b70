/**
 * A Lambda function on this machine: its bundle runs in a process of its own, which is kept for the next event,
 * and replaced after a crash or a timeout, as Lambda does.
 */
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Clock } from "../clock.ts";
import type { LogSink } from "../logs/log-line.ts";
import { type ManagedProcess, startProcess } from "../machine/process.ts";
import { typescriptProgram } from "../machine/typescript-program.ts";
import { type Invocation, invocationSchema } from "./messages.ts";

interface LambdaFunctionOptions {
  readonly functionName: string;
  readonly region: string;
  readonly accountId: string;
  /** Path of the CommonJS bundle. */
  readonly bundle: string;
  /** Name of its exported handler. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds an invocation may take. */
  readonly timeout: number;
  /** MiB. The function can read it; nothing enforces it here. */
  readonly memorySize: number;
  /** What the function takes for the time; the time when absent. */
  readonly clock?: Clock | undefined;
  readonly log: LogSink;
}

export interface LambdaFunction {
  /**
   * Runs the function. Its reserved concurrency is 1.
   *
   * @throws {TooManyRequestsError} when an invocation is running.
   */
  invoke(event: unknown): Promise<Invocation>;
  /** Ends the process, and with it an invocation that runs. */
  close(): Promise<void>;
}

/** The function has no concurrency left. */
export class TooManyRequestsError extends Error {
  override readonly name = "TooManyRequestsError";
}

const HOST_PROGRAM = fileURLToPath(new URL("host.ts", import.meta.url));
/** Milliseconds between SIGTERM and SIGKILL. */
const STOP_TIMEOUT = 500;

/** Makes a function. Its process starts with its first event. */
export function createLambdaFunction(options: LambdaFunctionOptions): LambdaFunction {
  const { functionName, timeout } = options;
  let host: ManagedProcess | undefined;
  let settle: ((invocation: Invocation) => void) | undefined;

  function startHost(): ManagedProcess {
    const child = startProcess([...typescriptProgram(HOST_PROGRAM), options.bundle, options.handler], {
      env: environmentOf(options),
      onLine: (text, stream) => options.log({ source: functionName, stream, text }),
      onMessage: (message) => settle?.(invocationSchema.parse(message)),
    });
    void child.exited.then(({ code, signal, error }) => {
      if (host !== child) return;
      host = undefined;
      const how = error?.message ?? (signal === null ? `exit status ${code}` : `signal ${signal}`);
      settle?.({ outcome: "failed", errorType: "Runtime.ExitError", errorMessage: `The runtime ended: ${how}` });
    });
    return child;
  }

  async function abandonHost(): Promise<void> {
    const abandoned = host;
    host = undefined;
    await abandoned?.stop(STOP_TIMEOUT);
  }

  return {
    invoke: async (event) => {
      if (settle !== undefined) {
        throw new TooManyRequestsError(`${functionName} is running, and its reserved concurrency is 1`);
      }
      const settled = new Promise<Invocation>((resolve) => {
        settle = resolve;
      });
      const timer = setTimeout(() => {
        const errorMessage = `Task timed out after ${(timeout / 1000).toFixed(2)} seconds`;
        settle?.({ outcome: "failed", errorType: "Sandbox.Timedout", errorMessage });
        void abandonHost();
      }, timeout);
      host ??= startHost();
      host.send({ requestId: randomUUID(), event, deadline: Date.now() + timeout });
      const invocation = await settled;
      clearTimeout(timer);
      settle = undefined;
      return invocation;
    },
    close: async () => {
      settle?.({ outcome: "failed", errorType: "Runtime.ExitError", errorMessage: "The function was closed" });
      await abandonHost();
    },
  };
}

/** What Lambda adds to a function's own environment (Lambda developer guide, "Defined runtime environment variables"). */
function environmentOf(options: LambdaFunctionOptions): Record<string, string> {
  const { functionName, region, accountId, memorySize, clock, environment } = options;
  return {
    ...environment,
    ...(clock && { LOCAL_CLOCK: JSON.stringify(clock) }),
    AWS_REGION: region,
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memorySize),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${randomUUID()}`,
    TZ: ":UTC",
    LOCAL_FUNCTION_ARN: `arn:aws:lambda:${region}:${accountId}:function:${functionName}`,
  };
}
