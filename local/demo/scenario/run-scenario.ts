/** Lets a scenario go by on a system of this machine, while other traffic goes on, and records what happens. */
import { Readable } from "node:stream";
import { z } from "zod";
import { DAY } from "../../../functions/file-monitor/forecast/history.ts";
import { encodeMemory, type ForecastMemory } from "../../../functions/file-monitor/forecast/memory.ts";
import { FILE_SYSTEM_ID } from "../../account.ts";
import { type Clock, timeOn } from "../../clock.ts";
import { TREE_BUCKET } from "../../environments.ts";
import type { Invocation } from "../../lambda/messages.ts";
import type { LogSink } from "../../logs/log-line.ts";
import { describeMonitorRun } from "../../monitor-run.ts";
import { type Stack, startStack } from "../../stack.ts";
import { createFileClient } from "../file-client.ts";
import type { Screen } from "../screen.ts";
import { chooseFiles, describeSelection } from "../source-files.ts";
import { newWorkload, readAll, startTraffic } from "../workload.ts";
import { live, type Outlook, secondsOf } from "./live.ts";
import { memoryOfThePast } from "./past.ts";
import type { Moment } from "./recording.ts";
import type { ScenarioResult } from "./result.ts";
import { filesAt, type Scenario, thresholdFor } from "./scenario.ts";
import { Stock } from "./stock.ts";

interface ScenarioOptions {
  /** The directory whose files are copied in. */
  readonly source: string;
  readonly maxFiles: number;
  readonly screen: Screen;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

const TASKS = 2;
const MOUNT_TARGETS = 2;
/** EFS takes minutes of the scenario for it, as it does. */
const MOUNT_TARGET_DELAY = 250;
const MOUNT_TABLE_REFRESH_SECONDS = 0.2;
/** Files that are always there, for the other traffic. */
const ALWAYS_THERE = 500;
const TRAFFIC = { concurrency: 4, pause: 10 };
const READ_CONCURRENCY = 16;

/** Its clock stays behind that of the file system, however fast it goes: see {@link Clock}. */
const MONITOR_CLOCK_BEHIND = 30 * DAY;

/** Runs the scenario, and stops everything it started. */
export async function runScenario(scenario: Scenario, options: ScenarioOptions): Promise<ScenarioResult> {
  const { source, maxFiles, screen, log, signal } = options;
  const selection = await chooseFiles(source, maxFiles);
  const threshold = thresholdFor(selection.files.length);
  screen.say(describeSelection(source, selection, threshold));
  screen.say(describe(scenario));
  const began = Date.now();
  const clock: Clock = { shows: began - MONITOR_CLOCK_BEHIND, began, speed: scenario.minutesPerSecond * 60 };
  let outlook: Outlook = { possibleFiles: undefined, effectiveThreshold: threshold };
  const stack = await startStack({
    tasks: TASKS,
    mountTargets: MOUNT_TARGETS,
    fileCountThreshold: threshold,
    monitorSettings: scenario.settings,
    startsMonitor: false,
    monitorInterval: (scenario.monitorInterval / scenario.minutesPerSecond) * 1000,
    clock,
    rollout: "hot-reload",
    mountTableRefreshSeconds: MOUNT_TABLE_REFRESH_SECONDS,
    mountTargetCreationDelay: MOUNT_TARGET_DELAY,
    mountTargetDeletionDelay: MOUNT_TARGET_DELAY,
    log,
    onMonitorRun: (invocation) => {
      for (const line of describeMonitorRun(invocation)) screen.say(line);
      outlook = outlookOf(invocation) ?? outlook;
    },
    signal,
  });
  const client = createFileClient(stack.url);
  try {
    const work = newWorkload(client, signal);
    const stock = new Stock(work, source, selection.files);
    const filesAtBegin = filesAt(scenario, threshold, 0);
    await screen.progress("Copying in", filesAtBegin, (onFile) => stock.become(filesAtBegin, onFile));
    await remember(stack, memoryOfThePast(scenario, threshold, timeOn(clock)));
    const traffic = startTraffic(work, stock.files.slice(0, ALWAYS_THERE), TRAFFIC);
    stack.startMonitor();
    let moments: readonly Moment[] = [];
    const show = async (onSecond: () => void) => {
      moments = await live({ stack, scenario, threshold, stock, outlook: () => outlook, onSecond, signal });
    };
    await screen
      .progress(`One second is ${scenario.minutesPerSecond} minutes`, secondsOf(scenario), show, "s")
      .finally(() => traffic.stop());
    await readAll(work, stock.files, { concurrency: READ_CONCURRENCY, seconds: 0 });
    const { requests, failed, failures, mismatched } = work.tally;
    for (const failure of failures) screen.say(`Failed: ${failure}`);
    const figures = { requests, failedRequests: failed, mismatchedFiles: mismatched.size };
    return { scenario, threshold, moments, files: stock.count, ...figures };
  } finally {
    client.close();
    await stack.close();
  }
}

function describe({ story, minutesPerSecond, hoursBefore, monitorInterval }: Scenario): string {
  const compression = `Time is compressed: one second is ${minutesPerSecond} minutes for the monitor and for AWS. The monitor runs every ${monitorInterval} minutes.`;
  const past = `The ${hoursBefore} hours before are made up: their counts are in the monitor's memory, as if it had made them.`;
  return [story, compression, ...(hoursBefore > 0 ? [past] : [])].join("\n");
}

async function remember({ objects }: Stack, memory: ForecastMemory): Promise<void> {
  const text = Buffer.from(encodeMemory(memory));
  await objects.putObject(TREE_BUCKET, `${FILE_SYSTEM_ID}/forecast`, Readable.from([text]));
}

const resultSchema = z.object({
  effectiveThreshold: z.number(),
  forecast: z.object({ fileCount: z.number() }).optional(),
});

function outlookOf(invocation: Invocation): Outlook | undefined {
  const result = resultSchema.safeParse(invocation.outcome === "returned" ? invocation.payload : undefined);
  if (!result.success) return undefined;
  const { effectiveThreshold, forecast } = result.data;
  return { effectiveThreshold, possibleFiles: forecast?.fileCount };
}
