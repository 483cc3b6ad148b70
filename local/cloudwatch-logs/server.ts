/**
 * Amazon CloudWatch Logs on one loopback port, over TLS with a certificate made at the start: writing events, and what
 * it takes to read them back.
 *
 * TLS because Fluent Bit's `cloudwatch_logs` output speaks nothing else.
 *
 * Rules, errors and names: CloudWatch Logs API reference.
 */
import { randomUUID } from "node:crypto";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { z } from "zod";
import { AwsError } from "../control-plane/aws-error.ts";
import { json11 } from "../control-plane/protocols.ts";
import type { Fault } from "../control-plane/server.ts";
import { makeCertificate } from "../machine/certificate.ts";
import { LogStore } from "./log-store.ts";

/** A call as it came in. */
interface LogsCall {
  readonly operation: string;
  readonly input: unknown;
}

interface LocalCloudWatchLogsOptions {
  /** Events are kept here, one folder a group, one file a stream. */
  readonly directory: string;
  /** Log groups to make where they are missing. */
  readonly groups: readonly string[];
  readonly host?: string;
  /** 0, the default, lets the operating system choose. */
  readonly port?: number;
  /** Sees every call before it takes effect, and may break it. */
  readonly onCall?: (call: LogsCall) => Fault | undefined | Promise<Fault | undefined>;
}

export interface LocalCloudWatchLogs {
  readonly url: string;
  readonly store: LogStore;
  close(): Promise<void>;
}

type Operation = (store: LogStore, input: unknown) => Promise<object>;

/** Above the largest batch: every byte of 1 MiB escaped in JSON. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

const groupSchema = z.object({ logGroupName: z.string().min(1).max(512) });
const streamSchema = groupSchema.extend({
  logStreamName: z
    .string()
    .min(1)
    .max(512)
    .regex(/^[^:*]*$/, "must have no : and no *"),
});

const OPERATIONS: Readonly<Record<string, Operation>> = {
  CreateLogGroup: operation(groupSchema, async (store, { logGroupName }) => {
    await store.createGroup(logGroupName);
    return {};
  }),
  CreateLogStream: operation(streamSchema, async (store, { logGroupName, logStreamName }) => {
    await store.createStream(logGroupName, logStreamName);
    return {};
  }),
  DescribeLogStreams: operation(groupSchema, async (store, { logGroupName }) => ({
    logStreams: (await store.streams(logGroupName)).map((logStreamName) => ({ logStreamName })),
  })),
  PutLogEvents: operation(
    streamSchema.extend({
      logEvents: z.array(z.object({ timestamp: z.int().min(0), message: z.string().min(1) })).min(1),
    }),
    async (store, { logGroupName, logStreamName, logEvents }) => {
      const rejected = await store.putEvents(logGroupName, logStreamName, logEvents, Date.now());
      return Object.keys(rejected).length === 0 ? {} : { rejectedLogEventsInfo: rejected };
    },
  ),
  FilterLogEvents: operation(groupSchema, async (store, { logGroupName }) => {
    const streams = await store.streams(logGroupName);
    const events = streams.map(async (logStreamName) =>
      (await store.events(logGroupName, logStreamName)).map((event) => ({ ...event, logStreamName })),
    );
    return { events: (await Promise.all(events)).flat().sort((a, b) => a.timestamp - b.timestamp) };
  }),
};

/** Starts the server. */
export async function startLocalCloudWatchLogs(options: LocalCloudWatchLogsOptions): Promise<LocalCloudWatchLogs> {
  const store = new LogStore(options.directory);
  for (const group of options.groups) await store.createGroup(group).catch(unlessItExists);

  async function respond(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const requestId = randomUUID();
    try {
      const target = String(request.headers["x-amz-target"]);
      const operation = target.replace(/^Logs_20140328\./, "");
      const run = OPERATIONS[operation];
      if (run === undefined) throw new AwsError("UnknownOperationException", 400, `Unknown operation ${target}`);
      const input = parseJson(request.body);
      const fault = await options.onCall?.({ operation, input });
      const output = fault === undefined || fault.takesEffect ? await run(store, input) : {};
      if (fault === undefined) return send(reply, json11.success(operation, output, requestId));
      if (fault.response instanceof AwsError) throw fault.response;
      reply.hijack();
      if (fault.response === "connection-closed") request.raw.socket.destroy();
      return reply;
    } catch (error) {
      const failure =
        error instanceof AwsError ? error : new AwsError("InternalFailure", 500, String(error), { cause: error });
      return send(reply, json11.failure(failure, requestId));
    }
  }

  const app = fastify({ https: await makeCertificate(), forceCloseConnections: true, bodyLimit: MAX_REQUEST_BYTES });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.post("/", respond);

  const url = await app.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0 });
  return { url, store, close: () => app.close() };
}

function operation<Input>(
  schema: z.ZodType<Input>,
  run: (store: LogStore, input: Input) => Promise<object>,
): Operation {
  return async (store, input) => {
    const result = schema.safeParse(input);
    if (result.success) return run(store, result.data);
    throw new AwsError("InvalidParameterException", 400, z.prettifyError(result.error), { cause: result.error });
  };
}

function unlessItExists(error: unknown): void {
  if (!(error instanceof AwsError && error.code === "ResourceAlreadyExistsException")) throw error;
}

function parseJson(body: unknown): unknown {
  try {
    return JSON.parse(String(body));
  } catch (cause) {
    throw new AwsError("SerializationException", 400, "The body is not JSON", { cause });
  }
}

function send(reply: FastifyReply, response: ReturnType<typeof json11.success>): FastifyReply {
  return reply.code(response.statusCode).headers(response.headers).send(response.body);
}
