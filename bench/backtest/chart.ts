/** A backtest as a picture: all of it above, the hours around the first scale-out below, and under each the mount targets. */
import type { Forecast } from "../../functions/file-monitor/forecast/forecast.ts";
import { DAY, HOUR, MINUTE } from "../../functions/file-monitor/forecast/history.ts";
import type { Backtest } from "./backtest.ts";
import { MODES, type Mode } from "./modes.ts";
import type { Run } from "./replay.ts";

const WIDTH = 960;
const LEFT = 96;
const RIGHT = 24;
const PLOT_HEIGHT = 250;
const LANE_HEIGHT = 20;
/** From the end of a plot to its lanes: the axis with its dates. */
const AXIS_HEIGHT = 44;
const PANEL_HEIGHT = PLOT_HEIGHT + AXIS_HEIGHT + MODES.length * LANE_HEIGHT + 54;
const HEADER = 88;
/** Of a date, so that the last one is not cut off. */
const LABEL_WIDTH = 76;

const STYLE = `text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:#24292f}.title{font-size:17px;font-weight:600}
.quiet{fill:#57606a}.axis{stroke:#d0d7de}.grid{stroke:#eaeef2}.end{text-anchor:end}.middle{text-anchor:middle}
.count{fill:none;stroke:#0969da;stroke-width:1.8}.band{fill:#54aeff;fill-opacity:.35;stroke:none}
.threshold{stroke:#cf222e;stroke-width:1.5;stroke-dasharray:6 4}.passed{stroke:#cf222e;stroke-width:1}
.added{fill:#bf8700;fill-opacity:.45}.available{fill:#1a7f37}.unneeded{fill:#8250df}`;

const LANE_NAMES: Readonly<Record<Mode, string>> = { fixed: "fixed", line: "straight line", forecast: "forecast" };

interface Panel {
  readonly from: number;
  readonly to: number;
  readonly top: number;
  readonly title: string;
}

export function drawBacktest(name: string, result: Backtest): string {
  const { runs, threshold, modes } = result;
  const [begin, end] = [runs[0]?.time ?? 0, runs.at(-1)?.time ?? 0];
  const { scaleOuts } = modes.forecast;
  const first = scaleOuts.find(({ decidedAt, passedAt }) => decidedAt !== passedAt) ?? scaleOuts[0];
  const detail = first && {
    from: Math.max(begin, first.decidedAt - 9 * HOUR),
    to: Math.min(end, (first.passedAt ?? first.decidedAt) + 3 * HOUR),
  };
  const panels: Panel[] = [{ from: begin, to: end, top: HEADER, title: "Files, the whole series" }];
  // A passing long after its scale-out would make the detail another whole.
  if (detail && detail.to - detail.from <= 3 * DAY && detail.to > detail.from) {
    panels.push({ ...detail, top: HEADER + PANEL_HEIGHT, title: "Files, around the first scale-out on a forecast" });
  }
  const height = HEADER + panels.length * PANEL_HEIGHT;
  const { crossings, servedBefore, falseScaleOuts } = modes.forecast;
  const summary = `threshold ${numberText(threshold)}; with forecast, ${servedBefore} of ${crossings} times the mount target was there before, ${falseScaleOuts} false`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<style>${STYLE}</style>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(16, 28, name, "title"),
    text(16, 48, summary, "quiet"),
    ...legend(70),
    ...panels.map((panel) => drawPanel(panel, result)),
    "</svg>",
    "",
  ].join("\n");
}

function legend(y: number): string[] {
  const entries = [
    [`<line class="count" x1="0" x2="22" y1="-4" y2="-4"/>`, "files"],
    [`<rect class="band" width="22" height="10" y="-9"/>`, "90 % interval, one hour before"],
    [`<line class="threshold" x1="0" x2="22" y1="-4" y2="-4"/>`, "threshold"],
    [`<rect class="added" width="22" height="10" y="-9"/>`, "mount target on its way"],
    [`<rect class="available" width="22" height="10" y="-9"/>`, "in use"],
    [`<rect class="unneeded" width="22" height="10" y="-9"/>`, "in use, not needed"],
  ] as const;
  let x = 16;
  return entries.map(([mark, label]) => {
    const drawn = `<g transform="translate(${x} ${y})">${mark}${text(28, 0, label, "quiet")}</g>`;
    x += 28 + label.length * 6.4 + 22;
    return drawn;
  });
}

function drawPanel({ from, to, top, title }: Panel, { runs, threshold, modes }: Backtest): string {
  const shown = runs.filter(({ time }) => from <= time && time <= to);
  const forecasts = runs.flatMap(({ hourly }) => {
    const next = hourly?.next;
    return next !== undefined && from <= next.time && next.time <= to ? [next] : [];
  });
  const highest = shown.reduce((most, { files }) => Math.max(most, files), threshold);
  const lowest = shown.reduce((least, { files }) => Math.min(least, files), threshold);
  const margin = Math.max(1, (highest - lowest) * 0.06);
  const [bottomValue, topValue] = [Math.max(0, lowest - margin), highest + margin];
  const plotTop = top + 26;
  const x = (time: number) =>
    LEFT + ((Math.min(to, Math.max(from, time)) - from) / Math.max(1, to - from)) * (WIDTH - LEFT - RIGHT);
  const y = (files: number) => {
    const share = (Math.min(topValue, Math.max(bottomValue, files)) - bottomValue) / (topValue - bottomValue);
    return plotTop + PLOT_HEIGHT * (1 - share);
  };
  const bottom = plotTop + PLOT_HEIGHT;
  const valueTicks = ticks(bottomValue, topValue).map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y(value))}" y2="${px(y(value))}"/>${text(LEFT - 8, y(value) + 4, numberText(value), "quiet end")}`,
  );
  const step = timeStep(to - from);
  const timeTicks: string[] = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
    timeTicks.push(
      `<line class="axis" x1="${px(x(time))}" x2="${px(x(time))}" y1="${bottom}" y2="${bottom + 5}"/>${text(Math.min(x(time), WIDTH - LABEL_WIDTH / 2), bottom + 18, timeText(time, step), "quiet middle")}`,
    );
  }
  return [
    text(16, top + 14, title, ""),
    ...valueTicks,
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>`,
    ...timeTicks,
    text(WIDTH - RIGHT, bottom + 34, "time, UTC", "quiet end"),
    bandPath(forecasts, x, y),
    countPath(shown, x, y),
    `<line class="threshold" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y(threshold))}" y2="${px(y(threshold))}"/>`,
    ...MODES.flatMap((mode, lane) => {
      const laneTop = bottom + AXIS_HEIGHT + lane * LANE_HEIGHT;
      return [
        text(LEFT - 8, laneTop + 11, LANE_NAMES[mode], "quiet end"),
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${laneTop + 7}" y2="${laneTop + 7}"/>`,
        ...modes[mode].scaleOuts.flatMap(({ decidedAt, availableAt, passedAt, retiredAt }) => {
          if (decidedAt > to || (retiredAt ?? to) < from) return [];
          const until = retiredAt ?? to;
          return [
            bar(x(decidedAt), x(availableAt), laneTop, "added"),
            bar(x(availableAt), x(until), laneTop, passedAt === undefined ? "unneeded" : "available"),
            ...(passedAt === undefined || passedAt < from || passedAt > to
              ? []
              : [
                  `<line class="passed" x1="${px(x(passedAt))}" x2="${px(x(passedAt))}" y1="${laneTop - 2}" y2="${laneTop + 16}"/>`,
                ]),
          ];
        }),
      ];
    }),
    text(
      LEFT,
      bottom + AXIS_HEIGHT + MODES.length * LANE_HEIGHT + 14,
      "The red marks are where the count passes the threshold.",
      "quiet",
    ),
  ].join("\n");
}

type Scale = (value: number) => number;

/** Between each two forecasts in a row; there is none where the monitor did not run. */
function bandPath(forecasts: readonly Forecast[], x: Scale, y: Scale): string {
  const pieces = forecasts.flatMap((right, index) => {
    const left = forecasts[index - 1];
    if (left === undefined || right.time - left.time > 2 * HOUR) return [];
    const [from, to] = [px(x(left.time)), px(x(right.time))];
    return `M${from} ${px(y(left.q95))}L${to} ${px(y(right.q95))}L${to} ${px(y(right.q05))}L${from} ${px(y(left.q05))}Z`;
  });
  return `<path class="band" d="${pieces.join("")}"/>`;
}

/** The line has a gap where the monitor did not run. A pixel shows no more than a few points. */
function countPath(runs: readonly Run[], x: Scale, y: Scale): string {
  const every = Math.max(1, Math.floor(runs.length / (2 * WIDTH)));
  let before: number | undefined;
  const points = runs.flatMap(({ time, files }, index) => {
    const isGap = before === undefined || time - before > HOUR;
    before = time;
    if (!isGap && index % every !== 0) return [];
    return [`${isGap ? "M" : "L"}${px(x(time))} ${px(y(files))}`];
  });
  return `<path class="count" d="${points.join("")}"/>`;
}

function bar(from: number, to: number, top: number, kind: string): string {
  return to <= from
    ? ""
    : `<rect class="${kind}" x="${px(from)}" y="${top}" width="${px(Math.max(1, to - from))}" height="14"/>`;
}

/** About five round values between two. */
function ticks(from: number, to: number): number[] {
  const rough = Math.max(1, (to - from) / 5);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const values: number[] = [];
  for (let value = Math.ceil(from / step) * step; value <= to; value += step) values.push(value);
  return values;
}

/** About eight steps of a length that people divide time by. */
function timeStep(span: number): number {
  const steps = [
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    7 * DAY,
    14 * DAY,
  ];
  return steps.find((step) => span / step <= 8) ?? Math.ceil(span / 8 / DAY) * DAY;
}

function timeText(time: number, step: number): string {
  const iso = new Date(time).toISOString();
  return step >= DAY ? iso.slice(0, 10) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;
}

function numberText(value: number): string {
  return value.toLocaleString("en-US");
}

function px(value: number): string {
  return value.toFixed(1);
}

function text(x: number, y: number, content: string, kind: string): string {
  const escaped = content.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text${kind === "" ? "" : ` class="${kind}"`} x="${px(x)}" y="${px(y)}">${escaped}</text>`;
}
