import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parsePage, REPOSITORY, readPage } from "./page.ts";
import { differences, TRANSLATED, translationOf } from "./translation.ts";

test.each([...TRANSLATED])("%s says the same in Japanese", (path) => {
  expect(differences(readPage(path), readPage(translationOf(path)))).toEqual([]);
});

test("every page in Japanese is compared", () => {
  const pages = readdirSync(`${REPOSITORY}/docs/ja`).map((name) => `docs/ja/${name}`);
  expect(pages.sort()).toEqual(
    [...TRANSLATED]
      .map(translationOf)
      .filter((path) => path.startsWith("docs/"))
      .sort(),
  );
});

const ENGLISH = `# Costs

English | [日本語](ja/costs.md)

Two tasks cost 28.84 a month, for a million requests. See [prices](#prices) and [the README](../README.md).

## Prices

| name | price |
| --- | --- |
| \`alb\`, **an hour** | 0.0225 |

- The log says *The run is over*, and *not* more.

\`\`\`sh
pulumi up    # takes 15 minutes
\`\`\`
`;

const JAPANESE = `# コスト

[English](../costs.md) | 日本語

2 つのタスクのコストは、100 万リクエストで 1 か月あたり 28.84 です。[料金](#料金)と [README](../../README.ja.md) を参照してください。

## 料金

| 名前 | 料金 |
| --- | --- |
| \`alb\`、**1 時間あたり** | 0.0225 |

- ログには *The run is over* と記録され、それ以上は*記録されません*。

\`\`\`sh
pulumi up    # 15 分かかる
\`\`\`
`;

describe("a translation", () => {
  const compare = (english: string, japanese: string) =>
    differences(parsePage("docs/costs.md", english), parsePage("docs/ja/costs.md", japanese));

  test("may have its own words, comments, and digits where English has words", () => {
    expect(compare(ENGLISH, JAPANESE)).toEqual([]);
  });

  test.each([
    ["a heading of another level", "## Prices", "### Prices"],
    ["a heading more", "## Prices", "## Prices\n\n## Taxes"],
    ["a paragraph more", "## Prices", "Without taxes.\n\n## Prices"],
    ["an item more", "- The log", "- Without taxes.\n- The log"],
    ["a numbered item", "- The log", "1. The log"],
    ["a row more", "| 0.0225 |", "| 0.0225 |\n| `nat` | |"],
    ["a column more", /\|$/gm, "| |"],
    ["another figure in a cell", "0.0225", "0.0252"],
    ["another figure in a sentence", "28.84", "28.85"],
    ["another number in words", "Two tasks", "Three tasks"],
    ["another magnitude", "a million", "a thousand"],
    ["another name in code", "`alb`", "`nlb`"],
    ["another command", "pulumi up ", "pulumi preview "],
    ["a command without a comment", "    # takes 15 minutes", ""],
    ["another figure in a comment", "15 minutes", "10 minutes"],
    ["another language of a code block", "```sh", "```text"],
    ["another message", "*The run is over*", "*The run has ended*"],
    ["one message less", "*The run is over*", "The run is over"],
    ["less that is strong", "**an hour**", "an hour"],
    ["a link to another page", "../README.md", "../CHANGELOG.md"],
    ["a link to another heading", "(#prices)", "(#costs)"],
    ["no link to Japanese", "English | [日本語](ja/costs.md)\n\n", ""],
  ])("fails for %s in English", (_, before, after) => {
    const changed = ENGLISH.replaceAll(before, after);
    expect(changed).not.toBe(ENGLISH);
    expect(compare(changed, JAPANESE)).not.toEqual([]);
  });

  test.each([
    ["a heading that is missing", "## 料金\n", ""],
    ["a figure more", "28.84 です", "28.84 です。5 日間です"],
    ["strong text that is not seen as such", "**1 時間あたり** |", "**1 時間あたり。**です |"],
    ["a link to a page in English that is there in Japanese", "../../README.ja.md", "../../README.md"],
    ["no link to English", "[English](../costs.md)", "English"],
    ["an item more at the end", "それ以上は", "それ以上は\n- "],
  ])("fails for %s in Japanese", (_, before, after) => {
    const changed = JAPANESE.replaceAll(before, after);
    expect(changed).not.toBe(JAPANESE);
    expect(compare(ENGLISH, changed)).not.toEqual([]);
  });

  test.each([
    ["a page that is missing", "../../README.ja.md", "../../README.fr.md"],
    ["a heading that is missing", "#料金", "#prices"],
  ])("fails for a link to %s", (_, before, after) => {
    expect(compare(ENGLISH, JAPANESE.replace(before, after)).join()).toContain(after);
  });
});
