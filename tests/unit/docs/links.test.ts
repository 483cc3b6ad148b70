import { fdir } from "fdir";
import { expect, test } from "vitest";
import { brokenLinks, REPOSITORY, readPage } from "./page.ts";

const NO_PAGES = new Set(["node_modules", "dist", "test-results", ".git", ".venv"]);

const PAGES = new fdir()
  .withRelativePaths()
  .exclude((name) => NO_PAGES.has(name))
  .filter((path) => path.endsWith(".md"))
  .crawl(REPOSITORY)
  .sync();

test("every link of a page within the repository leads to a file, and to a heading that is there", () => {
  expect(PAGES).toContain("README.md");
  expect(PAGES.flatMap((path) => brokenLinks(readPage(path)))).toEqual([]);
});
