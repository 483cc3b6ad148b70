import { DescribeServicesCommand, UpdateServiceCommand, waitUntilServicesStable } from "@aws-sdk/client-ecs";
import { afterEach, expect, test, vi } from "vitest";
import { CLUSTER_NAME, createAccount, SERVICE_NAME } from "../../../local/account.ts";
import { startDeployment } from "../../../local/control-plane/ecs-deployments.ts";
import { startControlPlane } from "../../../local/control-plane/server.ts";
import type { Service, TaskDefinition } from "../../../local/control-plane/state.ts";
import { type EcsRunnerOptions, startEcsRunner } from "../../../local/ecs/runner.ts";
import { startLoadBalancer } from "../../../local/load-balancer/load-balancer.ts";
import type { LogLine } from "../../../local/logs/log-line.ts";
import { clients } from "../../support/aws-clients.ts";

/** Stands in for the router: responds with its process id, and behaves as MODE says. */
const TASK = `
  const { createServer } = require("node:http");
  const { MODE, HOST, PORT } = process.env;
  if (MODE === "crash") { console.error("out of order"); process.exit(3); }
  let ready = MODE !== "never-ready";
  const server = createServer((request, response) => {
    if (request.url === "/die") process.exit(1);
    if (request.url === "/break") ready = false;
    if (request.url === "/readyz") response.statusCode = ready ? 200 : 503;
    setTimeout(() => response.end(String(process.pid)), 10);
  });
  server.listen(PORT, HOST, () => console.log("listening"));
  process.on("SIGTERM", () => {
    if (MODE === "stubborn") return;
    console.log("bye");
    server.close(() => process.exit(0));
  });
`;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function taskDefinition(revision: number, mode: string): TaskDefinition {
  return {
    family: "router",
    revision,
    containerName: "router",
    command: [process.execPath, "-e", TASK],
    environment: { MODE: mode },
    stopTimeout: mode === "stubborn" ? 0.2 : 10,
  };
}

async function start({ desiredCount = 2, mode = "fine", startPeriod = 10_000 } = {}) {
  const now = new Date();
  const modes = [mode, "crash", "never-ready"];
  const service: Service = {
    serviceName: SERVICE_NAME,
    clusterName: CLUSTER_NAME,
    status: "ACTIVE",
    desiredCount,
    taskDefinition: "router:1",
    deploymentConfiguration: {
      minimumHealthyPercent: 100,
      maximumPercent: 200,
      deploymentCircuitBreaker: { enable: true, rollback: true },
    },
    deployments: [],
    serviceDeployments: [],
    events: [],
    createdAt: now,
  };
  const environment = { now, newId: (prefix: string) => `${prefix}1`, maxPageSize: 100 };
  const controlPlane = await startControlPlane({
    state: {
      ...createAccount(now),
      taskDefinitions: modes.map((one, index) => taskDefinition(index + 1, one)),
      services: [startDeployment(service, "router:1", environment)],
    },
  });
  cleanups.push(() => controlPlane.close());
  const lines: LogLine[] = [];
  const balancer = await startLoadBalancer();
  const options: EcsRunnerOptions = {
    controlPlane,
    loadBalancer: balancer,
    clusterName: CLUSTER_NAME,
    serviceName: SERVICE_NAME,
    healthCheck: { path: "/readyz", interval: 20, timeout: 5_000, unhealthyThreshold: 2, startPeriod },
    metadataUri: () => "http://127.0.0.1:1",
    log: (line) => lines.push(line),
  };
  const runner = startEcsRunner(options);
  cleanups.push(() => runner.close());
  cleanups.push(() => balancer.close());
  const { ecs } = clients(controlPlane.url);
  const request = async (path = "/") => {
    const response = await fetch(balancer.url + path);
    if (!response.ok) throw new Error(`Status ${response.status}`);
    return Number(await response.text());
  };
  const describeService = async () => {
    const response = await ecs.send(new DescribeServicesCommand({ cluster: CLUSTER_NAME, services: [SERVICE_NAME] }));
    return response.services?.[0];
  };
  const steady = () =>
    vi.waitFor(
      async () => {
        const service = await describeService();
        expect(service?.deployments).toHaveLength(1);
        expect(service?.deployments?.[0]).toMatchObject({
          rolloutState: "COMPLETED",
          runningCount: service?.desiredCount,
        });
        return service;
      },
      { timeout: 60_000, interval: 50 },
    );
  const update = (input: object) =>
    ecs.send(new UpdateServiceCommand({ cluster: CLUSTER_NAME, service: SERVICE_NAME, ...input }));
  /** The processes that respond, once each of `count` has. */
  const pids = (count: number) =>
    vi.waitFor(
      async () => {
        const seen = new Set<number>();
        for (let i = 0; i < count * 2; i++) seen.add(await request());
        expect(seen.size).toBe(count);
        return seen;
      },
      { timeout: 60_000 },
    );
  return { controlPlane, runner, ecs, lines, request, describeService, steady, update, pids };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("forceNewDeployment replaces every task while requests go on, and none fails", async () => {
  const { ecs, lines, request, steady, update, pids } = await start();
  await steady();
  const before = await pids(2);
  let stop = false;
  let served = 0;
  const failures: unknown[] = [];
  const client = async () => {
    while (!stop)
      await request().then(
        () => served++,
        (error) => failures.push(error),
      );
  };
  const load = Promise.all([client(), client(), client(), client()]);
  await update({ forceNewDeployment: true });
  await waitUntilServicesStable(
    { client: ecs, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
    { cluster: CLUSTER_NAME, services: [SERVICE_NAME] },
  );
  await steady();
  stop = true;
  await load;
  expect(failures).toEqual([]);
  expect(served).toBeGreaterThan(10);
  const after = await pids(2);
  expect([...after].filter((pid) => before.has(pid))).toEqual([]);
  expect([...before].filter(isAlive)).toEqual([]);
  expect(lines.filter((line) => line.text === "listening" && /^router\/[0-9a-f]{8}$/.test(line.source))).toHaveLength(
    4,
  );
  expect(lines.filter((line) => line.text === "bye")).toHaveLength(2);
});

test("a task definition whose tasks crash is rolled back, and the old tasks serve all the time", async () => {
  const { request, lines, steady, update, describeService } = await start();
  await steady();
  await update({ taskDefinition: "router:2" });
  expect((await describeService())?.deployments).toMatchObject([{ status: "PRIMARY" }, { status: "ACTIVE" }]);
  const service = await steady();
  expect(service?.taskDefinition).toBe("router:1");
  expect(service?.events?.map((event) => event.message).join()).toMatch(/rolling back to deployment/);
  expect(
    lines.filter((line) => line.text === "out of order" && line.stream === "stderr").length,
  ).toBeGreaterThanOrEqual(3);
  await request();
});

test("tasks that never become ready are never asked, and rolled back", async () => {
  const { request, steady, update } = await start({ startPeriod: 2_000 });
  await steady();
  await update({ taskDefinition: "router:3" });
  await request();
  expect((await steady())?.taskDefinition).toBe("router:1");
});

test("a task that dies, and one that is no longer ready, are replaced", async () => {
  const { steady, pids, request, describeService } = await start();
  await steady();
  const [first, second] = [...(await pids(2))];
  await request("/die").catch(() => {});
  await vi.waitFor(async () => expect((await describeService())?.runningCount).toBe(2), { timeout: 60_000 });
  const [survivor] = [...(await pids(2))].filter((pid) => pid === first || pid === second);
  expect(survivor).toBeDefined();
  const broken = await request("/break");
  await vi.waitFor(() => expect(isAlive(broken)).toBe(false), { timeout: 60_000 });
  expect((await pids(2)).has(broken)).toBe(false);
});

test("a task that ignores SIGTERM is killed", async () => {
  const { steady, pids, runner } = await start({ mode: "stubborn", desiredCount: 1 });
  await steady();
  const [pid] = await pids(1);
  await runner.close();
  expect(isAlive(pid ?? 0)).toBe(false);
});

test("close in the middle of a roll leaves no process", async () => {
  const { steady, update, runner, controlPlane } = await start();
  await steady();
  await update({ forceNewDeployment: true });
  await vi.waitFor(() => expect(controlPlane.state().tasks.length).toBe(4), { timeout: 60_000 });
  await runner.close();
  expect(controlPlane.state().tasks.map((task) => task.lastStatus)).toEqual(Array(4).fill("STOPPED"));
});
