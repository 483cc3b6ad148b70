import type { Bounds } from "../../../src/status/document.ts";
import type { View } from "../view.ts";

export function Costs({ status: { costs }, words, format }: View) {
  if (costs === undefined) return null;
  const range = ({ lower, upper }: Bounds, text: (value: number) => string) => words.range(text(lower), text(upper));
  const { meteredBytes, dollars, dollarsAMonth, pricesAsOf } = costs;
  return (
    <section aria-labelledby="costs">
      <h2 id="costs">{words.costs}</h2>
      <dl class="facts-table">
        <div>
          <dt>
            {words.metered} <span class="muted">{words.sinceStart}</span>
          </dt>
          <dd>{range(meteredBytes, format.bytes)}</dd>
        </div>
        <div>
          <dt>
            {words.dollars} <span class="muted">{words.sinceStart}</span>
          </dt>
          <dd>
            {dollars === undefined ? <span class="unknown">{words.noPrices}</span> : range(dollars, format.dollars)}
          </dd>
        </div>
        {dollarsAMonth && (
          <div>
            <dt>
              {words.dollars} <span class="muted">{words.aMonth}</span>
            </dt>
            <dd>{range(dollarsAMonth, format.dollars)}</dd>
          </div>
        )}
      </dl>
      <p class="muted small">{words.costNote(pricesAsOf)}</p>
    </section>
  );
}
