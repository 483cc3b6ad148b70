/** The line at the top of every page. */
import type { ComponentChildren } from "preact";
import { COMMON_WORDS, chooseLanguage, LANGUAGES, type Language } from "./language.ts";

interface BarProps {
  readonly page: "status" | "files";
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  /** Undefined where nobody is signed in. */
  readonly onSignOut: (() => void) | undefined;
  /** Beside the product's name. */
  readonly product?: ComponentChildren;
  readonly children?: ComponentChildren;
}

export function Bar({ page, language, onLanguage, onSignOut, product, children }: BarProps) {
  const words = COMMON_WORDS[language];
  const link = (target: typeof page, href: string) => (
    <a href={href} aria-current={target === page ? "page" : undefined}>
      {words[target]}
    </a>
  );
  return (
    <div class="bar">
      <span class="product">
        <img src="/pages/icon.svg" alt="" width="18" height="18" />
        efs-mount-autoscaling {product}
      </span>
      <nav aria-label={words.pages}>
        {link("status", "/")}
        {link("files", "/files/")}
      </nav>
      <span class="controls">
        {children}
        <label>
          <span class="hidden">{words.language}</span>
          <select
            value={language}
            onChange={({ currentTarget: { value } }) => {
              const chosen = value === "ja" ? "ja" : "en";
              chooseLanguage(chosen);
              onLanguage(chosen);
            }}
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
  );
}
