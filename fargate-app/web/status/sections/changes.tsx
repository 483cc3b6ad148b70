import { stateIn, type View } from "../view.ts";
import { StateWord, Swatch } from "./parts.tsx";

export function Changes({ status: { changes }, words, format, colorOf }: View) {
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">{words.changes}</h2>
      {changes.length === 0 ? (
        <p class="muted">{words.noChanges}</p>
      ) : (
        // Who uses a keyboard can scroll it.
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls.
        <ol class="changes" tabIndex={0} aria-labelledby="changes">
          {changes.map(({ time, target, state, reason, seenBy }) => (
            <li key={`${time} ${target} ${state}`}>
              <time dateTime={new Date(time).toISOString()}>{format.time(time)}</time>
              <Swatch color={colorOf(target)} />
              <span class="id">{target}</span>
              <StateWord state={state} text={stateIn(words.states, state)} />
              <span class="muted">{words.seenByTasks(seenBy)}</span>
              {reason !== undefined && (
                <span class="note" lang="en">
                  {reason}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
