/** A span for each operation on files, with all its attempts at mount targets. */
import { tracingChannel } from "node:diagnostics_channel";
import { OPERATION_CHANNEL, type OperationMessage } from "@efs-mount-autoscaling/routed-files";
import { SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";
import { type ActiveSpan, activeSpan, recordingSpan, within } from "./active-span.ts";

/** @returns a function that ends it. */
export function traceOperations(tracer: Tracer): () => void {
  const channel = tracingChannel<ActiveSpan | undefined, OperationMessage>(OPERATION_CHANNEL);
  const started = new WeakMap<OperationMessage, ActiveSpan>();
  const start = (message: OperationMessage): ActiveSpan | undefined => {
    const parent = recordingSpan();
    if (parent === undefined) return activeSpan.getStore();
    const { operation, path } = message;
    const options = { startTime: parent.timeOrigin + performance.now(), attributes: { "file.path": path } };
    const active = { ...parent, span: tracer.startSpan(`file ${operation}`, options, within(parent.span)) };
    started.set(message, active);
    return active;
  };
  const end = (published: unknown) => {
    // Nothing else is published on the channel.
    const message = published as OperationMessage;
    const active = started.get(message);
    if (active !== undefined) endSpan(active, message);
  };
  channel.start.bindStore(activeSpan, start);
  channel.asyncEnd.subscribe(end);
  return () => {
    channel.start.unbindStore(activeSpan);
    channel.asyncEnd.unsubscribe(end);
  };
}

function endSpan({ span, timeOrigin }: ActiveSpan, { tried, error, isFailure }: OperationMessage): void {
  span.setAttribute("routed_files.mount_targets", tried);
  if (error instanceof Error) {
    span.setAttribute(ATTR_ERROR_TYPE, error.name);
    if (isFailure) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  }
  span.end(timeOrigin + performance.now());
}
