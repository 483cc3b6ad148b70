import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CLUSTER_NAME, createAccount, SERVICE_NAME } from "../../../../local/account.ts";
import { findService, replaceService } from "../../../../local/control-plane/ecs.ts";
import { primaryDeployment, startDeployment } from "../../../../local/control-plane/ecs-deployments.ts";
import type { Environment } from "../../../../local/control-plane/operation.ts";
import type { AwsState, Service, Task } from "../../../../local/control-plane/state.ts";
import { failureThreshold, plan } from "../../../../local/ecs/rollout.ts";
import {
  addTask,
  taskHealthy,
  taskStarted,
  taskStopped,
  taskStopping,
  tasksOf,
  taskUnhealthy,
} from "../../../../local/ecs/tasks.ts";

/** A service whose tasks do what the test says, in a time of its own. */
class World {
  state: AwsState;
  private time = 0;
  private ids = 0;
  private readonly environment = (): Environment => ({
    now: new Date(this.time),
    newId: (prefix) => `${prefix}${++this.ids}`,
    maxPageSize: Number.POSITIVE_INFINITY,
  });

  constructor(desiredCount: number, change: Partial<Service["deploymentConfiguration"]> = {}) {
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
        ...change,
      },
      deployments: [],
      serviceDeployments: [],
      events: [],
      createdAt: new Date(0),
    };
    this.state = {
      ...createAccount(new Date(0)),
      services: [startDeployment(service, "router:1", this.environment())],
    };
  }

  get service() {
    return findService(this.state, CLUSTER_NAME, SERVICE_NAME);
  }
  get primary() {
    return primaryDeployment(this.service);
  }
  get tasks() {
    return tasksOf(this.state, this.service);
  }
  get live() {
    return this.tasks.filter((task) => task.desiredStatus === "RUNNING");
  }
  get healthy() {
    return this.live.filter((task) => task.healthStatus === "HEALTHY");
  }

  /** Does what the scheduler wants; whatever is to stop, stops. */
  step() {
    const before = this.service;
    const next = plan(before, this.tasks, this.environment());
    this.state = replaceService(this.state, next.service);
    for (const { task, reason } of next.stop) {
      this.state = taskStopping(this.state, task.taskId, reason, this.environment());
    }
    for (let i = 0; i < next.start; i++) this.state = addTask(this.state, this.service, this.environment());
    this.time = Math.max(this.time + 1, next.again?.getTime() ?? 0);
    return next;
  }
  finishStopping() {
    for (const task of this.tasks.filter((one) => one.lastStatus === "DEACTIVATING")) this.exit(task);
  }
  becomeHealthy(task: Task) {
    this.state = taskStarted(this.state, task.taskId, { host: "127.0.0.1", port: 8000 }, this.environment());
    this.state = taskHealthy(this.state, task.taskId, this.environment());
  }
  becomeUnhealthy(task: Task) {
    this.state = taskUnhealthy(this.state, task.taskId, this.environment());
  }
  exit(task: Task) {
    this.state = taskStopped(this.state, task.taskId, { exitCode: 1, reason: "exited" }, this.environment());
  }
  /** What became of the deployments, newest first. */
  get history() {
    return this.service.serviceDeployments.map(({ status }) => status);
  }
  deploy(taskDefinition = "router:1") {
    this.state = replaceService(this.state, startDeployment(this.service, taskDefinition, this.environment()));
  }
  scale(desiredCount: number) {
    this.state = replaceService(this.state, { ...this.service, desiredCount });
  }
  /** Steps until nothing is left to do; new tasks become healthy if their definition is not `bad`. */
  settle(bad?: string) {
    for (let i = 0; i < 100; i++) {
      const events = this.service.events.length;
      const { start, stop, again } = this.step();
      this.finishStopping();
      const pending = this.live.filter((task) => task.healthStatus === "UNKNOWN");
      for (const task of pending) {
        if (task.taskDefinition === bad) this.exit(task);
        else this.becomeHealthy(task);
      }
      const moved = start + stop.length + pending.length + (this.service.events.length - events);
      if (moved === 0 && again === undefined) return;
    }
    throw new Error("The service never settles");
  }
}

describe("a rolling deployment", () => {
  test("starts all new tasks beside the old ones, and stops old ones as new ones become healthy", () => {
    const world = new World(2);
    world.settle();
    const old = world.healthy;
    world.deploy();
    expect(world.step()).toMatchObject({ start: 2, stop: [] });
    expect(world.step()).toMatchObject({ start: 0, stop: [] });
    const [first, second] = world.live.filter((task) => !old.includes(task)) as [Task, Task];
    world.becomeHealthy(first);
    expect(world.step().stop.map(({ task }) => task.taskId)).toEqual([old[0]?.taskId]);
    world.becomeHealthy(second);
    expect(world.step().stop.map(({ task }) => task.taskId)).toEqual([old[1]?.taskId]);
    expect(world.primary.rolloutState).toBe("IN_PROGRESS");
    world.finishStopping();
    world.step();
    expect(world.service.deployments).toMatchObject([{ status: "PRIMARY", rolloutState: "COMPLETED" }]);
    expect(world.service.events[0]?.message).toBe("(service router) has reached a steady state.");
    expect(world.step()).toMatchObject({ start: 0, stop: [], service: world.service });
  });

  test("without room above the desired count it first stops what it may", () => {
    const world = new World(4, { minimumHealthyPercent: 50, maximumPercent: 100 });
    world.settle();
    world.deploy();
    expect(world.step()).toMatchObject({ start: 0, stop: [{}, {}] });
    world.finishStopping();
    expect(world.step()).toMatchObject({ start: 2, stop: [] });
    world.settle();
    expect(world.primary.rolloutState).toBe("COMPLETED");
  });

  test("a task that dies is replaced; one that fails its checks is stopped and replaced", () => {
    const world = new World(2);
    world.settle();
    world.exit(world.live[0] as Task);
    expect(world.step()).toMatchObject({ start: 0, again: expect.any(Date) });
    expect(world.step().start).toBe(1);
    world.settle();
    world.becomeUnhealthy(world.live[0] as Task);
    expect(world.step().stop).toMatchObject([{ reason: "Task failed health checks" }]);
    world.settle();
    expect(world.healthy).toHaveLength(2);
    expect(world.service.deployments).toHaveLength(1);
  });

  test("one that another overtakes counts as stopped", () => {
    const world = new World(2);
    world.settle();
    world.deploy();
    world.deploy();
    expect(world.history).toEqual(["IN_PROGRESS", "STOPPED", "SUCCESSFUL"]);
    world.settle();
    expect(world.history).toEqual(["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
  });

  test("the desired count goes up and down", () => {
    const world = new World(2);
    world.settle();
    world.scale(5);
    world.settle();
    expect(world.healthy).toHaveLength(5);
    world.scale(1);
    world.settle();
    expect(world.healthy).toHaveLength(1);
  });
});

describe("the circuit breaker", () => {
  test("its threshold is half of the desired count, within 3 and 200", () => {
    expect([1, 2, 6, 7, 100, 1000].map(failureThreshold)).toEqual([3, 3, 3, 4, 50, 200]);
  });

  test("fails the deployment after three failed tasks and goes back to the last completed one", () => {
    const world = new World(2);
    world.settle();
    const before = world.healthy;
    world.deploy("router:2");
    world.settle("router:2");
    expect(world.service.deployments).toMatchObject([
      { status: "PRIMARY", rolloutState: "COMPLETED", taskDefinition: "router:1", isRollback: true },
    ]);
    expect(world.service.taskDefinition).toBe("router:1");
    expect(world.healthy).toHaveLength(2);
    expect(world.healthy).not.toEqual(before);
    expect(world.history).toEqual(["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);
    expect(world.service.events.map((event) => event.message.replace("(service router) ", "")).reverse()).toEqual([
      expect.stringMatching(/^\(deployment ecs-svc\/\S+\) deployment completed/),
      "has reached a steady state.",
      expect.stringMatching(/deployment failed: tasks failed to start/),
      expect.stringMatching(/^rolling back to deployment ecs-svc/),
      expect.stringMatching(/deployment completed/),
      "has reached a steady state.",
    ]);
  });

  test("a failed rollback is not rolled back again, and leaves what serves alone", () => {
    const world = new World(2);
    world.settle();
    const serving = world.healthy.map((task) => task.taskId);
    world.deploy();
    // From now on, whatever starts fails: the environment is broken, not the definition.
    for (let i = 0; i < 50; i++) {
      world.step();
      for (const task of world.live.filter((one) => one.healthStatus === "UNKNOWN")) world.exit(task);
    }
    expect(world.primary).toMatchObject({ rolloutState: "FAILED", isRollback: true });
    expect(world.history).toEqual(["ROLLBACK_FAILED", "SUCCESSFUL"]);
    expect(world.healthy.map((task) => task.taskId)).toEqual(serving);
    expect(world.step()).toMatchObject({ start: 0, stop: [] });
  });

  test("without rollback, or without anything to go back to, the deployment stays failed", () => {
    for (const world of [new World(2), new World(2, { deploymentCircuitBreaker: { enable: true, rollback: false } })]) {
      world.settle("router:1");
      expect(world.primary).toMatchObject({ rolloutState: "FAILED", failedTasks: 4 });
      expect(world.history).toEqual(["STOPPED"]);
      expect(world.live).toEqual([]);
    }
  });

  test("when it is off, tasks are tried for ever, ever more slowly", () => {
    const world = new World(1, { deploymentCircuitBreaker: { enable: false, rollback: false } });
    const waits: number[] = [];
    for (let i = 0; i < 30; i++) {
      const { again } = world.step();
      if (again !== undefined) waits.push(again.getTime() - (world.primary.lastFailureAt?.getTime() ?? 0));
      for (const task of world.live) world.exit(task);
    }
    expect(world.primary.rolloutState).toBe("IN_PROGRESS");
    expect(waits.slice(0, 3)).toEqual([100, 200, 400]);
    expect(Math.max(...waits)).toBe(10_000);
  });
});

describe("whatever happens to the tasks", () => {
  const happening = fc.oneof(
    fc.record({ kind: fc.constantFrom("healthy", "unhealthy", "exit"), which: fc.nat(20) }),
    fc.record({ kind: fc.constantFrom("deploy", "stopped", "step"), which: fc.constant(0) }),
  );
  const limits = fc.constantFrom([100, 200], [50, 100], [50, 200], [100, 150]);

  test("the scheduler keeps its limits, and reaches a steady state once tasks become healthy", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        limits,
        fc.array(happening, { maxLength: 60 }),
        (count, [min = 100, max = 200], happenings) => {
          // With no room between the two, ECS cannot replace a task either.
          fc.pre(Math.ceil((count * min) / 100) < Math.floor((count * max) / 100));
          const world = new World(count, { minimumHealthyPercent: min, maximumPercent: max });
          for (const { kind, which } of happenings) {
            const task = world.live[which % Math.max(1, world.live.length)];
            if (kind === "deploy") world.deploy();
            else if (kind === "stopped") world.finishStopping();
            else if (kind === "step") {
              const healthy = world.healthy.length;
              world.step();
              expect(world.live.length).toBeLessThanOrEqual(Math.max(count, Math.floor((count * max) / 100)));
              expect(world.healthy.length).toBeGreaterThanOrEqual(Math.min(healthy, Math.ceil((count * min) / 100)));
            } else if (task?.healthStatus === "HEALTHY" && kind === "unhealthy") world.becomeUnhealthy(task);
            else if (task !== undefined && kind === "exit") world.exit(task);
            else if (task?.healthStatus === "UNKNOWN" && kind === "healthy") world.becomeHealthy(task);
            expect(world.service.deployments.filter((one) => one.status === "PRIMARY")).toHaveLength(1);
          }
          world.deploy();
          world.settle();
          expect(world.service.deployments).toMatchObject([{ rolloutState: "COMPLETED" }]);
          expect(world.live).toHaveLength(count);
          expect(world.healthy).toHaveLength(count);
        },
      ),
      { numRuns: 300 },
    );
  });
});
