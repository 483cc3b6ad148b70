/**
 * A span for each HTTP request, as the semantic conventions for HTTP servers have it:
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 *
 * It continues the trace of the request's `traceparent` (W3C Trace Context), and the response's `traceresponse` names it
 * (the editors' draft of the same group: https://w3c.github.io/trace-context/#traceresponse-header).
 */
import {
  type Attributes,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from "@opentelemetry/semantic-conventions";
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { isFinished } from "../http/plugins/observation.ts";
import { activeSpan } from "./active-span.ts";

const propagator = new W3CTraceContextPropagator();

/** What load balancers and Prometheus ask for all the time. */
const UNTRACED: ReadonlySet<string | undefined> = new Set(["/livez", "/healthz", "/readyz", "/metrics"]);

/** Must be registered before the plugins whose work it is to cover. */
export const requestSpans = fp<{ readonly tracer: Tracer }>(
  async (app, { tracer }) => {
    app.addHook("onRequest", (request, reply, done) => {
      if (UNTRACED.has(request.routeOptions.url)) return done();
      const parent = propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
      const startTime = Date.now();
      const timeOrigin = startTime - performance.now();
      const span = tracer.startSpan(nameOf(request), { kind: SpanKind.SERVER, startTime }, parent);
      const context = span.spanContext();
      request.log = reply.log = request.log.child(logFieldsOf(context));
      reply.header("traceresponse", traceParentOf(context));
      // Most requests are not sampled, and what follows would cost as much for them.
      if (!span.isRecording()) return activeSpan.run(undefined, done);
      span.setAttributes(attributesOf(request));
      // Fastify does not call onResponse when the client goes away.
      reply.raw.once("close", () => {
        noteOutcome(span, reply);
        span.end(timeOrigin + performance.now());
      });
      activeSpan.run({ span, request: span, timeOrigin }, done);
    });
  },
  { name: "request-spans", fastify: "5.x" },
);

function nameOf({ method, routeOptions: { url } }: FastifyRequest): string {
  const known = METHODS.has(method) ? method : "HTTP";
  return url === undefined ? known : `${known} ${url}`;
}

/** Those of RFC 9110 §9 and RFC 5789, which the conventions name. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);

function attributesOf(request: FastifyRequest): Attributes {
  const { method, originalUrl, routeOptions, raw, headers } = request;
  const [path = "", query] = splitOnce(originalUrl, "?");
  return {
    ...(METHODS.has(method)
      ? { [ATTR_HTTP_REQUEST_METHOD]: method }
      : { [ATTR_HTTP_REQUEST_METHOD]: "_OTHER", [ATTR_HTTP_REQUEST_METHOD_ORIGINAL]: method }),
    [ATTR_HTTP_ROUTE]: routeOptions.url,
    [ATTR_URL_SCHEME]: request.protocol,
    [ATTR_URL_PATH]: path,
    [ATTR_URL_QUERY]: query && withoutSecrets(query),
    [ATTR_SERVER_ADDRESS]: request.hostname,
    [ATTR_SERVER_PORT]: request.port ?? undefined,
    [ATTR_CLIENT_ADDRESS]: request.ip,
    [ATTR_NETWORK_PEER_ADDRESS]: raw.socket.remoteAddress,
    [ATTR_NETWORK_PEER_PORT]: raw.socket.remotePort,
    [ATTR_NETWORK_PROTOCOL_VERSION]: raw.httpVersion,
    [ATTR_USER_AGENT_ORIGINAL]: headers["user-agent"],
  };
}

function splitOnce(text: string, separator: string): string[] {
  const index = text.indexOf(separator);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + separator.length)];
}

/** Of a presigned URL, whoever has the signature can use it. */
function withoutSecrets(query: string): string {
  return query.replace(/(^|&)(X-Amz-(?:Signature|Credential|Security-Token))=[^&]*/gi, "$1$2=REDACTED");
}

function noteOutcome(span: Span, reply: FastifyReply): void {
  const { statusCode } = reply;
  if (reply.raw.headersSent) span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, statusCode);
  const error = isFinished(reply) ? (statusCode >= 500 ? String(statusCode) : undefined) : "response_unfinished";
  if (error !== undefined) span.setAttribute(ATTR_ERROR_TYPE, error).setStatus({ code: SpanStatusCode.ERROR });
}

/** The names of the specification, "Trace Context in non-OTLP Log Formats". */
function logFieldsOf({ traceId, spanId, traceFlags }: SpanContext) {
  return { trace_id: traceId, span_id: spanId, trace_flags: hexByte(traceFlags) };
}

function traceParentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${hexByte(traceFlags)}`;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
