/** The section that a local run adds to the status page: what stands in for AWS, and buttons that disturb it. */
import { render } from "preact";
import { type Action, type ConsoleState, consoleStateSchema } from "../state.ts";
import { type ConsoleWords, wordsOf } from "./words.ts";

const INTERVAL = 1_000;

let state: ConsoleState | undefined;
let problem: string | undefined;
let busy: string | undefined;

async function poll(): Promise<void> {
  try {
    const response = await fetch("/local/state");
    state = consoleStateSchema.parse(await response.json());
  } catch {
    // The local run has ended, or is busy: the page says so itself.
  }
  draw();
  setTimeout(poll, INTERVAL);
}

async function act(name: string, action: Action): Promise<void> {
  busy = name;
  problem = undefined;
  draw();
  try {
    const response = await fetch("/local/actions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(action),
    });
    const body: unknown = await response.json();
    if (response.ok) state = consoleStateSchema.parse(body);
    else
      problem =
        typeof body === "object" && body !== null && "detail" in body ? String(body.detail) : response.statusText;
  } catch (error) {
    problem = String(error);
  }
  busy = undefined;
  draw();
}

function draw(): void {
  const place = document.getElementById("extension");
  if (place === null || state === undefined) return;
  render(<Console state={state} words={wordsOf(document.documentElement.lang)} />, place);
}

interface ConsoleProps {
  readonly state: ConsoleState;
  readonly words: ConsoleWords;
}

function Console({ state, words }: ConsoleProps) {
  const { time, nextRun, lastRun, parameter, deployment, targets } = state;
  const clock = (at: number) => new Date(at).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
  const button = (label: string, action: Action) => (
    <button
      key={label}
      type="button"
      class="quiet"
      disabled={busy !== undefined}
      aria-busy={busy === label}
      onClick={() => void act(label, action)}
    >
      {label}
    </button>
  );
  const facts = [
    [words.schedule, nextRun === undefined ? "–" : words.nextRun(Math.ceil((nextRun - time) / 1_000))],
    [words.monitor, lastRun === undefined ? words.noRun : `${lastRun.text} (${clock(lastRun.time)})`],
    [words.parameter, words.version(parameter.version, parameter.targets, clock(parameter.modified))],
    [words.deployment, words.rollout(deployment.state, deployment.running, deployment.desired)],
    [words.fileSystem, targets.map(({ zone, lifeCycleState }) => `${zone} ${lifeCycleState}`).join(", ")],
  ];
  return (
    <section class="console" aria-labelledby="console">
      <h2 id="console">{words.title}</h2>
      <div class="buttons">
        {button(words.write, { action: "write files" })}
        {button(words.runMonitor, { action: "run monitor" })}
        {targets
          .filter(({ lifeCycleState }) => lifeCycleState === "available")
          .flatMap(({ address: target, isKilled, isSlow }, index) => [
            isKilled
              ? button(words.start(index + 1), { action: "start", target })
              : button(words.kill(index + 1), { action: "kill", target }),
            ...(isKilled
              ? []
              : [
                  isSlow
                    ? button(words.speedUp(index + 1), { action: "speed up", target })
                    : button(words.slowDown(index + 1), { action: "slow down", target }),
                ]),
          ])}
      </div>
      <p class="problem" role="alert">
        {problem && words.failed(problem)}
      </p>
      <dl>
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd lang="en">{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

void poll();
