/** A collector of traces: takes OTLP over HTTP, in protobuf, and keeps the spans. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import protobuf from "protobufjs";
import { onTestFinished } from "vitest";
import { z } from "zod";

/** What the tests read of an export: opentelemetry/proto/collector/trace/v1/trace_service.proto, and what that imports. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4;
    string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
    repeated KeyValue attributes = 9;
    Status status = 15;
  }
  message Status { int32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue {
    oneof value {
      string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
      ArrayValue array_value = 5;
    }
  }
  message ArrayValue { repeated AnyValue values = 1; }
`);
const exportRequest = root.lookupType("Request");

type Value = string | number | boolean | Value[];

const anyValue: z.ZodType<Value> = z.lazy(() =>
  z.union([
    z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
    z.object({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
    z.object({ intValue: z.number() }).transform(({ intValue }) => intValue),
    z.object({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
    z.object({ arrayValue: z.object({ values: z.array(anyValue) }) }).transform(({ arrayValue }) => arrayValue.values),
  ]),
);

const attributes = z
  .array(z.object({ key: z.string(), value: anyValue }))
  .transform((list): Record<string, Value> => Object.fromEntries(list.map(({ key, value }) => [key, value])));

const id = z.instanceof(Buffer).transform((bytes) => bytes.toString("hex"));

const exported = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: id,
              spanId: id,
              /** Empty where there is none. */
              parentSpanId: id,
              name: z.string(),
              /** 1 internal, 2 server, 3 client. */
              kind: z.number(),
              startTimeUnixNano: z.number(),
              endTimeUnixNano: z.number(),
              attributes,
              /** Code 2 is an error. */
              status: z.object({ code: z.number() }),
            }),
          ),
        }),
      ),
    }),
  ),
});

export type ReceivedSpan = z.infer<typeof exported>["resourceSpans"][number]["scopeSpans"][number]["spans"][number] & {
  readonly resource: Record<string, Value>;
};

export interface OtlpCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Responds with this status from now on, and keeps nothing unless it is 200. */
  status: number;
  /** Exports that came, also those that it refused. */
  readonly requests: number;
}

/** For one test. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: ReceivedSpan[] = [];
  const state = { status: 200, requests: 0 };
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request);
    state.requests += 1;
    if (request.url !== "/v1/traces" || request.headers["content-type"] !== "application/x-protobuf") {
      response.writeHead(415).end();
      return;
    }
    if (state.status === 200) spans.push(...spansIn(body));
    response.writeHead(state.status).end();
  };
  const server = createServer((request, response) => void receive(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = z.object({ port: z.number() }).parse(server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    get status() {
      return state.status;
    },
    set status(status) {
      state.status = status;
    },
    get requests() {
      return state.requests;
    },
  };
}

function spansIn(body: Buffer): ReceivedSpan[] {
  const message = exportRequest.toObject(exportRequest.decode(body), { defaults: true, longs: Number });
  return exported
    .parse(message)
    .resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, resource: resource.attributes }))),
    );
}
