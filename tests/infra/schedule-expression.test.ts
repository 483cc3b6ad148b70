import { expect, test } from "vitest";
import { longestPauseMinutes } from "../../components/schedule-expression.ts";

test.each([
  ["rate(1 minute)", 1],
  ["rate(5 minutes)", 5],
  ["rate(2 hours)", 120],
  ["rate(1 day)", 1440],
  ["cron(0/5 * * * ? *)", 60],
  ["cron(0 * ? * * *)", 60],
  ["cron(0 3 * * ? *)", 1440],
  ["cron(0 3 ? * MON *)", Number.POSITIVE_INFINITY],
  ["cron(0 3 1 * ? *)", Number.POSITIVE_INFINITY],
  ["cron(0 * * JAN ? *)", Number.POSITIVE_INFINITY],
])("%s pauses for at most %d minutes", (schedule, minutes) => {
  expect(longestPauseMinutes(schedule)).toBe(minutes);
});
