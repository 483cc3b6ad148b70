/** Runs the task of a comparison, and leaves nothing of it behind, however it ends. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CloudWatchLogsClient,
  GetLogEventsCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  DeleteTaskDefinitionsCommand,
  DeregisterTaskDefinitionCommand,
  DescribeTasksCommand,
  type ECSClient,
  paginateListTaskDefinitions,
  paginateListTasks,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
  type Task,
} from "@aws-sdk/client-ecs";
import { messageOf } from "nfs-client";
import type { Deployed } from "./deployed.ts";
import { type Line, parseLine, type Result } from "./lines.ts";
import { comparisonTask, MEASURE, STREAM_PREFIX, TASK_TIME_LIMIT } from "./task.ts";

/** Minutes from the start of the task to its end: to start, to measure, to stop. */
export const MAX_MINUTES = 10 + TASK_TIME_LIMIT / 60_000;

/** Milliseconds that a stopping task gets, its `stopTimeout` included. */
const MAX_STOP = 4 * 60_000;

/** Milliseconds for the last lines of a task to be in its log. */
const MAX_LOG_DELAY = 60_000;

interface Clients {
  readonly ecs: ECSClient;
  readonly logs: CloudWatchLogsClient;
}

interface Options {
  /** Names all that is made: letters, digits and hyphens. */
  readonly id: string;
  /** What is measured, as a module. */
  readonly script: string;
  /** Ends the comparison early. What was made is taken away all the same. */
  readonly signal: AbortSignal;
  readonly say: (progress: string) => void;
  /** Milliseconds between two polls of the task. Default: 5,000. */
  readonly pollInterval?: number;
  /** Milliseconds for the task's whole life. Default: {@link MAX_MINUTES}. */
  readonly timeLimit?: number;
}

export interface Outcome {
  readonly results: readonly Result[];
  readonly availabilityZone: string | undefined;
  /** Why it failed. What was measured until then is in `results`. */
  readonly error?: string | undefined;
  /** What could not be taken away, with how to do it by hand. */
  readonly leftBehind: readonly string[];
}

/** Never rejects for what AWS or the task does: an outcome says what happened and what is left. */
export async function runComparison(aws: Clients, deployed: Deployed, options: Options): Promise<Outcome> {
  const { id, script, signal, say, pollInterval = 5_000, timeLimit = MAX_MINUTES * 60_000 } = options;
  const { ecs } = aws;
  const { cluster } = deployed;
  let task: Task | undefined;
  let failure: string | undefined;
  try {
    signal.throwIfAborted();
    await ecs.send(new RegisterTaskDefinitionCommand(comparisonTask(deployed, id, script)));
    signal.throwIfAborted();
    task = await start(ecs, deployed, id);
    say(`The task ${task.taskArn} was started in ${task.availabilityZone ?? "a zone that ECS does not name"}`);
    await untilStopped(ecs, cluster, task, { signal, say, pollInterval, timeLimit });
  } catch (error) {
    failure = messageOf(signal.aborted ? signal.reason : error);
  }

  say("Taking away what was made");
  const leftBehind = [
    ...(await stopTasks(ecs, cluster, id, { say, pollInterval })),
    ...(await deleteDefinitions(ecs, id)),
  ];
  if (task === undefined) return { results: [], availabilityZone: undefined, error: failure, leftBehind };

  try {
    task = (await describe(ecs, cluster, task)) ?? task;
    const lines = await readLines(aws, deployed, task, pollInterval);
    const end = lines.flatMap((line) => ("end" in line ? [line.end] : [])).at(-1);
    if (end?.leftBehind !== undefined) leftBehind.push(`In the file system: ${end.leftBehind}`);
    if (end === undefined && hasRun(task)) leftBehind.push(`Perhaps the directory ${id} in the file system`);
    const results = lines.flatMap((line) => ("result" in line ? [line.result] : []));
    const error = failure ?? (end === undefined ? whyItEnded(task) : end.error);
    return { results, availabilityZone: task.availabilityZone, error, leftBehind };
  } catch (error) {
    leftBehind.push(`Perhaps the directory ${id} in the file system`);
    return {
      results: [],
      availabilityZone: task.availabilityZone,
      error: failure ?? `The results cannot be read: ${messageOf(error)}`,
      leftBehind,
    };
  }
}

async function start(ecs: ECSClient, deployed: Deployed, id: string): Promise<Task> {
  const { tasks = [], failures = [] } = await ecs.send(
    new RunTaskCommand({
      cluster: deployed.cluster,
      taskDefinition: id,
      launchType: "FARGATE",
      // The SDK may send it twice: with this, one task is started. It also finds a task whose response was lost.
      clientToken: id,
      startedBy: id,
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: [...deployed.subnets],
          securityGroups: [...deployed.securityGroups],
          assignPublicIp: "DISABLED",
        },
      },
    }),
  );
  const [task] = tasks;
  if (task === undefined) {
    throw new Error(`ECS started no task: ${failures.map(({ reason }) => reason).join(", ") || "it says no reason"}`);
  }
  return task;
}

interface Wait {
  readonly signal?: AbortSignal;
  readonly say: (progress: string) => void;
  readonly pollInterval: number;
  readonly timeLimit: number;
}

/** @throws when it has not stopped within the time limit. */
async function untilStopped(ecs: ECSClient, cluster: string, task: Task, wait: Wait): Promise<void> {
  const { signal, say, pollInterval, timeLimit } = wait;
  const deadline = Date.now() + timeLimit;
  let status = task.lastStatus;
  for (;;) {
    const now = await describe(ecs, cluster, task);
    if (now !== undefined && now.lastStatus !== status) {
      status = now.lastStatus;
      say(`The task is ${status}`);
    }
    if (status === "STOPPED") return;
    if (Date.now() > deadline) throw new Error(`The task has not stopped within ${timeLimit / 60_000} minutes`);
    await sleep(pollInterval, undefined, signal === undefined ? {} : { signal });
  }
}

/** @returns `undefined` where ECS does not know it, as right after its start, and an hour after its end. */
async function describe(ecs: ECSClient, cluster: string, { taskArn = "" }: Task): Promise<Task | undefined> {
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster, tasks: [taskArn] }));
  return tasks[0];
}

/** @returns the lines of the task until its last one, or what is there when that does not come. */
async function readLines(
  { logs }: Clients,
  { logGroup }: Deployed,
  task: Task,
  pollInterval: number,
): Promise<readonly Line[]> {
  const stream = `${STREAM_PREFIX}/${MEASURE}/${task.taskArn?.split("/").at(-1)}`;
  const deadline = Date.now() + (hasRun(task) ? MAX_LOG_DELAY : 0);
  for (;;) {
    const lines = await readStream(logs, logGroup, stream);
    if (lines.some((line) => "end" in line) || Date.now() >= deadline) return lines;
    await sleep(pollInterval);
  }
}

async function readStream(logs: CloudWatchLogsClient, logGroupName: string, logStreamName: string): Promise<Line[]> {
  const lines: Line[] = [];
  let nextToken: string | undefined;
  for (;;) {
    const input = { logGroupName, logStreamName, startFromHead: true, nextToken };
    const page = await logs.send(new GetLogEventsCommand(input)).catch((error: unknown) => {
      // A container that has said nothing has no stream.
      if (error instanceof ResourceNotFoundException) return { events: [], nextForwardToken: nextToken };
      throw error;
    });
    for (const { message = "" } of page.events ?? []) {
      const line = parseLine(message);
      if (line !== undefined) lines.push(line);
    }
    // The end has the token that it was asked with.
    if (page.nextForwardToken === undefined || page.nextForwardToken === nextToken) return lines;
    nextToken = page.nextForwardToken;
  }
}

/** Whether the container that measures may have made something. */
function hasRun({ containers = [] }: Task): boolean {
  const measure = containers.find(({ name }) => name === MEASURE);
  return measure?.runtimeId !== undefined || measure?.exitCode !== undefined;
}

function whyItEnded({ stoppedReason, containers = [] }: Task): string {
  const reasons = containers.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name}: ${reason}`]));
  return `The task ended early: ${[stoppedReason ?? "ECS says no reason", ...reasons].join("; ")}`;
}

/** Stops all tasks of the comparison, also one whose start nobody heard of. */
async function stopTasks(
  ecs: ECSClient,
  cluster: string,
  startedBy: string,
  wait: Omit<Wait, "timeLimit" | "signal">,
): Promise<string[]> {
  const left: string[] = [];
  try {
    for await (const { taskArns = [] } of paginateListTasks(
      { client: ecs },
      { cluster, startedBy, desiredStatus: "RUNNING" },
    )) {
      for (const taskArn of taskArns) {
        try {
          await ecs.send(new StopTaskCommand({ cluster, task: taskArn, reason: "The comparison has ended" }));
          await untilStopped(ecs, cluster, { taskArn }, { ...wait, timeLimit: MAX_STOP });
        } catch (error) {
          left.push(`The task ${taskArn} (aws ecs stop-task): ${messageOf(error)}`);
        }
      }
    }
  } catch (error) {
    left.push(`Perhaps a task, startedBy ${startedBy} (aws ecs list-tasks, stop-task): ${messageOf(error)}`);
  }
  return left;
}

/** Deletes the task definitions of the family, also one whose registration nobody heard of. */
async function deleteDefinitions(ecs: ECSClient, family: string): Promise<string[]> {
  const left: string[] = [];
  try {
    const pages = paginateListTaskDefinitions({ client: ecs }, { familyPrefix: family, status: "ACTIVE" });
    for await (const { taskDefinitionArns = [] } of pages) {
      for (const taskDefinition of taskDefinitionArns) {
        await ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition }));
        const { failures = [] } = await ecs.send(
          new DeleteTaskDefinitionsCommand({ taskDefinitions: [taskDefinition] }),
        );
        left.push(...failures.map(({ reason }) => `The task definition ${taskDefinition}: ${reason}`));
      }
    }
  } catch (error) {
    left.push(`Perhaps task definitions of the family ${family}, which cost nothing: ${messageOf(error)}`);
  }
  return left;
}
