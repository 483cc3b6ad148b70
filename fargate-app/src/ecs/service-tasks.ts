/**
 * The tasks of this router's service, from ECS (ListTasks, DescribeTasks), and what they say of themselves over HTTP.
 *
 * A bundle of its own (build.ts), which is not loaded before somebody looks at the status page.
 */
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from "@aws-sdk/client-ecs";
import { AWS_CLIENT_OPTIONS } from "@efs-mount-autoscaling/routed-files/aws-client";
import * as z from "zod";
import { taskStatusSchema } from "../status/document.ts";
import type { TaskRecord } from "../status/merge.ts";
import type { ServiceTasks } from "../status/service-watch.ts";
import { taskIdOf } from "./task-id.ts";

export interface ServiceTasksOptions {
  readonly cluster: string;
  /** Of the task definition that the service's tasks have. */
  readonly family: string;
  /** Where routers listen. */
  readonly port: number;
}

/** DescribeTasks takes no more at once. */
const MAX_TASKS = 100;

const taskSchema = z.object({
  taskArn: z.string(),
  availabilityZone: z.string().optional(),
  lastStatus: z.string(),
  startedBy: z.string().optional(),
  createdAt: z.date().optional(),
  startedAt: z.date().optional(),
  containers: z
    .array(
      z.object({
        networkInterfaces: z
          .array(z.object({ privateIpv4Address: z.string().optional(), ipv6Address: z.string().optional() }))
          .default([]),
        networkBindings: z
          .array(z.object({ bindIP: z.string().optional(), hostPort: z.number().optional() }))
          .default([]),
      }),
    )
    .default([]),
});

export function serviceTasks({ cluster, family, port }: ServiceTasksOptions): ServiceTasks {
  const ecs = new ECSClient(AWS_CLIENT_OPTIONS);
  return {
    list: async (abortSignal) => {
      const { taskArns = [] } = await ecs.send(new ListTasksCommand({ cluster, family, maxResults: MAX_TASKS }), {
        abortSignal,
      });
      if (taskArns.length === 0) return [];
      const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster, tasks: taskArns }), { abortSignal });
      return z
        .array(taskSchema)
        .parse(tasks)
        .map((task) => recordOf(task, port));
    },
    ask: async ({ address }, { token, withHistory, signal }) => {
      if (address === undefined) throw new Error("It has no address yet");
      const host = address.host.includes(":") ? `[${address.host}]` : address.host;
      const response = await fetch(`http://${host}:${address.port}/status/task${withHistory ? "?history" : ""}`, {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        redirect: "error",
        signal,
      });
      if (response.ok) return taskStatusSchema.parse(await response.json());
      await response.body?.cancel();
      throw new Error(`It responded with status ${response.status}`);
    },
  };
}

function recordOf(task: z.infer<typeof taskSchema>, port: number): TaskRecord {
  return {
    id: taskIdOf(task.taskArn),
    zone: task.availabilityZone,
    status: task.lastStatus,
    deployment: task.startedBy,
    createdAt: task.createdAt?.getTime(),
    startedAt: task.startedAt?.getTime(),
    address: addressOf(task, port),
  };
}

/** A network interface of its own, as on Fargate, or a port of the host. */
function addressOf({ containers }: z.infer<typeof taskSchema>, port: number): TaskRecord["address"] {
  for (const { networkInterfaces, networkBindings } of containers) {
    for (const { privateIpv4Address, ipv6Address } of networkInterfaces) {
      const host = privateIpv4Address ?? ipv6Address;
      if (host !== undefined) return { host, port };
    }
    for (const { bindIP, hostPort } of networkBindings) {
      if (bindIP !== undefined && hostPort !== undefined) return { host: bindIP, port: hostPort };
    }
  }
  return undefined;
}
