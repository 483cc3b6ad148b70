/** The words of the status page. */
import type { Language } from "../../common/language.ts";
import { en, type Words } from "./en.ts";
import { ja } from "./ja.ts";

export type { Words } from "./en.ts";

export const WORDS: Readonly<Record<Language, Words>> = { en, ja };
