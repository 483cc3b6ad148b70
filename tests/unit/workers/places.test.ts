import { expect, test } from "vitest";
import { Places } from "../../../fargate-app/src/workers/places.ts";

test("there are so many places of a kind for all workers together", () => {
  const places = new Places();
  expect([1, 2, 1, 2].map((worker) => places.take("viewer", 3, worker))).toEqual([true, true, true, false]);
  expect(places.take("connection", 1, 2)).toBe(true);
  places.giveBack("viewer", 1);
  expect([1, 2].map((worker) => places.take("viewer", 3, worker))).toEqual([true, false]);
});

test("a worker that ended has no place any more", () => {
  const places = new Places();
  for (const worker of [1, 1, 2]) places.take("connection", 3, worker);
  places.giveBackAll(1);
  expect([3, 3, 3].map((worker) => places.take("connection", 3, worker))).toEqual([true, true, false]);
});
