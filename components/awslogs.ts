import type * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";

/** How a container logs to a log group. When CloudWatch Logs is slow, lines are dropped: the container goes on. */
export function awslogs(
  logGroup: aws.cloudwatch.LogGroup,
  region: pulumi.Input<string>,
  streamPrefix: string,
): aws.ecs.LogConfiguration {
  return {
    logDriver: "awslogs",
    options: {
      "awslogs-group": logGroup.name,
      "awslogs-region": region,
      "awslogs-stream-prefix": streamPrefix,
      mode: "non-blocking",
    },
  };
}
