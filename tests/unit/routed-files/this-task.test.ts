import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { thisTask } from "../../../packages/routed-files/src/this-task.ts";
import { memoryLog } from "../../support/memory-router.ts";

/** An endpoint that gives each of these responses in turn, and then the last one again. */
async function endpoint(...responses: { status?: number; body: string }[]): Promise<{ uri: string; paths: string[] }> {
  const paths: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    const { status = 200, body } = responses[Math.min(paths.length, responses.length - 1)] ?? { body: "" };
    paths.push(url);
    response.writeHead(status).end(body);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { uri: `http://127.0.0.1:${port}/v4/task-id`, paths };
}

test("the zone of a task is the one that the metadata endpoint names, when it does", async () => {
  const { uri, paths } = await endpoint(
    { status: 500, body: "" },
    { body: JSON.stringify({ Cluster: "default", AvailabilityZone: "ap-northeast-1c" }) },
  );
  const { log, lines } = memoryLog();
  expect((await thisTask(uri, log)).zone).toBe("ap-northeast-1c");
  expect(paths).toEqual(["/v4/task-id/task", "/v4/task-id/task"]);
  expect(lines).toEqual([]);
});

test.each([
  { because: "the endpoint fails", response: { status: 500, body: "" } },
  { because: "the endpoint names none", response: { body: "{}" } },
  { because: "the endpoint says no JSON", response: { body: "no" } },
])("a router starts without its zone, with one WARN, when $because", async ({ response }) => {
  const { uri, paths } = await endpoint(response);
  const { log, lines } = memoryLog();
  expect((await thisTask(uri, log)).zone).toBeUndefined();
  expect(paths).toHaveLength(3);
  expect(lines.map(({ level }) => level)).toEqual(["WARN"]);
});

test("outside ECS there is no zone, and nothing to warn of", async () => {
  const { log, lines } = memoryLog();
  expect((await thisTask(undefined, log)).zone).toBeUndefined();
  expect(lines).toEqual([]);
});
