import { Agent } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { onlyWorker } from "../../../../fargate-app/src/workers/group.ts";
import { MemoryNetwork } from "../../../support/memory-router.ts";
import { startMemoryServer } from "../../../support/memory-server.ts";
import { send } from "../../../support/worker-processes.ts";

/** @returns how many requests each connection served, in the order in which they were opened. */
async function requestsByConnection(workers: number, requests: number): Promise<number[]> {
  const server = await startMemoryServer(new MemoryNetwork(1), { group: { ...onlyWorker(), size: workers } });
  onTestFinished(() => server.close());
  const served: number[] = [];
  server.app.server.on("connection", () => served.push(0));
  server.app.server.on("request", () => {
    served[served.length - 1] = (served.at(-1) ?? 0) + 1;
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  for (let request = 0; request < requests; request += 1) {
    const { status } = await send(`${server.url}/livez`, { agent });
    expect(status).toBe(200);
  }
  return served;
}

test("a connection to one of several workers ends after 1,000 requests, none of which fails", async () => {
  expect(await requestsByConnection(2, 2_500)).toEqual([1_000, 1_000, 500]);
});

test("a connection to the only worker stays", async () => {
  expect(await requestsByConnection(1, 1_500)).toEqual([1_500]);
});
