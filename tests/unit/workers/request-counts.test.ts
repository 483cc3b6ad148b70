import { expect, test } from "vitest";
import { RequestCounts } from "../../../fargate-app/src/workers/request-counts.ts";

test("each client's window begins with its first request, and the next one with the first after it", () => {
  const counts = new RequestCounts();
  expect(counts.count("a", 60_000, 0)).toEqual({ requests: 1, remaining: 60_000 });
  expect(counts.count("b", 60_000, 10_000)).toEqual({ requests: 1, remaining: 60_000 });
  expect(counts.count("a", 60_000, 59_999)).toEqual({ requests: 2, remaining: 1 });
  expect(counts.count("a", 60_000, 60_000)).toEqual({ requests: 1, remaining: 60_000 });
  expect(counts.count("b", 60_000, 60_000)).toEqual({ requests: 2, remaining: 10_000 });
});

test("the clients that were not seen for longest are forgotten first", () => {
  const counts = new RequestCounts();
  for (let client = 0; client < 5_000; client += 1) counts.count(`client-${client}`, 60_000, 0);
  counts.count("client-0", 60_000, 0);
  counts.count("another", 60_000, 0);
  expect(counts.count("client-0", 60_000, 0).requests).toBe(3);
  expect(counts.count("client-1", 60_000, 0).requests).toBe(1);
});
