/** The task of a comparison: a router as the service runs it, and beside it a container with the file system mounted. */
import type { RegisterTaskDefinitionCommandInput } from "@aws-sdk/client-ecs";
import type { Deployed, Variable } from "./deployed.ts";
import type { Settings } from "./script.ts";
import { WORKLOAD } from "./workload.ts";

/** More than the three of them need, so that the processor decides nothing. */
export const TASK_CPU = 2048;
export const TASK_MEMORY = 4096;

/** Milliseconds after which the task ends by itself, also where nobody watches it any more. */
export const TASK_TIME_LIMIT = 15 * 60_000;

export const MEASURE = "measure";
export const STREAM_PREFIX = "compare";

/** MiB that are kept for the container that measures. */
const MEASURE_MEMORY = 512;

const MOUNT_PATH = "/mnt/efs";
const VOLUME = "efs";
const ROUTER_PORT = 8000;

/** Seconds in which a task that is stopped removes its files: the most that Fargate gives. */
const STOP_SECONDS = 120;

/** The token is for clients. In this task only the neighbour asks the router: no load balancer knows it. */
const TOKEN = "API_TOKEN_SECRET_ID" satisfies Variable;

/** @param id names the directory of the comparison. */
export function settingsOf(id: string): Settings {
  return {
    ...WORKLOAD,
    mountPath: MOUNT_PATH,
    url: `http://127.0.0.1:${ROUTER_PORT}`,
    directory: id,
    timeLimit: TASK_TIME_LIMIT,
  };
}

/**
 * @param id the family of the task definition: letters, digits and hyphens.
 * @param script what is measured, as a module.
 */
export function comparisonTask(deployed: Deployed, id: string, script: string): RegisterTaskDefinitionCommandInput {
  const { router, logGroup, region } = deployed;
  const logConfiguration = {
    logDriver: "awslogs",
    options: { "awslogs-group": logGroup, "awslogs-region": region, "awslogs-stream-prefix": STREAM_PREFIX },
  } as const;
  return {
    family: id,
    requiresCompatibilities: ["FARGATE"],
    networkMode: "awsvpc",
    runtimePlatform: deployed.runtimePlatform,
    cpu: String(TASK_CPU),
    memory: String(TASK_MEMORY),
    taskRoleArn: deployed.taskRoleArn,
    executionRoleArn: deployed.executionRoleArn,
    volumes: [
      {
        name: VOLUME,
        efsVolumeConfiguration: {
          fileSystemId: deployed.fileSystemId,
          transitEncryption: "ENABLED",
          authorizationConfig: {
            accessPointId: deployed.accessPointId,
            iam: deployed.hasIamAuthorization ? "ENABLED" : "DISABLED",
          },
        },
      },
    ],
    containerDefinitions: [
      {
        ...router,
        environment: router.environment?.filter(({ name }) => name !== TOKEN),
        // The service's log sidecar is not in this task.
        dependsOn: undefined,
        logConfiguration,
      },
      {
        name: MEASURE,
        image: router.image,
        memoryReservation: MEASURE_MEMORY,
        // With it, the task ends.
        essential: true,
        user: router.user,
        readonlyRootFilesystem: true,
        linuxParameters: router.linuxParameters,
        command: ["node", "--input-type=module", "--eval", script],
        mountPoints: [{ sourceVolume: VOLUME, containerPath: MOUNT_PATH }],
        dependsOn: [{ containerName: "router", condition: "HEALTHY" }],
        stopTimeout: STOP_SECONDS,
        logConfiguration,
      },
    ],
  };
}
