import type { TaskDefinition } from "../../local/control-plane/state.ts";

/** A router's, for accounts in which no task is run. */
export const TASK_DEFINITION: TaskDefinition = {
  family: "router",
  revision: 1,
  containerName: "router",
  command: [],
  environment: {},
  stopTimeout: 1,
};
