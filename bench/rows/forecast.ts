/** The forecast of the number of files, on public series, as the monitor would have met them. */
import { setImmediate } from "node:timers/promises";
import type { Count } from "../../functions/file-monitor/forecast/history.ts";
import { DAY } from "../../functions/file-monitor/forecast/history.ts";
import { type Backtest, judgeRuns, REPLAY_SETTINGS } from "../backtest/backtest.ts";
import type { Mode } from "../backtest/modes.ts";
import { PUBLIC_SERIES, readSeries } from "../backtest/public-series.ts";
import { type Run, replay } from "../backtest/replay.ts";
import { syntheticSeries } from "../backtest/synthetic.ts";
import { type Bench, type Figure, type Row, valueAtLeast, valueAtMost } from "../row.ts";

export const forecast: Row = {
  name: "forecast",
  what: "Scale-outs ahead of time: forecasts on public series, replayed in runs of five minutes, beside a straight line",
  seconds: 240,
  measure,
};

/** One series, judged for several thresholds. */
interface Result {
  readonly name: string;
  readonly group: Group;
  readonly backtests: readonly Backtest[];
}

type Group = "reporting" | "tuning" | "synthetic";

/** Where the thresholds are between the highest count of the first day, in which nothing can be forecast, and the highest. */
const THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

async function measure(bench: Bench): Promise<Figure[]> {
  const results: Result[] = [];
  const add = async (name: string, group: Group, counts: readonly Count[]) => {
    bench.progress(name);
    // Whoever interrupts is heard between two series.
    await setImmediate();
    bench.signal.throwIfAborted();
    results.push(judge(name, group, counts, bench));
  };
  for (const series of PUBLIC_SERIES) await add(series.name, series.half, await readSeries(series));
  for (const { name, counts } of syntheticSeries()) await add(name, "synthetic", counts);
  bench.note(
    "Parameters were chosen on the synthetic series and on half of the public ones. The goals are for the other half",
  );
  return [
    ...figures(results, "reporting", "", true),
    ...figures(results, "tuning", ", tuning half", false),
    ...figures(results, "synthetic", ", synthetic", false),
  ];
}

function judge(name: string, group: Group, counts: readonly Count[], { note }: Bench): Result {
  const runs = replay(counts, REPLAY_SETTINGS);
  const backtests = thresholds(runs).map((threshold) => judgeRuns(runs, threshold));
  const result = { name, group, backtests };
  const { accuracy } = backtests[0] ?? { accuracy: { mase: null, coverage90: null } };
  const [crossings, served] = [total(backtests, "forecast", "crossings"), total(backtests, "forecast", "servedBefore")];
  note(
    `${name} (${group}): MASE ${accuracy.mase?.toFixed(2)}, coverage ${(100 * (accuracy.coverage90 ?? 0)).toFixed(0)} %, ` +
      `${served} of ${crossings} served before, ${total(backtests, "forecast", "falseScaleOuts")} false`,
  );
  return result;
}

function thresholds(runs: readonly Run[]): number[] {
  const begin = runs[0]?.time ?? 0;
  let [low, high] = [0, 0];
  for (const { time, files } of runs) {
    if (time - begin <= DAY) low = Math.max(low, files);
    high = Math.max(high, files);
  }
  return THRESHOLDS.map((share) => Math.floor(low + share * (high - low)));
}

function figures(results: readonly Result[], group: Group, suffix: string, hasGoals: boolean): Figure[] {
  const ours = results.filter((result) => result.group === group);
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
  backtests: readonly Backtest[],
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
