/** Whether the routers of a new primary take writes: asked until they do, and not for ever. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { awaitWrites, writesInWords } from "../../../failover/routers.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(answer: () => unknown, status = 200): Promise<string> {
  const started = createServer((_request, response) => response.writeHead(status).end(JSON.stringify(answer())));
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

const TAKING_OVER = { writable: false, reason: "it takes over" };

test("waits until they do", async () => {
  const answers: unknown[] = [TAKING_OVER];
  const url = await serve(() => answers.shift() ?? { writable: true });
  const waited: number[] = [];
  const routers = await awaitWrites(url, { timeout: 60_000, onWait: (seconds) => waited.push(seconds) });
  expect(waited).toHaveLength(1);
  expect(writesInWords(routers, 30)).toBe("Its routers take writes, all of them within 30 s.");
});

test("says why they do not when the time is over", async () => {
  const url = await serve(() => TAKING_OVER);
  const routers = await awaitWrites(url, { timeout: 0, onWait: () => {} });
  expect(writesInWords(routers, 30)).toBe("Its routers take no writes yet: it takes over.");
});

test("does not wait where nobody can ask them", async () => {
  for (const url of [undefined, await serve(() => "Bad Gateway", 502)]) {
    const routers = await awaitWrites(url, { timeout: 60_000, onWait: () => expect.unreachable() });
    expect(writesInWords(routers, 30)).toContain("cannot be reached from here");
  }
});
