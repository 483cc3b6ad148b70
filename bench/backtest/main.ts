/** `npm run backtest`: what the forecast would have done with a series of counts. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { messageOf } from "nfs-client";
import { type Backtest, backtest, defaultThreshold } from "./backtest.ts";
import { drawBacktest } from "./chart.ts";
import { CountsError, parseCounts } from "./counts.ts";
import { toJsonLine, toReport } from "./report.ts";

interface Options {
  readonly json: boolean;
  readonly chart?: string;
  readonly threshold?: number;
}

/** Of input that cannot be used, and of a wrong command line. */
const EXIT_USAGE = 2;

await new Command("npm run backtest --")
  .description("Replays counts in runs of five minutes, and says what each thresholdMode would have done.")
  .argument("<counts>", "a file of lines `ISO time,count`, or what `aws cloudwatch get-metric-data` printed")
  .option(
    "--threshold <files>",
    "the fileCountThreshold (default: three quarters up the range of the counts)",
    parseThreshold,
  )
  .option("--json", "end with one line of JSON instead of the table", false)
  .option("--chart <dir>", "draw the counts, the forecast and the scale-outs as an SVG there")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .action(async (file: string, options: Options) => {
    process.exitCode = await run(file, options);
  })
  .parseAsync();

async function run(file: string, { json, chart, threshold }: Options): Promise<number> {
  let result: Backtest;
  try {
    const counts = parseCounts(await readFile(file, "utf8"));
    result = backtest(counts, threshold ?? defaultThreshold(counts));
  } catch (error) {
    const isInput = error instanceof CountsError || (error instanceof Error && "code" in error);
    if (!isInput) throw error;
    console.error(`${file}: ${messageOf(error)}`);
    return EXIT_USAGE;
  }
  if (chart !== undefined) {
    const name = basename(file).replace(/\.[^.]*$/, "");
    await mkdir(chart, { recursive: true });
    const path = join(chart, `${name}.svg`);
    await writeFile(path, drawBacktest(name, result));
    console.error(`Drawn: ${path}`);
  }
  console.log(json ? toJsonLine(result) : toReport(result));
  return 0;
}

function parseThreshold(text: string): number {
  const threshold = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(threshold)) throw new InvalidArgumentError("It must be a whole number of files.");
  return threshold;
}
