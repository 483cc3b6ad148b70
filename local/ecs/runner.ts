/**
 * Runs the tasks of an ECS service as processes of this machine.
 *
 * Level-triggered: after every change of the account it compares the tasks there should be with those there are.
 */
import { findService, findTaskDefinition, replaceService } from "../control-plane/ecs.ts";
import type { ControlPlane } from "../control-plane/server.ts";
import type { Service, Task } from "../control-plane/state.ts";
import { plan } from "./rollout.ts";
import { runTask, type TaskRunOptions } from "./task-run.ts";
import { addTask, taskStopped, taskStopping, tasksOf } from "./tasks.ts";

export interface EcsRunnerOptions extends TaskRunOptions {
  readonly controlPlane: Pick<ControlPlane, "state" | "update" | "subscribe">;
  readonly clusterName: string;
  readonly serviceName: string;
}

interface EcsRunner {
  /** Stops all tasks, without waiting for their requests: the load balancer should be closed before. */
  close(): Promise<void>;
}

interface Run {
  readonly stop: () => void;
  readonly finished: Promise<void>;
}

/** Starts to run the service's tasks. */
export function startEcsRunner(options: EcsRunnerOptions): EcsRunner {
  const { controlPlane, clusterName, serviceName } = options;
  const runs = new Map<string, Run>();
  let closed = false;
  let scheduled = false;
  let wake: NodeJS.Timeout | undefined;

  const service = (): Service => findService(controlPlane.state(), clusterName, serviceName);

  /** Once for all changes in one turn of the event loop. */
  function schedule(): void {
    if (scheduled || closed) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (!closed) reconcile();
    });
  }

  function reconcile(): void {
    clearTimeout(wake);
    controlPlane.update((state, environment) => {
      const before = service();
      const next = plan(before, tasksOf(state, before), environment);
      if (next.again !== undefined) wake = setTimeout(schedule, next.again.getTime() - environment.now.getTime());
      let after = next.service === before ? state : replaceService(state, next.service);
      for (let i = 0; i < next.start; i++) after = addTask(after, next.service, environment);
      for (const { task, reason } of next.stop) after = taskStopping(after, task.taskId, reason, environment);
      return after;
    });
    for (const task of tasksOf(controlPlane.state(), service())) {
      const run = runs.get(task.taskId);
      if (run === undefined && task.lastStatus === "PENDING") start(task);
      if (task.desiredStatus === "STOPPED") run?.stop();
    }
  }

  function start(task: Task): void {
    const stopping = new AbortController();
    const definition = findTaskDefinition(controlPlane.state(), task.taskDefinition);
    const finished = runTask(task, definition, options, stopping.signal)
      .catch((error: unknown) => {
        const exit = { exitCode: undefined, reason: `The task could not run: ${error}` };
        controlPlane.update((state, environment) => taskStopped(state, task.taskId, exit, environment));
      })
      .finally(() => runs.delete(task.taskId));
    runs.set(task.taskId, { stop: () => stopping.abort(), finished });
  }

  const unsubscribe = controlPlane.subscribe(schedule);
  schedule();
  return {
    close: async () => {
      closed = true;
      unsubscribe();
      clearTimeout(wake);
      for (const run of runs.values()) run.stop();
      await Promise.all([...runs.values()].map((run) => run.finished));
    },
  };
}
