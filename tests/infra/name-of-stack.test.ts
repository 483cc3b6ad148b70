import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nameOfStack } from "../../components/name-of-stack.ts";
import { PLAN_NAME } from "../../components/restore-test.ts";
import { PROJECT } from "../../config.ts";

const WITH_HYPHENS = { joint: "-", forbidden: /[^A-Za-z0-9_-]/g, maxLength: 50 } as const;

/** What Pulumi takes as a stack's name, with few letters, so that many are alike. */
const stackName = fc
  .array(fc.constantFrom("a", "b", "-", "_", ".", "a-long-word-that-fills-most-of-the-room"), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.join(""));

describe.each([
  ["hyphens", WITH_HYPHENS, "efs-mount-autoscaling-", /^[A-Za-z0-9_-]{1,50}$/],
  ["underscores only", PLAN_NAME, "efs_mount_autoscaling_", /^[A-Za-z0-9_]{1,50}$/],
] as const)("with %s, a stack's name in AWS", (_, limits, project, allowed) => {
  test("is allowed, and no other stack's", () => {
    const names = fc.uniqueArray(stackName, { minLength: 2, maxLength: 30 });
    const examples: [string[]][] = [[["a.b", "a-b", "a_b"]], [["1", "2"].map((end) => "x".repeat(60) + end)]];
    const distinct = fc.property(names, (stacks) => {
      const given = stacks.map((stack) => nameOfStack(PROJECT, stack, limits));
      expect(new Set(given).size).toBe(stacks.length);
      for (const name of given) expect(name).toMatch(allowed);
    });
    fc.assert(distinct, { examples });
  });

  test("is the project's and the stack's where AWS takes that", () => {
    for (const stack of ["dev", "prod_1", "X".repeat(28)]) {
      expect(nameOfStack(PROJECT, stack, limits)).toBe(project + stack);
    }
  });
});
