import * as pulumi from "@pulumi/pulumi";

/** How long a deletion waits for the last task to stop, and how often it polls. */
const STOP_TIMEOUT_SECONDS = 600;
const STOP_INTERVAL_SECONDS = 5;

/** Whose tasks to stop. */
export interface TaskStop {
  /** The cluster's ARN. */
  readonly cluster: string;
  readonly region: string;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}

/**
 * Stops all tasks of a cluster, and waits until they have stopped.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there, so it takes nothing from this module but
 * what it is given.
 *
 * @throws when one still runs after `timeoutSeconds`.
 */
export async function stopTasks(
  { cluster, region, profile }: TaskStop,
  timeoutSeconds: number,
  intervalSeconds: number,
): Promise<void> {
  const sdk = await import("@aws-sdk/client-ecs");
  const ecs = new sdk.ECSClient({ region, ...(profile === undefined ? {} : { profile }) });
  const deadline = Date.now() + timeoutSeconds * 1000;
  const stopped: string[] = [];
  try {
    for (;;) {
      const running: string[] = [];
      for (const desiredStatus of ["RUNNING", "STOPPED"] as const) {
        for await (const { taskArns = [] } of sdk.paginateListTasks({ client: ecs }, { cluster, desiredStatus })) {
          if (taskArns.length === 0) continue;
          // Those that were told to stop are listed until they have, and for an hour after that.
          const { tasks = [] } = await ecs.send(new sdk.DescribeTasksCommand({ cluster, tasks: taskArns }));
          running.push(
            ...tasks.flatMap(({ taskArn, lastStatus }) => (taskArn && lastStatus !== "STOPPED" ? taskArn : [])),
          );
        }
      }
      if (running.length === 0) return;
      for (const task of running.filter((arn) => !stopped.includes(arn))) {
        await ecs.send(new sdk.StopTaskCommand({ cluster, task, reason: "The stack no longer has maintenance" }));
        stopped.push(task);
      }
      if (Date.now() > deadline) {
        throw new Error(`Tasks still run after ${timeoutSeconds} seconds: ${running.join(", ")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
    }
  } catch (error) {
    if (!(error instanceof sdk.ClusterNotFoundException)) throw error;
  } finally {
    ecs.destroy();
  }
}

const provider: pulumi.dynamic.ResourceProvider<TaskStop, TaskStop> = {
  async create(inputs) {
    return { id: inputs.cluster, outs: inputs };
  },
  // Whether anything changed is left to the engine: it also sees a change of this code.
  async diff(_id, olds, news) {
    return { replaces: olds.cluster === news.cluster ? [] : ["cluster"] };
  },
  async update(_id, _olds, news) {
    return { outs: news };
  },
  async delete(_id, stop) {
    await stopTasks(stop, STOP_TIMEOUT_SECONDS, STOP_INTERVAL_SECONDS);
  },
};

export interface TaskStopperArgs {
  readonly cluster: pulumi.Input<string>;
  readonly region: pulumi.Input<string>;
  readonly profile?: pulumi.Input<string> | undefined;
}

/** Does nothing until its own deletion, when it stops the tasks that operators started in a cluster. */
export class TaskStopper extends pulumi.dynamic.Resource {
  constructor(name: string, args: TaskStopperArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts, "efs-mount-autoscaling", "TaskStopper");
  }
}
