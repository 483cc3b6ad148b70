import { useState } from "preact/hooks";
import type { Words } from "../words/index.ts";

interface SignInProps {
  readonly words: Words;
  /** @returns the status of the response. */
  readonly onSignIn: (token: string) => Promise<number>;
}

export function SignIn({ words, onSignIn }: SignInProps) {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string>();
  const signIn = async (event: Event) => {
    event.preventDefault();
    const status = await onSignIn(token.trim());
    if (status === 204) return;
    setProblem(status === 401 ? words.wrongToken : words.signInFailed(status));
  };
  return (
    <section class="sign-in" aria-labelledby="sign-in">
      <h2 id="sign-in">{words.signIn}</h2>
      <form onSubmit={signIn}>
        <label for="token">{words.token}</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          value={token}
          required
          aria-describedby="token-hint"
          aria-invalid={problem !== undefined}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
        <p id="token-hint" class="muted small">
          {words.tokenHint}
        </p>
        <p role="alert" class="problem">
          {problem}
        </p>
        <button type="submit">{words.signIn}</button>
      </form>
    </section>
  );
}
