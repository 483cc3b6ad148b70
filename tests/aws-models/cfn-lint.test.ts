/** The stack as CloudFormation, judged by cfn-lint. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { REGION } from "../infra/aws-stand-in.ts";
import type { Registered } from "../infra/stack.ts";
import type { Command } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { logicalId, type Template, templateOf } from "./cloudformation.ts";
import { cfnLint, run } from "./programs.ts";
import { judgedStacks, withInputs } from "./stacks.ts";

/** What cfn-lint says against templates and not against resources, and why it means nothing here. */
const IGNORED = {
  W3010: "Zones are named: the configuration says which, or Pulumi has looked them up.",
};

/** What cfn-lint says against a resource that AWS makes. */
const EXPECTED = [
  {
    rule: "E3030",
    type: "aws:ssm/parameter:Parameter",
    property: "Type",
    reason: "CloudFormation does not make a SecureString; Pulumi does.",
  },
];

/** Faults that cfn-lint must find, put into the stack by hand. */
const FAULTS = [
  {
    fault: "an apostrophe in a security group's description",
    type: "aws:ec2/securityGroup:SecurityGroup",
    inputs: { description: "The file monitor's function" },
    rule: "E3031",
    property: "GroupDescription",
  },
  {
    fault: "a runtime that Lambda does not have",
    type: "aws:lambda/function:Function",
    inputs: { runtime: "nodejs25.x" },
    rule: "E3030",
    property: "Runtime",
  },
  {
    fault: "a role's ARN where a subnet's id belongs",
    type: "aws:efs/mountTarget:MountTarget",
    inputs: { subnetId: "arn:aws:iam::123456789012:role/file-monitor" },
    rule: "E1154",
    property: "SubnetId",
  },
  {
    fault: "a word in a policy that IAM does not know",
    type: "aws:iam/rolePolicy:RolePolicy",
    inputs: { policy: '{"Version":"2012-10-17","Statement":[{"Effect":"Permit","Action":"*","Resource":"*"}]}' },
    rule: "E3510",
    property: "PolicyDocument/Statement/0/Effect",
  },
];

/** A stack with all faults, and with a property in every resource that none has. */
const BROKEN = "broken";

describeRequiring([cfnLint], "cfn-lint", ([command]) => {
  let stacks: ReadonlyMap<string, readonly Registered[]>;
  let found: ReadonlyMap<string, readonly Finding[]>;

  beforeAll(async () => {
    stacks = await judgedStacks();
    const judged = new Map([...stacks].map(([name, resources]) => [name, templateOf(resources)]));
    const broken = FAULTS.reduce<readonly Registered[]>(
      (resources, { type, inputs }) => withInputs(resources, type, inputs),
      stacks.get("defaults")?.map(withUnheardOf) ?? [],
    );
    found = await lint(command, judged.set(BROKEN, templateOf(broken)));
  });

  test("has nothing against any stack", () => {
    for (const [stack, resources] of stacks) {
      const expected = EXPECTED.flatMap((each) => findingsIn(resources, each));
      const unexpected = found
        .get(stack)
        ?.filter(({ rule, at }) => !expected.some((each) => each.rule === rule && each.at === at));
      expect(unexpected, stack).toEqual([]);
    }
  });

  test.each(EXPECTED)("still has $rule against the $property of $type", (expected) => {
    const findings = findingsIn(stacks.get("everything") ?? [], expected);
    const places = findings.map(({ at }) => at);
    expect(
      found.get("everything")?.filter(({ rule, at }) => rule === expected.rule && places.includes(at)),
    ).not.toEqual([]);
  });

  test.each(FAULTS)("finds $fault", (fault) => {
    const [finding] = findingsIn(stacks.get("defaults") ?? [], fault);
    expect(found.get(BROKEN)).toContainEqual(expect.objectContaining(finding));
  });

  test("knows every resource's properties, so that none is taken unread", () => {
    const unknown = found.get(BROKEN)?.filter(({ rule }) => rule === "E3002") ?? [];
    const resources = stacks.get("defaults")?.filter(({ type }) => type.startsWith("aws:")) ?? [];
    expect(unknown).toHaveLength(resources.length);
  });
});

/** What cfn-lint found, where in the template. */
interface Finding {
  readonly rule: string;
  /** Example: `Resources/VpcVpc/Properties/CidrBlock`. */
  readonly at: string;
  readonly message: string;
}

/** A finding in each resource of a type. */
function findingsIn(
  resources: readonly Registered[],
  { rule, type, property }: { readonly rule: string; readonly type: string; readonly property: string },
): Pick<Finding, "rule" | "at">[] {
  return resources
    .filter((resource) => resource.type === type)
    .map((resource) => ({ rule, at: `Resources/${logicalId(resource)}/Properties/${property}` }));
}

const report = z.array(
  z
    .object({
      Rule: z.object({ Id: z.string() }),
      Message: z.string(),
      Filename: z.string(),
      Location: z.object({ Path: z.array(z.union([z.string(), z.number()])) }),
    })
    .transform(({ Rule, Message, Filename, Location }) => ({
      file: Filename,
      finding: { rule: Rule.Id, at: Location.Path.join("/"), message: Message },
    })),
);

/** cfn-lint's findings about each template: errors and warnings. */
async function lint(command: Command, templates: ReadonlyMap<string, Template>): Promise<Map<string, Finding[]>> {
  const folder = await mkdtemp(join(tmpdir(), "cfn-lint-"));
  try {
    const files = new Map([...templates.keys()].map((name, index) => [join(folder, `${index}.json`), name]));
    for (const [file, name] of files) await writeFile(file, JSON.stringify(templates.get(name)));
    const options = ["--format", "json", "--regions", REGION, "--ignore-checks", ...Object.keys(IGNORED)];
    const { output, errors } = await run(command, [...options, "--template", ...files.keys()]);
    expect(errors).toBe("");
    const findings = report.parse(JSON.parse(output));
    return new Map(
      [...files].map(([path, name]) => [
        name,
        findings.filter(({ file }) => file === path).map(({ finding }) => finding),
      ]),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

function withUnheardOf(resource: Registered, index: number): Registered {
  return { ...resource, inputs: { ...resource.inputs, [`unheardOf${index}`]: true } };
}
