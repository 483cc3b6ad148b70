/**
 * The inside of a Lambda execution environment: loads the function's bundle once, then handles one event at a time.
 *
 * Started by function.ts, with the bundle's path and the handler's name as arguments. It ends when the
 * process that started it does.
 */
import { createRequire } from "node:module";
import { clockSchema, goBy } from "../clock.ts";
import { type Invocation, type ToHost, toHostSchema } from "./messages.ts";

const [bundle = "", handlerName = ""] = process.argv.slice(2);
/** For deadlines, which are on the clock of the process that started this one. */
const realTime = Date.now;
if (process.env.LOCAL_CLOCK !== undefined) goBy(clockSchema.parse(JSON.parse(process.env.LOCAL_CLOCK)));
const handler = loadHandler();

process.on("disconnect", () => process.exit());
process.on("message", async (message) => {
  const { event, ...invocation } = toHostSchema.parse(message);
  process.send?.(await handle(event, contextOf(invocation)));
});

function loadHandler(): (event: unknown, context: object) => unknown {
  const exported: unknown = createRequire(import.meta.url)(bundle)[handlerName];
  if (typeof exported !== "function") throw new Error(`${bundle} exports no function ${handlerName}`);
  return (event, context) => exported(event, context);
}

async function handle(event: unknown, context: object): Promise<Invocation> {
  try {
    return { outcome: "returned", payload: (await handler(event, context)) ?? null };
  } catch (error) {
    return error instanceof Error
      ? { outcome: "failed", errorType: error.name, errorMessage: error.message }
      : { outcome: "failed", errorType: typeof error, errorMessage: String(error) };
  }
}

/** The context object of the Node.js runtime (Lambda developer guide, "Using the Lambda context object"). */
function contextOf({ requestId, deadline }: Omit<ToHost, "event">): object {
  const { env } = process;
  return {
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: env.LOCAL_FUNCTION_ARN,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: requestId,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - realTime()),
  };
}
