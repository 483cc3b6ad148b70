import { useState } from "preact/hooks";
import { routeSchema } from "../../../src/status/document.ts";
import { stateIn, type View } from "../view.ts";
import { StateWord, Swatch } from "./parts.tsx";

interface Answer {
  readonly path: string;
  readonly targets: readonly string[];
}

/** How a path maps to mount targets. */
export function PathRoute({ status, words, colorOf }: View) {
  const [path, setPath] = useState("");
  const [answer, setAnswer] = useState<Answer | string>();
  const ask = async () => {
    const response = await fetch(`status/route?${new URLSearchParams({ path })}`);
    const body: unknown = await response.json();
    setAnswer(response.ok ? routeSchema.parse(body) : problemIn(body));
  };
  const find = (event: Event) => {
    event.preventDefault();
    ask().catch((error: unknown) => setAnswer(String(error)));
  };
  return (
    <section aria-labelledby="route">
      <h2 id="route">{words.route}</h2>
      <form class="row" onSubmit={find}>
        <label class="grow">
          <span class="hidden">{words.path}</span>
          <input
            name="path"
            value={path}
            placeholder={words.pathHint}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setPath(currentTarget.value)}
          />
        </label>
        <button type="submit">{words.find}</button>
      </form>
      <div aria-live="polite">
        {typeof answer === "string" && (
          <p class="problem" lang="en">
            {answer}
          </p>
        )}
        {typeof answer === "object" && (
          <>
            <p>{words.routeResult(answer.path || words.root)}</p>
            <ol class="route">
              {answer.targets.map((id) => {
                const target = status.targets.find((one) => one.id === id);
                return (
                  <li key={id}>
                    <Swatch color={colorOf(id)} />
                    <span class="id">{id}</span> <span class="muted">{target?.zone}</span>{" "}
                    {target && <StateWord state={target.state} text={stateIn(words.states, target.state)} />}
                  </li>
                );
              })}
            </ol>
          </>
        )}
      </div>
    </section>
  );
}

/** The detail of a problem document. */
function problemIn(body: unknown): string {
  return typeof body === "object" && body !== null && "detail" in body ? String(body.detail) : String(body);
}
