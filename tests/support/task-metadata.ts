/** The task metadata endpoint of ECS, for tasks that only have a zone. */
import { startTaskMetadata, type TaskMetadata } from "../../local/ecs/task-metadata.ts";

/** Its `uri` takes the zone of a task instead of its id. */
export function startZoneMetadata(): Promise<TaskMetadata> {
  return startTaskMetadata((AvailabilityZone) => ({ AvailabilityZone }));
}
