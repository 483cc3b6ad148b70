/** The real monitor, router and mount targets, under load, while a mount target comes and goes again. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { expect, test } from "vitest";
import type { AwsState } from "../../../local/control-plane/state.ts";
import { waitForState } from "../../../local/control-plane/wait.ts";
import { TARGET_DIRECTORY } from "../../../local/environments.ts";
import { startStack, waitUntilSteady } from "../../../local/stack.ts";
import { startHttpLoad } from "../../support/http-load.ts";

const THRESHOLD = 300;
const CLIENTS = 4;
const TIMEOUT = 90_000;
const signal = new AbortController().signal;

const tableOf = ({ parameters }: AwsState) => parseMountTable(parameters[0]?.value ?? "").mount_targets;
/** What becomes of the mount target that is retired. */
function stepOf(state: AwsState): string {
  const retiring = tableOf(state).find((one) => one.retiring_since !== undefined);
  if (retiring === undefined) return "none";
  const mountTarget = state.mountTargets.find((one) => one.mountTargetId === retiring.mount_target_id);
  return mountTarget?.lifeCycleState ?? "gone";
}

test.each(["rolling-deployment", "hot-reload"] as const)(
  "no request fails while a mount target comes and goes, with %s",
  async (rollout) => {
    const stack = await startStack({
      tasks: 2,
      mountTargets: 2,
      fileCountThreshold: THRESHOLD,
      rollout,
      monitorInterval: 500,
      monitorSettings: {
        SCALE_IN: "on",
        SCALE_IN_MINUTES: "0.1",
        SCALE_IN_MINIMUM_AGE_HOURS: "0.001",
        DRAIN_SECONDS: "2",
      },
      mountTargetCreationDelay: 200,
      mountTargetDeletionDelay: 200,
      log: () => {},
      onMonitorRun: () => {},
      signal,
    });
    const load = startHttpLoad(stack.url, CLIENTS);
    try {
      const { controlPlane } = stack;
      const until = async (what: string, condition: (state: AwsState) => boolean) => {
        await waitForState(controlPlane, condition, { what, timeout: TIMEOUT, signal });
        await waitUntilSteady(controlPlane, { timeout: TIMEOUT, signal });
      };
      const steps: string[] = [];
      controlPlane.subscribe(() => {
        const step = stepOf(controlPlane.state());
        if (steps.at(-1) !== step) steps.push(step);
      });

      const more = join(stack.fileSystemPath, TARGET_DIRECTORY, "more");
      await mkdir(more);
      await Promise.all(Array.from({ length: THRESHOLD + 1 }, (_, file) => writeFile(join(more, String(file)), "")));
      await until("A third mount target in the table", (state) => tableOf(state).length === 3);
      await rm(more, { recursive: true });
      await until(
        "A table without it",
        (state) => state.mountTargets.length === 2 && tableOf(state).length === 2 && stepOf(state) === "none",
      );
      expect(steps).toEqual(["none", "available", "deleting", "gone", "none"]);
    } finally {
      const { failures, requests } = await load.stop();
      await stack.close();
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(100);
    }
  },
  240_000,
);
