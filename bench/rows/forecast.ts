/** The forecast of the number of files, on public series, as the monitor would have met them. */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Count } from "../../functions/file-monitor/forecast/history.ts";
import type { Judged } from "../backtest/judge-series.ts";
import type { Mode } from "../backtest/modes.ts";
import { PUBLIC_SERIES, readSeries } from "../backtest/public-series.ts";
import { syntheticSeries } from "../backtest/synthetic.ts";
import { bundleProgram } from "../program.ts";
import { type Bench, type Figure, type Row, valueAtLeast, valueAtMost } from "../row.ts";

export const forecast: Row = {
  name: "forecast",
  what: "Scale-outs ahead of time: forecasts on public series, replayed in runs of five minutes, beside a straight line",
  seconds: 33,
  parts: ["reporting", "tuning", "synthetic"],
  // The goals are for the first.
  partsOnDemand: ["tuning", "synthetic"],
  measure,
};

/** One series, judged for several thresholds. */
interface Result {
  readonly name: string;
  readonly group: Group;
  readonly backtests: readonly Judged[];
}

type Group = "reporting" | "tuning" | "synthetic";

interface Series {
  readonly name: string;
  readonly group: Group;
  readonly counts: readonly Count[];
}

async function measure(bench: Bench): Promise<Figure[]> {
  const series: Series[] = [];
  for (const each of PUBLIC_SERIES) {
    if (bench.wants(each.half)) series.push({ name: each.name, group: each.half, counts: await readSeries(each) });
  }
  for (const each of bench.wants("synthetic") ? syntheticSeries() : []) series.push({ ...each, group: "synthetic" });
  const results = await judgeAll(bench, series);
  for (const result of results) bench.note(summaryOf(result));
  bench.note(
    "Parameters were chosen on the synthetic series and on half of the public ones. The goals are for the other half",
  );
  return [
    ...figures(results, "reporting", "", true),
    ...figures(results, "tuning", ", tuning half", false),
    ...figures(results, "synthetic", ", synthetic", false),
  ];
}

/** In as many threads as there are processors: a series takes one of them ten seconds. */
async function judgeAll({ progress, signal }: Bench, series: readonly Series[]): Promise<Result[]> {
  const program = await bundleProgram("backtest/judge-worker.ts");
  const results: Result[] = [];
  const waiting = series.values();
  const judgeSome = async () => {
    for (const { name, group, counts } of waiting) {
      signal.throwIfAborted();
      progress(name);
      const worker = new Worker(program, { workerData: counts });
      // The thread runs our own program, which sends nothing else.
      const [backtests] = (await once(worker, "message", { signal }).finally(() => worker.terminate())) as [Judged[]];
      results.push({ name, group, backtests });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, judgeSome));
  return results;
}

function summaryOf({ name, group, backtests }: Result): string {
  const { accuracy } = backtests[0] ?? { accuracy: { mase: null, coverage90: null } };
  const [crossings, served] = [total(backtests, "forecast", "crossings"), total(backtests, "forecast", "servedBefore")];
  return (
    `${name} (${group}): MASE ${accuracy.mase?.toFixed(2)}, coverage ${(100 * (accuracy.coverage90 ?? 0)).toFixed(0)} %, ` +
    `${served} of ${crossings} served before, ${total(backtests, "forecast", "falseScaleOuts")} false`
  );
}

function figures(results: readonly Result[], group: Group, suffix: string, hasGoals: boolean): Figure[] {
  const ours = results.filter((result) => result.group === group);
  if (ours.length === 0) return [];
  const backtests = ours.flatMap((result) => result.backtests);
  const accuracies = ours.flatMap(({ backtests: [first] }) => (first === undefined ? [] : [first.accuracy]));
  const served = (mode: Mode) => percent(total(backtests, mode, "servedBefore"), total(backtests, mode, "crossings"));
  const falseRate = (30 * total(backtests, "forecast", "falseScaleOuts")) / sum(backtests.map(({ days }) => days));
  const warnings = backtests.map(({ warning }) => warning).filter(({ passedAt }) => passedAt !== undefined);
  const line = (values: readonly number[]) => ({ peer: { name: "straight line", values } });
  const goal = (figure: Figure): Figure => {
    if (hasGoals) return figure;
    const { goal: _, ...rest } = figure;
    return rest;
  };
  const mase = mean(accuracies.map(({ mase }) => mase));
  const coverage = 100 * mean(accuracies.map(({ coverage90 }) => coverage90));
  return [
    {
      name: `MASE, mean of the series${suffix}`,
      unit: "",
      better: "lower" as const,
      ours: [mase],
      goal: valueAtMost(0.9),
    },
    {
      name: `within the 90 % interval${suffix}`,
      unit: "%",
      better: "higher" as const,
      ours: [coverage],
      goal: valueAtLeast(85),
    },
    {
      name: `outside the 90 % interval${suffix}`,
      unit: "%",
      better: "lower" as const,
      ours: [100 - coverage],
      goal: { ...valueAtLeast(5) },
    },
    {
      name: `passings served before${suffix}`,
      unit: "%",
      better: "higher" as const,
      ours: [served("forecast")],
      ...line([served("line")]),
      goal: valueAtLeast(95),
    },
    { name: `passings served before, fixed${suffix}`, unit: "%", better: "higher" as const, ours: [served("fixed")] },
    {
      name: `false scale-outs in 30 days${suffix}`,
      unit: "",
      better: "lower" as const,
      ours: [falseRate],
      goal: valueAtMost(1),
    },
    ...(warnings.length === 0
      ? []
      : [
          {
            name: `warned 7 days before${suffix}`,
            unit: "%",
            better: "higher" as const,
            ours: [percent(warnings.filter(({ wasWarned }) => wasWarned).length, warnings.length)],
            goal: valueAtLeast(90),
          },
        ]),
  ].map(goal);
}

function total(
  backtests: readonly Judged[],
  mode: Mode,
  what: "crossings" | "servedBefore" | "falseScaleOuts",
): number {
  return sum(backtests.map(({ modes }) => modes[mode][what]));
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

function mean(values: readonly (number | null)[]): number {
  const known = values.filter((value) => value !== null);
  return sum(known) / known.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
