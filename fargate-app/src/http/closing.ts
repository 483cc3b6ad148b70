/** The orderly end of an HTTP server. */
import { setTimeout as sleep } from "node:timers/promises";
import type { AnswersUnderWay } from "./answers-under-way.ts";
import type { App } from "./app.ts";

/** Milliseconds between looks at what is still under way. */
const INTERVAL = 20;

/**
 * Takes no new connections, waits for the requests under way, and closes all connections: also those that clients have
 * opened and never used, which Node's own close() waits for.
 *
 * @param timeout Milliseconds, after which the requests that are still under way are cut off.
 * @returns How many were cut off.
 */
export async function closeServer(app: App, underWay: AnswersUnderWay, timeout: number): Promise<number> {
  const deadline = performance.now() + timeout;
  const closed = app.close();
  underWay.announceEnd();
  while (underWay.count > 0 && performance.now() < deadline) await sleep(INTERVAL);
  const cutOff = underWay.count;
  app.server.closeAllConnections();
  await closed;
  return cutOff;
}
