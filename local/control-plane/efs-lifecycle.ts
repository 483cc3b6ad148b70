/**
 * What EFS does by itself: a mount target is `creating` for a while before it is `available`, and `deleting` for
 * a while before it is gone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { removeMountTarget, setLifeCycleState } from "./efs.ts";
import type { AwsState, LifeCycleState, MountTarget } from "./state.ts";

export interface LifecycleOptions {
  /** Milliseconds that a mount target is `creating`. */
  readonly creationDelay: number;
  /** Milliseconds that a mount target is `deleting`. */
  readonly deletionDelay: number;
  /** Makes the target reachable. It is `available` once this is done, and in state `error` when this fails. */
  readonly onMountTargetAvailable: (mountTarget: MountTarget) => Promise<void>;
  /** Undoes `onMountTargetAvailable`. */
  readonly onMountTargetDeleted: (mountTarget: MountTarget) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly update: (change: (state: AwsState) => AwsState) => void;
}

interface Lifecycle {
  /** Starts what a new state asks for. To be called after every change. */
  follow(state: AwsState): void;
  /** Gives up what runs, and waits for it. */
  close(): Promise<void>;
}

export function startLifecycle(options: LifecycleOptions): Lifecycle {
  const closing = new AbortController();
  /** Each target's steps run one after the other, so that a target deleted while being created is undone last. */
  const steps = new Map<string, Promise<void>>();
  const seen = new Map<string, LifeCycleState>();

  async function create(target: MountTarget): Promise<void> {
    await sleep(options.creationDelay, undefined, { signal: closing.signal });
    let outcome: LifeCycleState = "available";
    try {
      await options.onMountTargetAvailable(target);
    } catch (error) {
      outcome = "error";
      options.onError(error);
    }
    options.update((state) =>
      lifeCycleState(state, target) === "creating" ? setLifeCycleState(state, target.mountTargetId, outcome) : state,
    );
  }

  async function remove(target: MountTarget): Promise<void> {
    await sleep(options.deletionDelay, undefined, { signal: closing.signal });
    await options.onMountTargetDeleted(target);
    options.update((state) => removeMountTarget(state, target.mountTargetId));
    seen.delete(target.mountTargetId);
    steps.delete(target.mountTargetId);
  }

  function follow(state: AwsState): void {
    for (const target of state.mountTargets) {
      const id = target.mountTargetId;
      if (closing.signal.aborted || seen.get(id) === target.lifeCycleState) continue;
      seen.set(id, target.lifeCycleState);
      const step =
        target.lifeCycleState === "creating" ? create : target.lifeCycleState === "deleting" ? remove : undefined;
      if (step === undefined) continue;
      const previous = steps.get(id) ?? Promise.resolve();
      steps.set(
        id,
        previous
          .then(() => step(target))
          .catch((error) => {
            if (!closing.signal.aborted) options.onError(error);
          }),
      );
    }
  }

  return {
    follow,
    close: async () => {
      closing.abort();
      await Promise.all(steps.values());
    },
  };
}

function lifeCycleState(state: AwsState, { mountTargetId }: MountTarget): LifeCycleState | undefined {
  return state.mountTargets.find((target) => target.mountTargetId === mountTargetId)?.lifeCycleState;
}
