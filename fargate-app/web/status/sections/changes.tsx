import { type Happening, happeningsOf } from "../happenings.ts";
import { stateIn, type View } from "../view.ts";
import { StateWord, Swatch } from "./parts.tsx";

export function Changes(view: View) {
  const { status, words } = view;
  const happenings = happeningsOf(status);
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">{words.changes}</h2>
      {happenings.length === 0 ? (
        <p class="muted">{words.noChanges}</p>
      ) : (
        // Who uses a keyboard can scroll it.
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls.
        <ol class="changes" tabIndex={0} aria-labelledby="changes">
          {happenings.map((happening) => (
            <Item key={keyOf(happening)} happening={happening} view={view} />
          ))}
        </ol>
      )}
    </section>
  );
}

interface ItemProps {
  readonly happening: Happening;
  readonly view: View;
}

function Item({ happening, view: { words, format, colorOf } }: ItemProps) {
  const { time } = happening;
  const when = <time dateTime={new Date(time).toISOString()}>{format.time(time)}</time>;
  if (happening.by === "monitor") {
    const { kind, subject = "" } = happening.event;
    return (
      <li class="by-monitor">
        {when}
        <span>{words.events[kind]?.(subject) ?? `${kind} ${subject}`}</span>
        <span class="muted">{words.byMonitor}</span>
      </li>
    );
  }
  const { target, state, reason, seenBy } = happening.change;
  return (
    <li>
      {when}
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
  );
}

function keyOf(happening: Happening): string {
  const { by, time } = happening;
  const { subject, what } =
    happening.by === "monitor"
      ? { subject: happening.event.subject, what: happening.event.kind }
      : { subject: happening.change.target, what: happening.change.state };
  return [by, time, subject, what].join(" ");
}
