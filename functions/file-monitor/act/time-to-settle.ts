import { type Deadline, deadlineIn } from "../deadline.ts";
import type { Run } from "../run.ts";

/** Milliseconds that a run keeps to publish the table and deploy, however long a mount target takes. */
const TIME_TO_PUBLISH = 30_000;

/** How long a run waits for a mount target that is being created or deleted. */
export function timeToSettle({ settings, deadline }: Pick<Run, "settings" | "deadline">): Deadline {
  const timeToWait = deadline.remaining() - Math.min(TIME_TO_PUBLISH, deadline.remaining() / 4);
  return deadlineIn(Math.min(settings.mountTargetTimeout, timeToWait));
}
