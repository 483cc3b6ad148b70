import { useState } from "preact/hooks";
import { COMMON_WORDS, type Language } from "./language.ts";
import { signIn as send } from "./session.ts";

interface SignInProps {
  readonly language: Language;
  readonly onSignedIn: () => void;
}

export function SignIn({ language, onSignedIn }: SignInProps) {
  const words = COMMON_WORDS[language];
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string>();
  const signIn = async (event: Event) => {
    event.preventDefault();
    const status = await send(token.trim());
    if (status === 204) onSignedIn();
    else setProblem(status === 401 ? words.wrongToken : words.signInFailed(status));
  };
  return (
    <section class="sign-in" aria-labelledby="sign-in">
      <h2 id="sign-in">{words.signIn}</h2>
      <form onSubmit={signIn}>
        <label for="token">{words.token}</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
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
