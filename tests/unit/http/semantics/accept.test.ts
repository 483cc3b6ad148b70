import { expect, test } from "vitest";
import { prefersHtml } from "../../../../fargate-app/src/http/semantics/accept.ts";

test.each([
  ["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", true],
  ["text/html", true],
  ["text/html;q=0.9, */*;q=0.8", true],
  ["*/*", false],
  ["application/json", false],
  ["application/json, text/html;q=0.9", false],
  ["application/json, text/html", false],
  ["text/html;q=0, */*", false],
  ["text/*", false],
  ["", false],
  [undefined, false],
])("of Accept: %s", (accept, expected) => {
  expect(prefersHtml({ headers: accept === undefined ? {} : { accept } })).toBe(expected);
});
