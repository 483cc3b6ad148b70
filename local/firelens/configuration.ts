/**
 * The main configuration that ECS writes for a Fluent Bit container with FireLens.
 *
 * Source: amazon-ecs-agent, agent/taskresource/firelens/firelensconfig_unix.go, for the network mode awsvpc with
 * `enable-ecs-log-metadata` and `config-file-type: file`. Ports and paths are parameters, since here many run at once.
 */

export interface FireLensTask {
  readonly cluster: string;
  readonly taskArn: string;
  /** Family and revision: `router:7`. */
  readonly taskDefinition: string;
}

interface FireLensConfiguration {
  /** Where the container runtime connects: `/var/run/fluent.sock` on ECS. */
  readonly socketPath: string;
  /** 24224 on ECS. */
  readonly forwardPort: number;
  /** 8877 on ECS. */
  readonly healthCheckPort: number;
  /** MB that the Fluent Bit container reserves. */
  readonly memoryReservation: number;
  readonly task: FireLensTask;
  /** The file that `config-file-value` names. */
  readonly customFile: string;
}

/** Returns the text of `/fluent-bit/etc/fluent-bit.conf`. */
export function fireLensConfiguration(options: FireLensConfiguration): string {
  const { socketPath, forwardPort, healthCheckPort, memoryReservation, task, customFile } = options;
  return `
[INPUT]
    Name forward
    Mem_Buf_Limit ${Math.floor(memoryReservation / 2)}MB
    unix_path ${socketPath}

[INPUT]
    Name forward
    Listen 127.0.0.1
    Port ${forwardPort}

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port ${healthCheckPort}

[FILTER]
    Name record_modifier
    Match *
    Record ecs_cluster ${task.cluster}
    Record ecs_task_arn ${task.taskArn}
    Record ecs_task_definition ${task.taskDefinition}

@INCLUDE ${customFile}

[OUTPUT]
    Name null
    Match firelens-healthcheck
`;
}
