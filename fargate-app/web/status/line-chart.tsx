/** A chart by uPlot, as wide as its place, in the colours of the page. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Format } from "../common/format.ts";

export interface Line {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly color: `--${string}`;
  readonly dash?: number[];
  /** Whether single points are drawn. */
  readonly points?: boolean;
}

interface LineChartProps {
  /** What there is to see, in words. */
  readonly label: string;
  readonly lines: readonly Line[];
  /** Times in seconds, then the values of each line. */
  readonly data: uPlot.AlignedData;
  readonly formatValue: (value: number) => string;
  readonly format: Pick<Format, "time" | "shortTime">;
  /** Two lines, by their index, between which the chart is filled. */
  readonly band?: readonly [number, number];
}

const HEIGHT = 160;

/** Seconds: a shorter time has its seconds written out. */
const SHORT = 240;

export function LineChart({ label, lines, data, formatValue, format, band }: LineChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const formats = useRef({ formatValue, format });
  formats.current = { formatValue, format };
  const latest = useRef(data);
  latest.current = data;
  const look = JSON.stringify([lines, band]);

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const draw = () => {
      chart.current?.destroy();
      chart.current = new uPlot(optionsOf(element, lines, band, formats), latest.current, element);
    };
    draw();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    const observer = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
      chart.current?.destroy();
      chart.current = null;
    };
  }, [look]);

  useEffect(() => chart.current?.setData(data), [data]);

  return <div class="chart" ref={place} role="img" aria-label={label} />;
}

function optionsOf(
  element: HTMLElement,
  lines: readonly Line[],
  band: readonly [number, number] | undefined,
  formats: { readonly current: Pick<LineChartProps, "formatValue" | "format"> },
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--muted"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 26, 0, 0],
    scales: { y: { range: (_chart, _low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [
      {
        ...axis,
        size: 28,
        space: 76,
        values: (_chart, times) => {
          const { time, shortTime } = formats.current.format;
          const isShort = (times.at(-1) ?? 0) - (times[0] ?? 0) < SHORT;
          return times.map((each) => (isShort ? time : shortTime)(each * 1_000));
        },
      },
      {
        ...axis,
        size: 56,
        space: 36,
        values: (_chart, values) => values.map((value) => formats.current.formatValue(value)),
      },
    ],
    series: [
      {},
      ...lines.map(({ label, color: name, dash, points = false }) => ({
        label,
        stroke: color(name),
        width: 1.5,
        points: points ? { show: true, size: 5, fill: color(name) } : { show: false },
        ...(dash && { dash }),
        spanGaps: true,
      })),
    ],
    ...(band && { bands: [{ series: [band[0] + 1, band[1] + 1], fill: color("--band") }] }),
  };
}
