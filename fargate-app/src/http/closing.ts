/** The orderly end of an HTTP server. */
import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "./app.ts";

/** Milliseconds between looks at what is still under way. */
const INTERVAL = 20;

/** Tells how many requests a server is answering. */
export function countRequests(server: Server): () => number {
  let underWay = 0;
  server.on("request", (_request, response) => {
    underWay += 1;
    response.once("close", () => {
      underWay -= 1;
    });
  });
  return () => underWay;
}

/**
 * Takes no new connections, waits for the requests under way, and closes all connections: also those that clients have
 * opened and never used, which Node's own close() waits for.
 *
 * @param timeout Milliseconds, after which the requests that are still under way are cut off.
 * @returns How many were cut off.
 */
export async function closeServer(app: App, requestsUnderWay: () => number, timeout: number): Promise<number> {
  const deadline = performance.now() + timeout;
  const closed = app.close();
  while (requestsUnderWay() > 0 && performance.now() < deadline) await sleep(INTERVAL);
  const cutOff = requestsUnderWay();
  app.server.closeAllConnections();
  await closed;
  return cutOff;
}
