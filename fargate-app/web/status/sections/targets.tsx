import type { TargetStatus } from "../../../src/status/document.ts";
import { stateIn, type View } from "../view.ts";
import { Share, StateWord, Swatch } from "./parts.tsx";

export function Targets({ status: { targets, withoutRates }, words, format, colorOf }: View) {
  const rate = (text: string) => (withoutRates ? "–" : text);
  return (
    <section aria-labelledby="targets">
      <h2 id="targets" tabIndex={-1}>
        {words.targets}
      </h2>
      <table class="wide">
        <thead>
          <tr>
            <th scope="col">{words.target}</th>
            <th scope="col">{words.state}</th>
            <th scope="col">{words.share}</th>
            <th scope="col" class="number">
              {words.requests}
              {words.perSecond}
            </th>
            <th scope="col" class="number">
              {words.read} MB{words.perSecond}
            </th>
            <th scope="col" class="number">
              {words.written} MB{words.perSecond}
            </th>
            <th scope="col" class="number">
              p50
            </th>
            <th scope="col" class="number">
              p99
            </th>
            <th scope="col" class="number">
              {words.inFlight}
            </th>
            <th scope="col" class="number">
              {words.errors}
            </th>
          </tr>
        </thead>
        <tbody>
          {targets.map((target) => (
            <tr key={target.id} data-target={target.id} data-state={target.state}>
              <th scope="row">
                <Swatch color={colorOf(target.id)} />
                <span class="id">{target.id}</span>
                <span class="note">
                  {target.zone} · {target.address}
                </span>
              </th>
              <td data-label={words.state}>
                <StateWord state={target.state} text={stateIn(words.states, target.state)} />
                <span class="note">{why(target, words, format)}</span>
              </td>
              <td data-label={words.share}>
                <Share share={target.share} text={rate(format.percent(target.share))} color={colorOf(target.id)} />
              </td>
              <td class="number" data-label={`${words.requests}${words.perSecond}`}>
                {rate(format.number(target.requestsPerSecond))}
              </td>
              <td class="number" data-label={`${words.read} MB${words.perSecond}`}>
                {rate(format.megabytes(target.readPerSecond))}
              </td>
              <td class="number" data-label={`${words.written} MB${words.perSecond}`}>
                {rate(format.megabytes(target.writtenPerSecond))}
              </td>
              <td class="number" data-label="p50">
                {format.milliseconds(target.p50)}
              </td>
              <td class="number" data-label="p99">
                {format.milliseconds(target.p99)}
              </td>
              <td class="number" data-label={words.inFlight}>
                {format.whole(target.inFlight)}
              </td>
              <td class={`number ${target.errorsPerSecond > 0 ? "bad" : ""}`} data-label={words.errors}>
                {format.whole(target.errors)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The reason that the router gives is in the language of its log. */
function why({ state, since, reason, seenBy, routers }: TargetStatus, words: View["words"], format: View["format"]) {
  const seen = seenBy < routers ? ` · ${words.seenBy(seenBy, routers)}` : "";
  return (
    <>
      {words.since(format.time(since))}
      {seen}
      {state !== "connected" && reason !== undefined && <span lang="en"> · {reason}</span>}
    </>
  );
}
