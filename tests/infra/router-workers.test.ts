/** What a stack's routers have of processes. */
import { describe, expect, test } from "vitest";
import { containersIn } from "./containers.ts";
import { registerStack } from "./stack.ts";

async function workersOf(config: Record<string, string>): Promise<unknown> {
  const { resources } = await registerStack(config);
  const definition = resources.find(({ type, name }) => type.endsWith(":TaskDefinition") && name === "router");
  const router = containersIn(definition?.inputs.containerDefinitions).find(({ name }) => name === "router");
  return router?.environment.find(({ name }) => name === "ROUTER_WORKERS")?.value;
}

describe("a router has", () => {
  test.each([
    ["one process where it has less than two vCPUs", { taskCpu: "1024", taskMemory: "2048" }, "1"],
    ["one for each of its vCPUs", { taskCpu: "2048", taskMemory: "4096" }, "2"],
    ["four on the largest task", { taskCpu: "4096", taskMemory: "8192" }, "4"],
    ["as many as the configuration says", { taskCpu: "4096", taskMemory: "8192", routerWorkers: "3" }, "3"],
  ])("%s", async (_, config, workers) => {
    expect(await workersOf(config)).toBe(workers);
  });
});
