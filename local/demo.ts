/** `npm run demo`: shows the whole loop, and exits 1 when something about it was not as it should be. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { problemsOf, toJson, toTable } from "./demo/result.ts";
import { runDemo } from "./demo/run-demo.ts";
import { Screen } from "./demo/screen.ts";
import { MIN_FILES } from "./demo/source-files.ts";
import { describeArrived, NO_FLUENT_BIT, startLogPipeline } from "./firelens/log-pipeline.ts";
import { isTrouble } from "./logs/log-level.ts";
import { RecentLines } from "./logs/recent-lines.ts";
import { runProgram } from "./machine/program.ts";

const NODE_MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));

interface Options {
  readonly source: string;
  readonly files: number;
  readonly seconds: number;
  readonly json: boolean;
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
  .option("--json", "end with one line of JSON", false)
  .action((options: Options) => runProgram((signal) => demo(options, signal)))
  .parseAsync();

async function demo({ source, files, seconds, json }: Options, signal: AbortSignal): Promise<number> {
  const trouble = new RecentLines(20);
  const logPipeline = await startLogPipeline(() => {});
  try {
    const result = await runDemo({
      source,
      maxFiles: files,
      measureSeconds: seconds,
      screen: new Screen(),
      log: (line) => {
        logPipeline?.write(line);
        if (isTrouble(line)) trouble.add(line);
      },
      signal,
    });
    console.log(logPipeline === undefined ? NO_FLUENT_BIT : describeArrived(await logPipeline.close()));
    const problems = problemsOf(result);
    console.log(toTable(result));
    for (const problem of problems) console.error(problem);
    if (problems.length > 0) console.error(`${trouble}`);
    if (json) console.log(toJson(result));
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) console.error(`${trouble}`);
    throw error;
  } finally {
    await logPipeline?.close();
  }
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
