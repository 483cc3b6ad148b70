import fc from "fast-check";
import { expect, test } from "vitest";
import { InvalidTokenError, page } from "../../../../local/control-plane/page.ts";

const names = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 30 });
const self = (name: string) => name;

test("the pages of a list hold each item once, in order, and all but the last are full", () => {
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 10 }), (items, limit) => {
      const pages: (readonly string[])[] = [];
      let token: string | undefined;
      do {
        const next = page(items, self, limit, token);
        pages.push(next.items);
        token = next.nextToken;
      } while (token !== undefined);
      expect(pages.flat()).toEqual([...items].sort());
      for (const full of pages.slice(0, -1)) expect(full).toHaveLength(limit);
    }),
  );
});

test("an item that comes or goes between two pages moves no other", () => {
  const first = page(["a", "c", "e", "g"], self, 2);
  expect(first.items).toEqual(["a", "c"]);
  expect(page(["b", "c", "e", "g"], self, 2, first.nextToken).items).toEqual(["e", "g"]);
  expect(page(["d", "e", "g"], self, 9, first.nextToken)).toEqual({ items: ["d", "e", "g"] });
});

test("a token that was not given out is refused", () => {
  expect(() => page(["a"], self, 1, "made up")).toThrow(InvalidTokenError);
});
