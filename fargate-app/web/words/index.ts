/** The languages of the page. */
import { en, type Words } from "./en.ts";
import { ja } from "./ja.ts";

export type { Words } from "./en.ts";

export const LANGUAGES = { en: "English", ja: "日本語" } as const;

export type Language = keyof typeof LANGUAGES;

export const WORDS: Readonly<Record<Language, Words>> = { en, ja };

/** The first language of the browser that the page has. */
export function browserLanguage(languages: readonly string[]): Language {
  for (const language of languages) {
    const [name = ""] = language.toLowerCase().split("-");
    if (name === "en" || name === "ja") return name;
  }
  return "en";
}
