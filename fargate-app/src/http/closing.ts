/** The orderly end of an HTTP server. */
import type { Server, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "./app.ts";

/** Milliseconds between looks at what is still under way. */
const INTERVAL = 20;

/** The answers that a server owes, in the order in which their requests came. */
export function answersUnderWay(server: Server): ReadonlySet<ServerResponse> {
  const underWay = new Set<ServerResponse>();
  server.on("request", (_request, response) => {
    underWay.add(response);
    response.once("close", () => underWay.delete(response));
  });
  return underWay;
}

/**
 * Takes no new connections, waits for the requests under way, and closes all connections: also those that clients have
 * opened and never used, which Node's own close() waits for.
 *
 * @param timeout Milliseconds, after which the requests that are still under way are cut off.
 * @returns How many were cut off.
 */
export async function closeServer(app: App, underWay: ReadonlySet<ServerResponse>, timeout: number): Promise<number> {
  const deadline = performance.now() + timeout;
  const closed = app.close();
  announceEnd(underWay);
  while (underWay.size > 0 && performance.now() < deadline) await sleep(INTERVAL);
  const cutOff = underWay.size;
  app.server.closeAllConnections();
  await closed;
  return cutOff;
}

/** Says in the last answer of each connection that it is the last: a request after it would meet a closed one. */
function announceEnd(underWay: ReadonlySet<ServerResponse>): void {
  const last = new Map(Array.from(underWay, (response) => [response.req.socket, response]));
  for (const response of last.values()) {
    if (!response.headersSent) response.setHeader("connection", "close");
  }
}
