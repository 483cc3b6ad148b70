/** Refusing work while the process has too much of it, before its memory or its event loop goes. */
import { getHeapStatistics } from "node:v8";
import underPressure from "@fastify/under-pressure";
import type { AnswersUnderWay } from "./answers-under-way.ts";
import type { App } from "./app.ts";
import type { HttpLimits } from "./limits.ts";
import { ProblemError } from "./problem.ts";
import { FILES_PREFIX } from "./request-path.ts";

/** Of V8's own limit, at which the process ends. */
const HEAP_SHARE = 0.9;

/** Milliseconds from one look at memory and event loop to the next, at least. */
const SAMPLE_INTERVAL = 1_000;

/** Requests that are served all the same: memory that the process does not give back must not stop it for ever. */
const ALWAYS_SERVED = 4;

const REASONS: Readonly<Record<string, string>> = {
  eventLoopDelay: "its event loop is late",
  heapUsedBytes: "its heap is nearly full",
  rssBytes: "it uses nearly all of its memory",
};

/** @param underWay With the answer to the request that is asked about. */
export async function shedLoad(app: App, limits: HttpLimits, underWay: AnswersUnderWay): Promise<void> {
  await app.register(underPressure, {
    // In an interval with fewer than two turns of the event loop, its delay cannot be measured, and counts as infinite.
    // In one that is twice as long as the limit, there are so few only where the limit is passed indeed.
    sampleInterval: Math.max(SAMPLE_INTERVAL, 2 * limits.maxEventLoopDelay),
    maxEventLoopDelay: limits.maxEventLoopDelay,
    maxRssBytes: limits.maxMemory,
    maxHeapUsedBytes: HEAP_SHARE * getHeapStatistics().heap_size_limit,
    pressureHandler: async ({ routeOptions }, _reply, type) => {
      // Operators must be able to look at a busy router.
      const isForFiles = routeOptions.url?.startsWith(FILES_PREFIX) ?? false;
      if (!isForFiles || underWay.count <= ALWAYS_SERVED) return;
      throw new ProblemError(503, `The router has too much to do: ${REASONS[type] ?? type}`);
    },
  });
}
