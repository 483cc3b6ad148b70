/** How soon a new mount target serves: the whole system on this machine, with the bundles that ship. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { waitForState } from "../../local/control-plane/wait.ts";
import { TARGET_DIRECTORY } from "../../local/environments.ts";
import { type Stack, startStack, waitUntilSteady } from "../../local/stack.ts";
import { targetsOf } from "../../tests/support/router-bundle.ts";
import { type Bench, type Figure, type Row, ratioAtMost, valueAtMost } from "../row.ts";

const MOUNT_TARGETS = 2;
const FILES = 200;
/** Milliseconds. On AWS it is a minute or two; it is subtracted. */
const CREATION = 1_000;
/** Milliseconds. On AWS it is five minutes. */
const MONITOR_INTERVAL = 1_000;
const ROUNDS = 3;
/** The router's default. */
const REFRESH_SECONDS = 30;
const TIMEOUT = 120_000;

export const scaleOut: Row = {
  name: "scale-out",
  what: "From the file that passes the threshold to a request through the new mount target, minus its creation",
  seconds: 38,
  measure,
};

async function measure(bench: Bench): Promise<Figure[]> {
  // Routers that reload spend nearly all of the time waiting for their next look at the table.
  const reloading = Promise.all(
    Array.from({ length: ROUNDS }, () =>
      scaleOutOnce(bench, { rollout: "hot-reload", mountTableRefreshSeconds: REFRESH_SECONDS }),
    ),
  );
  const [hotReload, rolling] = await Promise.all([reloading, rollOneAfterTheOther(bench)]);

  const serving = (samples: readonly ScaleOut[]) => samples.map((sample) => sample.serving);
  const figure = { unit: "s", better: "lower" } as const;
  bench.note(
    "A task starts in about a second here. On AWS rolling should take at most 3 minutes: that is not measured.",
  );
  return [
    { ...figure, name: "new mount table", ours: [...rolling, ...hotReload].map(({ published }) => published) },
    { ...figure, name: "rolling", ours: serving(rolling) },
    {
      ...figure,
      name: "rolling, from the table on",
      ours: rolling.map(({ serving, published }) => serving - published),
      peer: { name: "the service's roll", values: rolling.map(({ rolled, published }) => rolled - published) },
      goal: ratioAtMost(1),
    },
    { ...figure, name: "hot-reload, every 30 s", ours: serving(hotReload), goal: valueAtMost(35) },
  ];
}

async function rollOneAfterTheOther(bench: Bench): Promise<ScaleOut[]> {
  const rounds: ScaleOut[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    bench.progress(`rolling, round ${round} of ${ROUNDS}, beside hot-reload`);
    rounds.push(await scaleOutOnce(bench, { rollout: "rolling-deployment" }));
  }
  return rounds;
}

/** Seconds since the threshold was passed, minus those in which the new target was `creating`. */
interface ScaleOut {
  /** Until the table is there that lists it. */
  readonly published: number;
  /** Until a request went through it. */
  readonly serving: number;
  /** Until all tasks were replaced; not a number where none is. */
  readonly rolled: number;
}

type Rollout = Pick<Parameters<typeof startStack>[0], "rollout" | "mountTableRefreshSeconds">;

async function scaleOutOnce(bench: Bench, rollout: Rollout): Promise<ScaleOut> {
  const { signal } = bench;
  let monitorHasStarted = () => {};
  const monitorStart = new Promise<void>((resolve) => {
    monitorHasStarted = resolve;
  });
  const stack = await startStack({
    ...rollout,
    tasks: 2,
    mountTargets: MOUNT_TARGETS,
    fileCountThreshold: FILES,
    monitorInterval: MONITOR_INTERVAL,
    mountTargetCreationDelay: CREATION,
    log: () => {},
    onMonitorRun: () => monitorHasStarted(),
    signal,
  });
  bench.cleanups.add(() => stack.close());
  for (let index = 0; index < FILES; index++) await makeFile(stack, index);
  await monitorStart;

  await makeFile(stack, FILES);
  const start = performance.now();
  const secondsUntil = async (what: Promise<void>) => {
    await what;
    return (performance.now() - start) / 1000;
  };
  const [creating, published, serving, rolled] = await Promise.all([
    watchCreation(stack, signal),
    secondsUntil(untilTableChanges(stack, signal)),
    secondsUntil(untilNewTargetServes(stack, signal)),
    rollout.rollout === "rolling-deployment" ? secondsUntil(untilRolled(stack, signal)) : Number.NaN,
  ]);
  await stack.close();
  return { published: published - creating, serving: serving - creating, rolled: rolled - creating };
}

async function makeFile({ fileSystemPath }: Stack, index: number): Promise<void> {
  await writeFile(join(fileSystemPath, TARGET_DIRECTORY, `file-${index}`), "");
}

async function watchCreation({ controlPlane }: Stack, signal: AbortSignal): Promise<number> {
  const wait = { timeout: TIMEOUT, signal };
  const isThere = { ...wait, what: "A new mount target" };
  await waitForState(controlPlane, ({ mountTargets }) => mountTargets.length > MOUNT_TARGETS, isThere);
  const start = performance.now();
  await waitForState(
    controlPlane,
    ({ mountTargets }) => mountTargets.every(({ lifeCycleState }) => lifeCycleState === "available"),
    { ...wait, what: "Its availability" },
  );
  return (performance.now() - start) / 1000;
}

async function untilTableChanges({ controlPlane }: Stack, signal: AbortSignal): Promise<void> {
  const table = () => controlPlane.state().parameters[0]?.value;
  const before = table();
  await waitForState(controlPlane, () => table() !== before, { what: "A new mount table", timeout: TIMEOUT, signal });
}

async function untilRolled({ controlPlane }: Stack, signal: AbortSignal): Promise<void> {
  const isRolling = { what: "A deployment", timeout: TIMEOUT, signal };
  await waitForState(controlPlane, ({ services: [service] }) => (service?.deployments.length ?? 0) > 1, isRolling);
  await waitUntilSteady(controlPlane, { timeout: TIMEOUT, signal });
}

/** Reads all files over and over, until one of the reads went through the third mount target. */
async function untilNewTargetServes(stack: Stack, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + TIMEOUT;
  while (!(await newTargetServes(stack))) {
    if (Date.now() > deadline) throw new Error(`The new mount target did not serve within ${TIMEOUT / 1000} s`);
    for (let index = 0; index < 3; index++) {
      const answer = await fetch(`${stack.url}/files/file-${Math.floor(Math.random() * FILES)}`);
      await answer.arrayBuffer();
    }
    await sleep(20);
    signal.throwIfAborted();
  }
}

async function newTargetServes({ taskUrls }: Stack): Promise<boolean> {
  for (const url of taskUrls()) {
    const targets = await targetsOf(url).catch(() => []);
    if (targets.length > MOUNT_TARGETS && targets.every(({ requests }) => requests > 0)) return true;
  }
  return false;
}
