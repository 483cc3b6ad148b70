/** Refuses requests for files while the process is short of memory or its event loop is late. */
import { getHeapStatistics } from "node:v8";
import underPressure from "@fastify/under-pressure";
import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import type { HttpLimits } from "../limits.ts";
import { BATCH_URL } from "../routes/batch.ts";
import { FILES_URL, PREVIEW_URL } from "../routes/files/resource.ts";
import { ProblemError } from "../semantics/problem.ts";

/** Of V8's own limit, at which the process ends. */
const HEAP_SHARE = 0.9;

/** Milliseconds between two measurements of memory and event loop, at least. */
const MIN_SAMPLE_INTERVAL = 1_000;

/** In-flight requests that are always served: the process may never give its memory back. */
const ALWAYS_SERVED = 4;

const FILE_ROUTES: ReadonlySet<string | undefined> = new Set([FILES_URL, PREVIEW_URL, BATCH_URL]);

const REASONS: Readonly<Record<string, string>> = {
  eventLoopDelay: "its event loop is late",
  heapUsedBytes: "its heap is nearly full",
  rssBytes: "it uses nearly all of its memory",
};

interface LoadSheddingOptions extends Pick<HttpLimits, "maxMemory" | "maxEventLoopDelay"> {
  /** Default: those of the file API. Operators must be able to look at a busy router. */
  readonly isForFiles?: (request: FastifyRequest) => boolean;
}

export const loadShedding = fp<LoadSheddingOptions>(
  async (app, { maxMemory, maxEventLoopDelay, isForFiles = isForFileApi }) => {
    await app.register(underPressure, {
      // In an interval with fewer than two turns of the event loop, its delay cannot be measured, and counts as
      // infinite. In one that is twice as long as the limit, there are so few only where the limit is passed indeed.
      sampleInterval: Math.max(MIN_SAMPLE_INTERVAL, 2 * maxEventLoopDelay),
      maxEventLoopDelay,
      maxRssBytes: maxMemory,
      maxHeapUsedBytes: HEAP_SHARE * getHeapStatistics().heap_size_limit,
      pressureHandler: async (request, _reply, type) => {
        if (!isForFiles(request) || app.inFlight.count <= ALWAYS_SERVED) return;
        throw new ProblemError(503, `The router has too much to do: ${REASONS[type] ?? type}`);
      },
    });
  },
  { name: "load-shedding", fastify: "5.x", dependencies: ["in-flight-responses", "problems"] },
);

function isForFileApi({ routeOptions }: FastifyRequest): boolean {
  return FILE_ROUTES.has(routeOptions.url);
}
