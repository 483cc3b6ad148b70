/** How a page in Japanese differs from the page in English that it translates, in more than its words. */
import { dirname, relative } from "node:path";
import { brokenLinks, destinationOf, type Page, type Part } from "./page.ts";

/** The pages that are there in Japanese, too. */
export const TRANSLATED: ReadonlySet<string> = new Set([
  "README.md",
  ...["costs", "disaster-recovery", "logs", "operations"].map((name) => `docs/${name}.md`),
]);

/** Pictures show the pages in the language of the text. */
const PICTURES = "docs/images/";

/** The path of the page or the picture in Japanese. */
export function translationOf(path: string): string {
  if (path.startsWith(PICTURES)) return path.replace(PICTURES, `${PICTURES}ja/`);
  return path.startsWith("docs/") ? path.replace("docs/", "docs/ja/") : path.replace(/\.md$/, ".ja.md");
}

/** @returns what differs, in words; nothing where the pages agree. */
export function differences(english: Page, japanese: Page): string[] {
  const [theirs, ours] = [withoutSwitch(english, japanese), withoutSwitch(japanese, english)];
  const problems = [...theirs.problems, ...ours.problems, ...brokenLinks(english), ...brokenLinks(japanese)];
  for (const [index, part] of theirs.parts.entries()) {
    const translated = ours.parts[index];
    if (part.kind !== translated?.kind) {
      return [...problems, `${describe(part)} is ${translated ? describe(translated) : "missing"} in Japanese`];
    }
    const between = [
      ...differenceOf("code", part.code, translated.code),
      ...differenceOf("strong", [String(part.strong)], [String(translated.strong)]),
      ...differenceOf("links", linksOf(english, part), linksOf(japanese, translated)),
      ...emphasisBetween(part, translated),
      ...numbersBetween(part, translated),
    ];
    problems.push(...between.map((problem) => `${describe(part)}: ${problem}`));
  }
  const [more] = ours.parts.slice(theirs.parts.length);
  return more === undefined ? problems : [...problems, `${describe(more)} is missing in English`];
}

function describe({ kind, text, code }: Part): string {
  return `${kind} “${(text || code.join("")).slice(0, 60)}”`;
}

/** The parts without the line below the title that leads to the other language. */
function withoutSwitch(page: Page, other: Page): { parts: readonly Part[]; problems: readonly string[] } {
  const [title, line, ...rest] = page.parts;
  const isSwitch = line?.kind === "paragraph" && line.text === "English | 日本語";
  const link = relative(dirname(page.path), other.path);
  return {
    parts: title === undefined || line === undefined ? [] : [title, ...(isSwitch ? [] : [line]), ...rest],
    problems: isSwitch && line.links.join() === link ? [] : [`${page.path} does not lead to ${link} below its title`],
  };
}

function differenceOf(what: string, english: readonly string[], japanese: readonly string[]): string[] {
  const missing = without(english, japanese);
  const added = without(japanese, english);
  if (missing.length === 0 && added.length === 0) return [];
  return [`${what} ${missing.join(", ") || "-"} in English, ${added.join(", ") || "-"} in Japanese`];
}

/** What of the first is not in the second, as often as it is there. */
function without<T>(all: readonly T[], others: readonly T[]): T[] {
  const left = [...others];
  return all.filter((each) => {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Links as the page in Japanese has them: to pages and pictures in Japanese where there are any, to headings by their number. */
function linksOf(page: Page, { links }: Part): string[] {
  return links.flatMap((link) => {
    const destination = destinationOf(page, link);
    if (destination.kind === "nowhere") return [];
    if (destination.kind === "url") return [link];
    const { path, heading = "" } = destination;
    const isTranslated = TRANSLATED.has(path) || path.startsWith(PICTURES);
    return [`${isTranslated && TRANSLATED.has(page.path) ? translationOf(path) : path}#${heading}`];
  });
}

/** Messages and labels stay English. Other emphasis is translated. */
function emphasisBetween(english: Part, japanese: Part): string[] {
  const inEnglish = japanese.emphasized.filter((text) => /^[\x20-\x7e…]+$/.test(text));
  const changed = without(inEnglish, english.emphasized);
  if (changed.length === 0 && english.emphasized.length === japanese.emphasized.length) return [];
  return [
    `emphasis of ${english.emphasized.join(", ") || "-"} in English, ${japanese.emphasized.join(", ") || "-"} in Japanese`,
  ];
}

const UNITS: Readonly<Record<string, number>> = {
  thousand: 1e3,
  million: 1e6,
  millions: 1e6,
  billion: 1e9,
  万: 1e4,
  億: 1e8,
};

/** What Japanese may write in digits where English has the word, such as 30 minutes for half an hour. */
const WORDS: Readonly<Record<string, readonly number[]>> = {
  zero: [0],
  half: [0.5, 2, 30],
  twice: [2],
  two: [2],
  both: [2],
  second: [2],
  three: [3],
  third: [3],
  four: [4],
  quarter: [4, 15],
  five: [5],
  fifth: [5],
  six: [6],
  seven: [7],
  eight: [8],
  eighth: [8],
  nine: [9],
  ten: [10],
  tenth: [10],
  fiftieth: [50],
  hundredth: [100],
  hundredths: [100],
  million: [1e6],
  millions: [1e6],
  ...Object.fromEntries(
    [
      ["january", "february", "march", "april", "may", "june"],
      ["july", "august", "september", "october", "november", "december"],
    ]
      .flat()
      .map((month, index) => [month, [index + 1]]),
  ),
};

/** Every number in English is in Japanese. Japanese has others only where English has the word; “a” may be 1. */
function numbersBetween(english: Part, japanese: Part): string[] {
  const [theirs, ours] = [numbersOf(english), numbersOf(japanese)];
  const missing = without(theirs, ours);
  const words = english.prose.toLowerCase().match(/[a-z]+/g) ?? [];
  const spelled = words.flatMap((word) => WORDS[word] ?? []);
  const added = without(
    without(ours, theirs).filter((number) => number !== 1),
    spelled,
  );
  return differenceOf("numbers", missing.map(String), added.map(String));
}

/** The numbers that are not part of a name, such as S3 or NFSv4.1. */
function numbersOf({ prose }: Part): number[] {
  const found = prose.matchAll(
    /(?<![\w.])(?<![a-z]-)(\d[\d,]*(?:\.\d+)?)(?:\s*(thousand|million|billion|万|億)(?![a-z]))?/gi,
  );
  return [...found].map(
    ([, digits = "", unit = ""]) => Number(digits.replaceAll(",", "")) * (UNITS[unit.toLowerCase()] ?? 1),
  );
}
