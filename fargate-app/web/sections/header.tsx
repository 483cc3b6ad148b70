import type { ServiceStatus } from "../../src/status/document.ts";
import type { Phase } from "../connection.ts";
import type { Format } from "../format.ts";
import { stateIn } from "../view.ts";
import { LANGUAGES, type Language, type Words } from "../words/index.ts";

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
      <div class="bar">
        <span class="product">
          <img src="status/icon.svg" alt="" width="18" height="18" />
          efs-mount-autoscaling {status && <span class="muted id">{status.fileSystemId}</span>}
        </span>
        <span class="controls">
          {phase === "live" && status && (
            <span class="muted live">
              <span class="pulse" aria-hidden="true" /> {words.live} {format.time(status.time)}
            </span>
          )}
          <label>
            <span class="hidden">{words.language}</span>
            <select
              value={language}
              onChange={({ currentTarget: { value } }) => onLanguage(value === "ja" ? "ja" : "en")}
            >
              {Object.entries(LANGUAGES).map(([code, name]) => (
                <option key={code} value={code} lang={code}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {onSignOut && (
            <button type="button" class="quiet" onClick={onSignOut}>
              {words.signOut}
            </button>
          )}
        </span>
      </div>
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
  const { targets, tasks } = status;
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
