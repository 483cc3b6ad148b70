import { expect, test } from "vitest";
import { colorsOf } from "../../../fargate-app/web/status/colors.ts";

const target = (id: string, zone: string) => ({ id, zone });

test("a mount target has the same colour whenever the page is opened, whatever was added since", () => {
  const first = [target("fsmt-b", "ap-northeast-1c"), target("fsmt-c", "ap-northeast-1a")];
  const before = colorsOf(first);
  const after = colorsOf([target("fsmt-a", "ap-northeast-1d"), ...first].reverse());
  for (const { id } of first) expect(after(id)).toBe(before(id));
  expect(new Set(["fsmt-a", "fsmt-b", "fsmt-c"].map(after)).size).toBe(3);
});

test("the six zones of us-east-1 differ, and so do targets whose zones do not", () => {
  const zones = [..."abcdef"].map((letter) => target(letter, `us-east-1${letter}`));
  expect(zones.map(({ id }) => colorsOf(zones)(id))).toEqual([0, 1, 2, 3, 4, 5]);
  const unknown = ["x", "y", "z"].map((id) => target(id, "unknown"));
  expect(new Set(unknown.map(({ id }) => colorsOf(unknown)(id))).size).toBe(3);
});

test("one that is gone has none", () => {
  expect(colorsOf([])("fsmt-a")).toBeUndefined();
});
