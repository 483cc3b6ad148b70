/** What the spans of this process say of it. */
import type { ThisTask } from "@efs-mount-autoscaling/routed-files";
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions";

export interface TracedProcess {
  readonly serviceName: string;
  /** The router's: the task's, in ECS. */
  readonly id: string;
  readonly task: ThisTask;
  readonly region: string | undefined;
}

/** `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` have the last word. */
export function resourceOf({ serviceName, id, task, region }: TracedProcess): Resource {
  const { arn, cluster, family, zone } = task;
  const own = {
    [ATTR_SERVICE_NAME]: serviceName,
    [ATTR_SERVICE_INSTANCE_ID]: id,
    // Workers of one task tell themselves apart by it.
    "process.pid": process.pid,
    ...(arn !== undefined && {
      "cloud.provider": "aws",
      "cloud.platform": "aws_ecs",
      "aws.ecs.task.arn": arn,
    }),
    ...(cluster?.startsWith("arn:") && { "aws.ecs.cluster.arn": cluster }),
    ...(family !== undefined && { "aws.ecs.task.family": family }),
    ...(zone !== undefined && { "cloud.availability_zone": zone }),
    ...(region !== undefined && { "cloud.region": region }),
  };
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }));
}
