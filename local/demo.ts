/** `npm run demo`: shows the whole loop, or one scenario of it, and exits 1 when something was not as it should be. */
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { demoRegions, parseRegions } from "./demo/regions/command.ts";
import * as demoResult from "./demo/result.ts";
import { describeAddresses, runDemo } from "./demo/run-demo.ts";
import { drawChart } from "./demo/scenario/chart.ts";
import * as scenarioResult from "./demo/scenario/result.ts";
import { runScenario } from "./demo/scenario/run-scenario.ts";
import { SCENARIOS, type ScenarioName } from "./demo/scenario/scenarios.ts";
import { Screen } from "./demo/screen.ts";
import { MIN_FILES } from "./demo/source-files.ts";
import { describeArrived, NO_FLUENT_BIT, startLogPipeline } from "./firelens/log-pipeline.ts";
import { isTrouble } from "./logs/log-level.ts";
import type { LogLine, LogSink } from "./logs/log-line.ts";
import { RecentLines } from "./logs/recent-lines.ts";
import { runProgram } from "./machine/program.ts";

const NODE_MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));

interface Options {
  readonly source: string;
  readonly files: number;
  readonly seconds: number;
  readonly json: boolean;
  readonly scenario?: ScenarioName;
  readonly keep: boolean;
  readonly regions: 1 | 2;
}

await new Command("npm run demo --")
  .description(
    "Copies files in through two mount targets until a third one is added, while traffic goes on, and compares them all.",
  )
  .option(
    "--source <dir>",
    `where the files come from: at least ${MIN_FILES} of at most 128 KiB each`,
    (path) => resolve(path),
    NODE_MODULES,
  )
  .option("--files <n>", `how many files to take at most, at least ${MIN_FILES}`, parseFiles, 3_000)
  .option("--seconds <n>", "how long each of the two measurements takes at least", parseSeconds, 8)
  .addOption(
    new Option("--scenario <name>", "show instead what becomes of a number of files, with time compressed").choices(
      Object.keys(SCENARIOS),
    ),
  )
  .option("--keep", "leave the system running in the end, until Ctrl-C; not with --scenario or --regions", false)
  .option("--regions <n>", "2: lose one of two regions instead, take over, and come back", parseRegions, 1)
  .option("--json", "end with one line of JSON", false)
  .action((options: Options) =>
    runProgram((signal) => (options.regions === 2 ? demoRegions(options.json, signal) : demo(options, signal))),
  )
  .parseAsync();

/** What a demo has to show. */
interface Shown {
  /** For people. */
  readonly text: string;
  /** For programs. */
  readonly json: string;
  /** One sentence for each. */
  readonly problems: readonly string[];
}

async function demo(options: Options, signal: AbortSignal): Promise<number> {
  const trouble = new RecentLines(20);
  const logPipeline = await startLogPipeline(() => {});
  const log = (line: LogLine) => {
    logPipeline?.write(line);
    if (isTrouble(line)) trouble.add(line);
  };
  try {
    const { text, json, problems } = await show(options, log, signal);
    console.log(logPipeline === undefined ? NO_FLUENT_BIT : describeArrived(await logPipeline.close()));
    if (!options.keep || options.scenario !== undefined) console.log(text);
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) console.error(`${trouble}`);
    if (options.json) console.log(json);
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) console.error(`${trouble}`);
    throw error;
  } finally {
    await logPipeline?.close();
  }
}

async function show(options: Options, log: LogSink, signal: AbortSignal): Promise<Shown> {
  const { source, files, seconds, scenario, keep } = options;
  const common = { source, maxFiles: files, screen: new Screen(), log, signal };
  if (scenario === undefined) {
    const { problemsOf, toJson, toTable } = demoResult;
    const result = await runDemo({
      ...common,
      measureSeconds: seconds,
      ...(keep && { beforeStop: (result, url) => stay(toTable(result), url, signal) }),
    });
    return { text: toTable(result), json: toJson(result), problems: problemsOf(result) };
  }
  const { problemsOf, toJson, toTable } = scenarioResult;
  const result = await runScenario(SCENARIOS[scenario], common);
  const text = `${drawChart(result.moments, result.threshold)}\n${toTable(result)}`;
  return { text, json: toJson(result), problems: problemsOf(result) };
}

/** Leaves all running until Ctrl-C. */
async function stay(table: string, url: string, signal: AbortSignal): Promise<void> {
  console.log(table);
  console.log(describeAddresses(url));
  console.log("Ctrl-C stops everything and removes every file.");
  if (!signal.aborted) await once(signal, "abort");
}

function parseFiles(text: string): number {
  const files = Number(text);
  if (/^\d+$/.test(text) && files >= MIN_FILES) return files;
  throw new InvalidArgumentError(`It must be a whole number of at least ${MIN_FILES}.`);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0 && seconds <= 60) return seconds;
  throw new InvalidArgumentError("It must be a number above 0, and at most 60.");
}
