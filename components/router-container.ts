import type * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { containerVariables } from "./environment.ts";
import { POSIX_USER, type RouterEnvironment } from "./file-system-client.ts";

/** Seconds that a stopping router has for its in-flight requests, and that ECS waits before it kills it. */
const SHUTDOWN_SECONDS = 30;
export const STOP_SECONDS = SHUTDOWN_SECONDS + 10;

/** Seconds that a running router has for what is in flight at a mount target that its table no longer gives it. */
export const MOUNT_TARGET_DRAIN_SECONDS = 300;

/** The share of its memory that a router may use before it refuses requests. */
const MEMORY_SHARE = 0.8;

/** The share of the memory for file data. The process needs several times as much: freed buffers are collected late. */
const TRANSFER_SHARE = 1 / 8;

/** MiB of `memory` that a router may use. */
export function memoryLimit(memory: number): number {
  return Math.floor(memory * MEMORY_SHARE);
}

export interface RouterContainerArgs {
  /** Its name in the task. */
  readonly name: string;
  readonly image: pulumi.Input<string>;
  /** MiB that it has. */
  readonly memory: number;
  /** Variables besides those that are the same for all routers. */
  readonly environment: Readonly<Record<string, pulumi.Input<string> | number | undefined>>;
  /** Seconds in which it must connect to a mount target, and is not healthy before. Default: it is healthy while it lives. */
  readonly connectsWithinSeconds?: number;
  /** Where others reach it. Default: nowhere, but in its task. */
  readonly ports?: readonly number[];
  readonly logConfiguration: aws.ecs.LogConfiguration;
  /** Containers that start before it, and stop after it. */
  readonly dependsOn: readonly aws.ecs.ContainerDependency[];
}

/** The router's container, alike in the service's tasks and beside an application. */
export function routerContainer(args: RouterContainerArgs): aws.ecs.ContainerDefinition {
  const { name, image, memory, connectsWithinSeconds, ports = [], logConfiguration, dependsOn } = args;
  const alike = {
    SHUTDOWN_TIMEOUT_SECONDS: SHUTDOWN_SECONDS,
    MOUNT_TARGET_DRAIN_TIMEOUT_SECONDS: MOUNT_TARGET_DRAIN_SECONDS,
    MAX_MEMORY_BYTES: memoryLimit(memory) * 2 ** 20,
    TRANSFER_MEMORY_BYTES: Math.floor(memory * TRANSFER_SHARE) * 2 ** 20,
  } satisfies Partial<RouterEnvironment>;
  return {
    name,
    image,
    essential: true,
    user: `${POSIX_USER.uid}:${POSIX_USER.gid}`,
    readonlyRootFilesystem: true,
    linuxParameters: { initProcessEnabled: true, capabilities: { drop: ["ALL"] } },
    environment: containerVariables({ ...alike, ...args.environment }),
    ...(ports.length === 0 ? {} : { portMappings: ports.map((containerPort) => ({ containerPort, protocol: "tcp" })) }),
    healthCheck: {
      command: ["CMD", "node", "healthcheck.mjs", ...(connectsWithinSeconds === undefined ? [] : ["/healthz"])],
      interval: 10,
      timeout: 5,
      retries: 3,
      startPeriod: connectsWithinSeconds ?? 15,
    },
    stopTimeout: STOP_SECONDS,
    logConfiguration,
    ...(dependsOn.length === 0 ? {} : { dependsOn: [...dependsOn] }),
  };
}
