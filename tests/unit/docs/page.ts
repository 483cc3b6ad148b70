/** A page of Markdown, taken apart into what a translation has to have in the same order. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import GithubSlugger from "github-slugger";
import { lexer, type Token, type Tokens } from "marked";

export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

export interface Page {
  /** From the repository's root. */
  readonly path: string;
  readonly parts: readonly Part[];
}

/** A heading, a paragraph, a cell of a table, a code block, or the beginning of an item, a table or a row. */
export interface Part {
  /** Such as `heading 2` or `cell`, with what is the same in every language. */
  readonly kind: string;
  /** What people read. */
  readonly text: string;
  /** The same without code; of a shell's commands, the comments. */
  readonly prose: string;
  /** Code within the text, or the code block without the comments of a shell. */
  readonly code: readonly string[];
  /** The destinations of links and images. */
  readonly links: readonly string[];
  /** What is emphasized, such as messages and labels. */
  readonly emphasized: readonly string[];
  readonly strong: number;
}

const pages = new Map<string, Page>();

export function readPage(path: string): Page {
  const page = pages.get(path) ?? parsePage(path, readFileSync(join(REPOSITORY, path), "utf8"));
  pages.set(path, page);
  return page;
}

export function parsePage(path: string, markdown: string): Page {
  return { path, parts: partsOf(lexer(markdown)) };
}

const SHELL_COMMENT = /(^|[ \t])# (.*)$/gm;

function partsOf(tokens: readonly Token[]): Part[] {
  return tokens.flatMap((token): Part[] => {
    switch (token.type) {
      case "space":
        return [];
      case "heading":
        return [part(`heading ${(token as Tokens.Heading).depth}`, token.tokens)];
      case "code": {
        const { lang = "", text } = token as Tokens.Code;
        const comments = /^sh\b/.test(lang) ? [...text.matchAll(SHELL_COMMENT)].map(([, , comment]) => comment) : [];
        const code = comments.length === 0 ? text : text.replace(SHELL_COMMENT, "$1#");
        return [{ ...part(`code block of ${lang || "text"}`), code: [code], prose: comments.join("\n") }];
      }
      case "list": {
        const { ordered, items } = token as Tokens.List;
        const kind = ordered ? "numbered item" : "item";
        return items.flatMap(({ tokens }) => [part(kind), ...partsOf(tokens)]);
      }
      case "table": {
        const { header, rows } = token as Tokens.Table;
        const cells = [header, ...rows].flatMap((row) => [
          part("row"),
          ...row.map(({ tokens }) => part("cell", tokens)),
        ]);
        return [part(`table of ${header.length} columns`), ...cells];
      }
      default:
        return [part(token.type, "tokens" in token ? token.tokens : [])];
    }
  });
}

function part(kind: string, tokens: readonly Token[] = []): Part {
  const code: string[] = [];
  const links: string[] = [];
  const emphasized: string[] = [];
  let text = "";
  let prose = "";
  let strong = 0;
  const visit = (inside: readonly Token[]) => {
    for (const token of inside) {
      if (token.type === "codespan") code.push(token.text);
      if (token.type === "text" && token.tokens === undefined) prose += token.text;
      if (token.type === "codespan" || token.type === "text") text += token.text;
      if (token.type === "link" || token.type === "image") links.push(token.href);
      if (token.type === "em") emphasized.push(token.text.replace(/\s+/g, " "));
      if (token.type === "strong") strong += 1;
      if (token.type !== "image" && "tokens" in token) visit(token.tokens ?? []);
    }
  };
  visit(tokens);
  return { kind, text, prose, code, links, emphasized, strong };
}

/** Where a link leads. */
export type Destination =
  | { readonly kind: "url" }
  /** In the repository, where `heading` is the number of the heading in its page, from 0. */
  | { readonly kind: "file"; readonly path: string; readonly heading?: number }
  | { readonly kind: "nowhere"; readonly reason: string };

export function destinationOf(page: Page, link: string): Destination {
  if (/^[a-z]+:/.test(link)) return { kind: "url" };
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? page.path : normalize(join(dirname(page.path), file));
  if (!existsSync(join(REPOSITORY, path))) return { kind: "nowhere", reason: `there is no ${path}` };
  if (anchor === undefined) return { kind: "file", path };
  const heading = anchorsOf(path === page.path ? page : readPage(path)).indexOf(anchor);
  return heading < 0 ? { kind: "nowhere", reason: `${path} has no such heading` } : { kind: "file", path, heading };
}

/** Each in words. */
export function brokenLinks(page: Page): string[] {
  return page.parts
    .flatMap(({ links }) => links)
    .flatMap((link) => {
      const destination = destinationOf(page, link);
      return destination.kind === "nowhere" ? [`${page.path} links to ${link}: ${destination.reason}`] : [];
    });
}

/** The anchors that GitHub gives to the headings. */
function anchorsOf({ parts }: Page): string[] {
  const slugger = new GithubSlugger();
  return parts.filter(({ kind }) => kind.startsWith("heading")).map(({ text }) => slugger.slug(text));
}
