/**
 * The Lambda function: counts the files of an EFS file system and, past a threshold, adds a mount target.
 *
 * EventBridge invokes it on a schedule. It also runs outside Lambda: where AWS is comes from the environment alone.
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
  /** Outside Lambda it is absent; a run then has the longest time that Lambda allows. */
  readonly getRemainingTimeInMillis?: () => number;
}

/** Milliseconds: Lambda's longest timeout. */
const MAX_RUN_TIME = 900_000;

/** Milliseconds that a run keeps to return its result. */
const TIME_TO_RETURN = 1_000;

const logger = new Logger({ serviceName: SERVICE_NAME });

/** Kept between the invocations of this process, for their connections. */
let clients: AwsClients | undefined;

/** Runs the monitor once. The event is ignored: every run compares what is with what should be. */
export async function handler(_event: unknown, context: InvocationContext = {}): Promise<MonitorResult> {
  logger.appendKeys({ function_request_id: context.awsRequestId });
  const result = await run(context);
  logger.info("The run is over", { result });
  publishMetrics(process.env.EFS_FILE_SYSTEM_ID || "unknown", result);
  return result;
}

async function run(context: InvocationContext): Promise<MonitorResult> {
  const deadline = deadlineIn((context.getRemainingTimeInMillis?.() ?? MAX_RUN_TIME) - TIME_TO_RETURN);
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
