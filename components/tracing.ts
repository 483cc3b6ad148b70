import type { RouterEnvironment } from "./file-system-client.ts";

/** Where routers send their traces, and how many of them. */
export interface Tracing {
  /** The collector, which takes OTLP over HTTP. Example: `http://collector.internal:4318`. */
  readonly endpoint: URL;
  /** Of the requests whose callers have not decided, from 0 to 100. */
  readonly percent: number;
}

/** The collector's port. */
export function collectorPort({ port, protocol }: URL): number {
  return Number(port) || (protocol === "https:" ? 443 : 80);
}

/** What a router is told of its traces. */
export function tracingEnvironment({ endpoint, percent }: Tracing) {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.href,
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    // Without an exponent, however small.
    OTEL_TRACES_SAMPLER_ARG: (percent / 100).toFixed(8),
  } as const satisfies Partial<RouterEnvironment>;
}
