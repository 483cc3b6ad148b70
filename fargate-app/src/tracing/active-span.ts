/** The span that the current operation belongs to. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";

export interface ActiveSpan {
  readonly span: Span;
  /** That of the HTTP request. */
  readonly request: Span;
  /**
   * When `performance.now()` was 0, in milliseconds since 1970: all spans of a request have one clock, which is finer
   * than `Date.now()` and not set while the request lasts.
   */
  readonly timeOrigin: number;
}

export const activeSpan = new AsyncLocalStorage<ActiveSpan | undefined>();

/**
 * The active span, where its request is in flight and sampled. Timers and connections outlive the request in which they
 * were made: what they do later belongs to no trace.
 */
export function recordingSpan(): ActiveSpan | undefined {
  const active = activeSpan.getStore();
  return active?.request.isRecording() ? active : undefined;
}

/** For spans within another one. */
export function within(span: Span): Context {
  return trace.setSpan(ROOT_CONTEXT, span);
}
