/**
 * The Lambda function: counts the files of an EFS file system and, past a threshold, adds a mount target.
 *
 * EventBridge invokes it on a schedule. It also runs outside Lambda: where AWS is comes from the environment alone.
 */
import { Logger } from "@aws-lambda-powertools/logger";
import * as z from "zod";
import { type AwsClients, createAwsClients } from "./aws/session.ts";
import { deadlineIn } from "./deadline.ts";
import { publishMetrics, SERVICE_NAME } from "./metrics.ts";
import { monitor } from "./monitor.ts";
import type { MonitorResult } from "./result.ts";
import type { Memory, Run } from "./run.ts";
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

const memory: Memory = { unsupportedZones: new Set() };

/** The event of a rule with a schedule. https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html */
const scheduledEventSchema = z.object({ source: z.literal("aws.events"), "detail-type": z.literal("Scheduled Event") });

/** Runs the monitor once. Any event will do: a run acts on what it sees. One that is not the schedule's always counts. */
export async function handler(event: unknown, context: InvocationContext = {}): Promise<MonitorResult> {
  logger.appendKeys({ function_request_id: context.awsRequestId });
  const isScheduled = scheduledEventSchema.safeParse(event).success;
  const result = await run({ mustCount: !isScheduled }, context);
  logger.info("The run is over", { result });
  publishMetrics(process.env.EFS_FILE_SYSTEM_ID || "unknown", result);
  return result;
}

async function run({ mustCount }: Pick<Run, "mustCount">, context: InvocationContext): Promise<MonitorResult> {
  const deadline = deadlineIn((context.getRemainingTimeInMillis?.() ?? MAX_RUN_TIME) - TIME_TO_RETURN);
  try {
    const settings = readSettings(process.env);
    clients ??= createAwsClients();
    const aws = { ...clients, signal: deadline.signal };
    return await monitor({ mustCount, memory, settings, aws, deadline, log: logger });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    logger.error("The environment is not valid", { error });
    return { statusCode: 500, error: error.message };
  }
}
