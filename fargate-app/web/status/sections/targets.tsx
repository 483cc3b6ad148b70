import type { TargetStatus } from "../../../src/status/document.ts";
import { colors, stateIn, type View } from "../view.ts";
import { Share, StateWord } from "./parts.tsx";

export function Targets({ status: { targets }, words, format }: View) {
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
                <span class={`swatch color-${colors.of(target.id)}`} aria-hidden="true" />
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
                <Share share={target.share} text={format.percent(target.share)} color={colors.of(target.id)} />
              </td>
              <td class="number" data-label={`${words.requests}${words.perSecond}`}>
                {format.number(target.requestsPerSecond)}
              </td>
              <td class="number" data-label={`${words.read} MB${words.perSecond}`}>
                {format.megabytes(target.readPerSecond)}
              </td>
              <td class="number" data-label={`${words.written} MB${words.perSecond}`}>
                {format.megabytes(target.writtenPerSecond)}
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
