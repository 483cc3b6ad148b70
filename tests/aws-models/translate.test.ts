/** That the checkers see all of the stack. */
import { beforeAll, expect, test } from "vitest";
import type { Properties } from "../infra/aws-stand-in.ts";
import type { Registered } from "../infra/stack.ts";
import { CALLS, callsOf } from "./api-calls.ts";
import { CLOUDFORMATION_TYPES, NOT_OF_AWS } from "./cloudformation-types.ts";
import { judgedStacks } from "./stacks.ts";
import { propertiesOf } from "./translate.ts";

let resources: readonly Registered[];

beforeAll(async () => {
  resources = [...(await judgedStacks()).values()].flat();
});

test("every resource type of the stack is translated, or is none of AWS's; and no other", () => {
  const registered = [...new Set(resources.map(({ type }) => type))].sort();
  expect(registered).toEqual([...Object.keys(CLOUDFORMATION_TYPES), ...Object.keys(NOT_OF_AWS)].sort());
  expect(Object.keys(CALLS).sort()).toEqual(Object.keys(CLOUDFORMATION_TYPES).sort());
  for (const type of Object.keys(NOT_OF_AWS)) expect(type).not.toMatch(/^aws:/);
});

test("no input is lost on the way to CloudFormation, unless it is named with the reason", () => {
  const count = markEachInput((resource, top, withMark) => {
    const translation = CLOUDFORMATION_TYPES[resource.type];
    if (translation === undefined || top in (translation.leftOut ?? {}) || top === translation.partOf?.input) return;
    return propertiesOf(withMark, translation);
  });
  expect(count).toBeGreaterThan(3000);
});

test("no input is lost on the way to the calls of AWS's APIs, but what Pulumi alone reads", () => {
  const count = markEachInput((resource, top, withMark) => {
    if (resource.type in NOT_OF_AWS || READ_BY_PULUMI_ALONE.includes(top)) return;
    return callsOf([withMark]);
  });
  expect(count).toBeGreaterThan(3000);
});

/** The region is where a call goes, and not in it. */
const READ_BY_PULUMI_ALONE = [
  "autoAccept",
  "code",
  "forceDelete",
  "forceDestroy",
  "recoveryWindowInDays",
  "region",
  "triggers",
  "waitForSteadyState",
];

/**
 * Puts a mark into each input in turn, and expects it in what becomes of the resource.
 *
 * @param translated what becomes of it; undefined where the input may be lost.
 * @returns how many inputs were marked.
 */
function markEachInput(translated: (resource: Registered, top: string, withMark: Registered) => unknown): number {
  let count = 0;
  for (const resource of resources) {
    for (const path of leavesOf(resource.inputs)) {
      const result = translated(resource, path[0] ?? "", { ...resource, inputs: marking(resource.inputs, path) });
      if (result === undefined) continue;
      expect(JSON.stringify(result), `${path.join(".")} of ${resource.type} ${resource.name}`).toContain(MARK);
      count++;
    }
  }
  return count;
}

const MARK = "marked-9f7c3a51";

/** Where the texts, numbers and flags of a value are. */
function leavesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

/** An object with a mark at the end of a path, within the document where there is one. */
function marking(value: object, [key, ...inner]: readonly string[]): Properties {
  return Object.fromEntries(
    Object.entries(value).map(([name, its]) => [name, name === key ? marked(its, inner) : its]),
  );
}

function marked(value: unknown, path: readonly string[]): unknown {
  const [key = "", ...inner] = path;
  if (Array.isArray(value)) return value.with(Number(key), marked(value[Number(key)], inner));
  if (typeof value === "object" && value !== null) return marking(value, path);
  if (typeof value === "string" && value.startsWith("{")) return JSON.stringify({ Marked: MARK });
  if (typeof value === "string" && value.startsWith("[{")) return JSON.stringify([{ Marked: MARK }]);
  return MARK;
}
