import type { View } from "../view.ts";

/** The few numbers that matter most. */
export function Figures({ status: { total, withoutRates }, words, format }: View) {
  const rate = (text: string) => (withoutRates ? "–" : text);
  const figures = [
    {
      name: words.requests,
      value: rate(format.number(total.requestsPerSecond)),
      unit: words.perSecond,
      note: words.inFlightNow(format.whole(total.inFlight)),
    },
    { name: words.throughput, value: rate(format.megabytes(total.bytesPerSecond)), unit: `MB${words.perSecond}` },
    {
      name: words.latency99,
      value: total.p99 === undefined ? "–" : format.number(total.p99),
      unit: "ms",
      note: words.latency50(format.milliseconds(total.p50)),
    },
    {
      name: words.errors,
      value: rate(format.number(total.errorsPerSecond)),
      unit: words.perSecond,
      isBad: total.errorsPerSecond > 0,
    },
  ];
  return (
    <dl class="figures">
      {figures.map(({ name, value, unit, note, isBad = false }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={isBad ? "bad" : ""}>
            <span class="value">{value}</span> <span class="unit">{unit}</span>
            {note && <span class="note">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
