import type * as aws from "@pulumi/aws";

/**
 * What a log router brings to a task, and all that the router service knows of it.
 *
 * With no sidecar, the service's containers log through `awslogs`, to a log group of the service.
 */
export interface LogSidecar {
  /**
   * The sidecar's container. Containers that log through it start once it is `HEALTHY` (so it needs a `healthCheck`),
   * and stop before it.
   */
  readonly container: aws.ecs.ContainerDefinition;

  /** How the task's other containers log. Example: `{ logDriver: "awsfirelens" }`. */
  readonly logConfiguration: aws.ecs.LogConfiguration;

  /** Where it sends their errors. */
  readonly errorLogGroup: aws.cloudwatch.LogGroup;

  /** Names of the empty volumes, on the task's ephemeral storage, that `container` mounts. Example: `["log-buffer"]`. */
  readonly volumes: readonly string[];

  /** What the sidecar does itself: statements for the task role. */
  readonly taskStatements: readonly aws.iam.PolicyStatement[];

  /** What ECS does for the sidecar before it runs: statements for the execution role (pull its image, write its log). */
  readonly executionStatements: readonly aws.iam.PolicyStatement[];
}
