/**
 * A span for each COMPOUND that an operation sent, as the semantic conventions for RPC clients have it:
 * https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/
 */
import { type Attributes, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from "@opentelemetry/semantic-conventions";
import { type CompoundMessage, onDiagnostics } from "nfs-client";
import { recordingSpan, within } from "./active-span.ts";

/** The service and the procedure that all of NFSv4 is (RFC 8881 §16). */
const METHOD = "nfs/COMPOUND";

/** With these, the server failed, and not what it was asked for. */
const SERVER_FAILURES: ReadonlySet<unknown> = new Set(["NFS4ERR_IO", "NFS4ERR_SERVERFAULT"]);

/** @returns a function that ends it. */
export function traceCompounds(tracer: Tracer): () => void {
  return onDiagnostics("nfs-client:compound", (message) => {
    const parent = recordingSpan();
    if (parent === undefined || keepsSession(message)) return;
    const startTime = parent.timeOrigin + message.startTime;
    const options = { kind: SpanKind.CLIENT, startTime, attributes: attributesOf(message) };
    const span = tracer.startSpan(METHOD, options, within(parent.span));
    const failure = failureOf(message);
    if (failure !== undefined) span.setAttribute(ATTR_ERROR_TYPE, failure).setStatus({ code: SpanStatusCode.ERROR });
    span.end(startTime + message.duration);
  });
}

/** The client's own, by a timer that a request may have started. */
function keepsSession({ operations }: CompoundMessage): boolean {
  return operations.length === 1;
}

function attributesOf(message: CompoundMessage): Attributes {
  const { operations, status, failedOperation, bytesSent, bytesReceived, server } = message;
  const port = server.lastIndexOf(":");
  return {
    [ATTR_RPC_SYSTEM_NAME]: "onc_rpc",
    [ATTR_RPC_METHOD]: METHOD,
    [ATTR_RPC_STATUS_CODE]: status === undefined ? undefined : String(status),
    [ATTR_SERVER_ADDRESS]: server.slice(0, port),
    [ATTR_SERVER_PORT]: Number(server.slice(port + 1)),
    "nfs_client.operations": [...operations],
    "nfs_client.failed_operation": failedOperation,
    "nfs_client.bytes_sent": bytesSent,
    "nfs_client.bytes_received": bytesReceived,
  };
}

function failureOf({ status, error }: CompoundMessage): string | undefined {
  return error?.name ?? (SERVER_FAILURES.has(status) ? String(status) : undefined);
}
