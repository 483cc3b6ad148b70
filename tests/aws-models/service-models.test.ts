/** The calls that make the stack, judged by botocore's models of AWS's services, and made in moto. */
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Registered } from "../infra/stack.ts";
import type { Command } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { ACCOUNT } from "./account.ts";
import { type Call, callsOf } from "./api-calls.ts";
import { motoAndBotocore, run } from "./programs.ts";
import { judgedStacks, withInputs } from "./stacks.ts";

/** What moto cannot do yet. */
const NOT_IN_MOTO = ["CreateBackupSelection", "CreateRestoreTestingPlan", "CreateRestoreTestingSelection"];

/** Faults that the models must find, put into the stack by hand. */
const FAULTS = [
  {
    fault: "a name that is too long, in a pattern",
    type: "aws:backup/vault:Vault",
    inputs: { name: "v".repeat(51) },
    problem: /CreateBackupVault.BackupVaultName: 'v+' does not match/,
  },
  {
    fault: "a word that is not in an enum",
    type: "aws:efs/fileSystem:FileSystem",
    inputs: { throughputMode: "fast" },
    problem: /CreateFileSystem.ThroughputMode: 'fast' is not one of bursting/,
  },
  {
    fault: "a number above its range",
    type: "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    inputs: { maximumRetryAttempts: 3 },
    problem: /MaximumRetryAttempts: 3 is not from 0 to 2/,
  },
  {
    fault: "a text that is too long",
    type: "aws:cloudwatch/eventRule:EventRule",
    inputs: { description: "d".repeat(513) },
    problem: /PutRule.Description: 513 is not from None to 512/,
  },
  {
    fault: "a parameter that is missing",
    type: "aws:ecs/taskDefinition:TaskDefinition",
    inputs: { family: undefined },
    problem: /Missing required parameter in input: "family"/,
  },
  {
    fault: "a parameter that the service does not have",
    type: "aws:sns/topicSubscription:TopicSubscription",
    inputs: { unheardOf: true },
    problem: /Unknown parameter in input: "UnheardOf"/,
  },
  {
    fault: "a value of another type",
    type: "aws:lambda/function:Function",
    inputs: { timeout: "900" },
    problem: /Invalid type for parameter Timeout/,
  },
];

const verdicts = z.record(
  z.string(),
  z.array(
    z.object({
      problems: z.array(z.string()),
      values: z.number(),
      constraints: z.number(),
      moto: z.string().nullable(),
    }),
  ),
);

type Verdict = z.infer<typeof verdicts>[string][number];

/** A stack with all faults. */
const BROKEN = "broken";

describeRequiring([motoAndBotocore], "the services' models", ([python]) => {
  let stacks: ReadonlyMap<string, readonly Registered[]>;
  let judged: ReadonlyMap<string, readonly (Call & Verdict)[]>;

  beforeAll(async () => {
    stacks = await judgedStacks();
    const broken = FAULTS.reduce<readonly Registered[]>(
      (resources, { type, inputs }) => withInputs(resources, type, inputs),
      stacks.get("everything") ?? [],
    );
    judged = await judge(python, new Map([...stacks, [BROKEN, broken]]));
    // Six accounts in moto, of a hundred calls each, take a quarter of a minute; many times that on a busy machine.
  }, 600_000);

  const ofTheStacks = () => [...judged].flatMap(([stack, calls]) => (stack === BROKEN ? [] : calls));

  test("have nothing against any call", () => {
    for (const { resource, operation, problems } of ofTheStacks()) {
      expect(problems, `${operation} for ${resource}`).toEqual([]);
    }
  });

  test("say something about most values", () => {
    const sum = (what: "values" | "constraints") => ofTheStacks().reduce((total, call) => total + call[what], 0);
    console.info(`${sum("values")} values under ${sum("constraints")} constraints`);
    expect(sum("values")).toBeGreaterThan(5000);
    expect(sum("constraints")).toBeGreaterThan(sum("values") / 2);
  });

  test("moto makes every resource, but those that it has not", () => {
    const refused = ofTheStacks().filter(({ moto }) => moto !== null);
    expect(refused.filter(({ moto }) => moto !== "not implemented")).toEqual([]);
    expect([...new Set(refused.map(({ operation }) => operation))]).toEqual(NOT_IN_MOTO);
  });

  test.each(FAULTS)("find $fault", ({ type, problem }) => {
    const problems = judged
      .get(BROKEN)
      ?.filter((call) => call.resource.startsWith(`${type} `))
      .flatMap(({ problems }) => problems);
    expect(problems?.join("\n")).toMatch(problem);
  });
});

/** What the models and moto say about the calls that make each stack, in an account of its own. */
async function judge(
  python: Command,
  stacks: ReadonlyMap<string, readonly Registered[]>,
): Promise<Map<string, (Call & Verdict)[]>> {
  const calls = new Map([...stacks].map(([name, resources]) => [name, [...ACCOUNT, ...callsOf(resources)]]));
  const script = join(import.meta.dirname, "judge_calls.py");
  const { output, errors, code } = await run(python, [script], JSON.stringify(Object.fromEntries(calls)));
  expect(code, errors).toBe(0);
  const said = verdicts.parse(JSON.parse(output));
  return new Map(
    [...calls].map(([stack, its]) => [
      stack,
      its.map((call, index) => {
        const verdict = said[stack]?.[index];
        if (verdict === undefined) throw new Error(`Nothing was said about ${call.operation} for ${call.resource}`);
        return { ...call, ...verdict };
      }),
    ]),
  );
}
