/**
 * The Lambda function: counts the files of an EFS file system and, past a threshold, adds a mount target.
 *
 * EventBridge invokes it on a schedule. It also runs outside Lambda: nothing but the environment says where AWS is.
 */
import { Logger } from "@aws-lambda-powertools/logger";
import { type AwsClients, createAwsClients } from "./aws/session.ts";
import { deadlineIn } from "./deadline.ts";
import { publishMetrics, SERVICE_NAME } from "./metrics.ts";
import { monitor } from "./monitor.ts";
import type { MonitorResult } from "./result.ts";
import { readSettings, SettingsError } from "./settings.ts";

/** The part of Lambda's context that is used. */
export interface InvocationContext {
  readonly awsRequestId?: string;
  /** Without it, as outside Lambda, a run has the time that Lambda grants at most. */
  readonly getRemainingTimeInMillis?: () => number;
}

const LONGEST_RUN = 900_000;

/** What a run keeps of its time to answer. */
const TIME_TO_ANSWER = 1_000;

const logger = new Logger({ serviceName: SERVICE_NAME });

/** Kept between the invocations that this process serves: the connections are. */
let clients: AwsClients | undefined;

/** Runs the monitor once. The event is not looked at: every run compares what is with what should be. */
export async function handler(_event: unknown, context: InvocationContext = {}): Promise<MonitorResult> {
  logger.appendKeys({ function_request_id: context.awsRequestId });
  const result = await run(context);
  logger.info("The run is over", { result });
  publishMetrics(process.env.EFS_FILE_SYSTEM_ID || "unknown", result);
  return result;
}

async function run(context: InvocationContext): Promise<MonitorResult> {
  const deadline = deadlineIn((context.getRemainingTimeInMillis?.() ?? LONGEST_RUN) - TIME_TO_ANSWER);
  try {
    const settings = readSettings(process.env);
    clients ??= createAwsClients();
    return await monitor({ settings, aws: { ...clients, signal: deadline.signal }, deadline, log: logger });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    logger.error("The environment is not valid", { error });
    return { statusCode: 500, error: error.message };
  }
}
