import type { ServiceStatus } from "../../../src/status/document.ts";
import { Bar } from "../../common/bar.tsx";
import type { Format } from "../../common/format.ts";
import type { Language } from "../../common/language.ts";
import type { Phase } from "../live-status.ts";
import { stateIn } from "../view.ts";
import type { Words } from "../words/index.ts";

interface HeaderProps {
  readonly phase: Phase;
  readonly status: ServiceStatus | undefined;
  readonly words: Words;
  readonly format: Format;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  /** Undefined where nobody is signed in. */
  readonly onSignOut: (() => void) | undefined;
}

export function Header({ phase, status, words, format, language, onLanguage, onSignOut }: HeaderProps) {
  const { text, tone } = headline(phase, status, words);
  return (
    <header>
      <Bar
        page="status"
        language={language}
        onLanguage={onLanguage}
        onSignOut={onSignOut}
        product={status && <span class="muted id">{status.fileSystemId}</span>}
      >
        {phase === "live" && status && (
          <span class="muted live">
            <span class="pulse" aria-hidden="true" /> {words.live} {format.time(status.time)}
          </span>
        )}
      </Bar>
      <div role="status">
        <h1 class={`tone-${tone}`}>
          <span class="dot" aria-hidden="true" /> {text}
        </h1>
      </div>
    </header>
  );
}

type Tone = "good" | "busy" | "warning" | "bad" | "none";

/** What matters most now. */
function headline(phase: Phase, status: ServiceStatus | undefined, words: Words): { text: string; tone: Tone } {
  if (phase === "needs-token") return { text: words.heading, tone: "none" };
  if (phase === "lost") return { text: words.reconnecting, tone: "warning" };
  if (status === undefined) return { text: words.loading, tone: "none" };
  const { targets, tasks, ownRegion } = status;
  if (ownRegion?.role === "primary" && ownRegion.writableRouters < ownRegion.routers) {
    return { text: words.someTakeWrites(ownRegion.writableRouters, ownRegion.routers), tone: "bad" };
  }
  if (targets.length === 0) return { text: words.noTargets, tone: "bad" };
  for (const [state, tone] of [
    ["failed", "bad"],
    ["silent", "warning"],
    ["probing", "busy"],
  ] as const) {
    const count = targets.filter((target) => target.state === state).length;
    if (count > 0) return { text: words.someNot(count, targets.length, stateIn(words.states, state)), tone };
  }
  const current = tasks.filter(({ isCurrent }) => isCurrent).length;
  if (current < tasks.length) return { text: words.rolling(current, tasks.length), tone: "busy" };
  return { text: words.allConnected(targets.length), tone: "good" };
}
