import { useMemo } from "preact/hooks";
import { LineChart } from "../line-chart.tsx";
import type { Quantity } from "../timeline.ts";
import type { View } from "../view.ts";

export function Charts(view: View) {
  const { words, format } = view;
  const charts = [
    { quantity: "requests", title: words.requestsChart, value: format.number },
    { quantity: "bytes", title: words.throughputChart, value: format.megabytes },
    { quantity: "latency", title: words.latencyChart, value: format.number },
  ] as const;
  return (
    <section aria-labelledby="last-hour">
      <h2 id="last-hour">{words.lastHour}</h2>
      <div class="charts">
        {charts.map(({ quantity, title, value }) => (
          <Chart key={quantity} quantity={quantity} title={title} value={value} view={view} />
        ))}
      </div>
    </section>
  );
}

interface ChartProps {
  readonly quantity: Quantity;
  readonly title: string;
  readonly value: (value: number) => string;
  readonly view: View;
}

function Chart({ quantity, title, value, view: { status, timeline, words, format, colorOf } }: ChartProps) {
  const ids = status.targets.map(({ id }) => id);
  const { times, values } = useMemo(() => timeline.series(quantity, ids), [status]);
  const now = ids.map((id, index) => words.chartNow(id, value(values[index]?.at(-1) ?? 0)));
  return (
    <figure>
      <figcaption>{title}</figcaption>
      {times.length < 2 ? (
        <p class="muted">{words.gathering}</p>
      ) : (
        <LineChart
          label={`${title}. ${now.join(", ")}`}
          lines={ids.map((id) => ({ label: id, color: `--color-${colorOf(id) ?? 0}` }))}
          data={[[...times], ...values.map((row) => [...row])]}
          formatValue={value}
          format={format}
        />
      )}
    </figure>
  );
}
