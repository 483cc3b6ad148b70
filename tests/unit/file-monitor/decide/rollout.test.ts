import { describe, expect, test } from "vitest";
import { decideRollout, mayTasksUseOlderTable } from "../../../../functions/file-monitor/decide/rollout.ts";

describe("a deployment", () => {
  const noon = new Date("2026-01-01T12:00:00.000Z");
  const later = new Date("2026-01-01T12:00:00.001Z");
  const at = (createdAt: Date, hasFailed = false) => ({ createdAt, hasFailed });
  test.each([
    { name: "may be needed when the table is newer", table: later, primary: at(noon), expected: true },
    { name: "is not needed when the table is older", table: noon, primary: at(later), expected: false },
    { name: "may be needed when the newest has failed", table: noon, primary: at(later, true), expected: true },
    { name: "is not needed at the same time", table: noon, primary: at(noon), expected: false },
    { name: "is not needed where nothing was deployed", table: noon, primary: undefined, expected: false },
  ])("$name", ({ table, primary, expected }) => {
    expect(mayTasksUseOlderTable(table, primary)).toBe(expected);
  });

  const failed = { createdAt: noon, outcome: "failed" } as const;
  test.each([
    { name: "is started where there was none", outcomes: [], action: "deploy", failures: 0 },
    { name: "is repeated when it failed", outcomes: [failed], action: "deploy", failures: 1 },
    { name: "is repeated twice", outcomes: [failed, failed], action: "deploy", failures: 2 },
    { name: "is given up then", outcomes: [failed, failed, failed], action: "give up", failures: 3 },
    {
      name: "in progress is waited for",
      outcomes: [failed, { ...failed, outcome: "ongoing" }],
      action: "wait",
      failures: 1,
    },
    {
      name: "that succeeded is enough",
      outcomes: [{ ...failed, outcome: "successful" }, failed],
      action: "wait",
      failures: 1,
    },
  ] as const)("$name", ({ outcomes, action, failures }) => {
    expect(decideRollout(outcomes)).toEqual({ action, failedDeployments: failures });
  });
});
