/** Traces the requests of this process, and exports their spans with OTLP. Loaded only where it is on. */
import { setTimeout as sleep } from "node:timers/promises";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { TracingSettings } from "../settings.ts";
import { traceCompounds } from "./compound-spans.ts";
import { LoggingExporter } from "./logging-exporter.ts";
import { traceOperations } from "./operation-spans.ts";
import { requestSpans } from "./request-spans.ts";
import { resourceOf, type TracedProcess } from "./resource.ts";
import { samplerOf } from "./sampler.ts";

export interface Tracing {
  /** Traces the requests of a server, from the plugins on that are registered after this. */
  readonly traceRequests: (app: FastifyInstance) => void;
  /** Exports what is left, for at most so many milliseconds. */
  readonly close: (timeout: number) => Promise<void>;
}

interface TracingOptions extends Omit<TracedProcess, "serviceName"> {
  readonly settings: TracingSettings;
  readonly log: Logger;
}

/** Characters of an attribute: a path may have many more, and all spans that wait are in memory. */
const MAX_ATTRIBUTE_LENGTH = 1024;

export function startTracing({ settings, log, ...process }: TracingOptions): Tracing {
  const { url, serviceName, delay, maxQueueSize, maxBatchSize } = settings;
  const exporter = new LoggingExporter(new OTLPTraceExporter({ url }), destinationOf(url), log);
  const provider = new TracerProvider({
    resource: resourceOf({ ...process, serviceName }),
    sampler: samplerOf(settings),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: delay,
        maxQueueSize,
        maxExportBatchSize: maxBatchSize,
      }),
    ],
  });
  const tracer = provider.getTracer("efs-mount-autoscaling");
  const ends = [traceOperations(tracer), traceCompounds(tracer)];
  log.info(`Traces are exported to ${destinationOf(url)}`);
  return {
    traceRequests: (app) => void app.register(requestSpans, { tracer }),
    close: async (timeout) => {
      for (const end of ends) end();
      const isExported = await Promise.race([
        provider.shutdown().then(
          () => true,
          // The exporter has said why.
          () => true,
        ),
        sleep(timeout, false, { ref: false }),
      ]);
      if (!isExported) log.warn(`The last spans could not be exported to ${destinationOf(url)} in time, and are lost`);
    },
  };
}

/** Without what only the exporter is to know. */
function destinationOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
