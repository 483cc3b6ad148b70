/** The languages of the pages, and the words that all pages have. */

export const LANGUAGES = { en: "English", ja: "日本語" } as const;

export type Language = keyof typeof LANGUAGES;

const en = {
  pages: "Pages",
  status: "Status",
  files: "Files",
  signOut: "Sign out",
  language: "Language",
  token: "API token",
  tokenHint: "The token of the file API. It stays in this browser until it is closed.",
  signIn: "Sign in",
  wrongToken: "This token is not valid.",
  signInFailed: (status: number) => `Signing in failed with status ${status}. Retry in a moment.`,
};

export type CommonWords = typeof en;

const ja: CommonWords = {
  pages: "ページ",
  status: "ステータス",
  files: "ファイル",
  signOut: "サインアウト",
  language: "言語",
  token: "API トークン",
  tokenHint: "ファイル API のトークンです。ブラウザを閉じるまで、このブラウザにのみ保持されます。",
  signIn: "サインイン",
  wrongToken: "このトークンは無効です。",
  signInFailed: (status) => `サインインできませんでした (ステータス ${status})。しばらくしてから再試行してください。`,
};

export const COMMON_WORDS: Readonly<Record<Language, CommonWords>> = { en, ja };

const CHOICE = "language";

/** What was chosen before, or else the first language of the browser that the pages have. */
export function currentLanguage(): Language {
  for (const language of [localStorage.getItem(CHOICE) ?? "", ...navigator.languages]) {
    const [name = ""] = language.toLowerCase().split("-");
    if (name === "en" || name === "ja") return name;
  }
  return "en";
}

/** Chooses for all pages. */
export function chooseLanguage(language: Language): void {
  localStorage.setItem(CHOICE, language);
}
