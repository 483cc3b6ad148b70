/** What no AWS account takes, found before one is asked. */
import { beforeAll, describe, expect, test } from "vitest";
import type { Properties } from "../infra/aws-stand-in.ts";
import type { Registered } from "../infra/stack.ts";
import { CLOUDFORMATION_TYPES } from "./cloudformation-types.ts";
import { LARGEST_INLINE_POLICIES, NUMBER_LIMITS, SIZE_LIMITS, TAG_LIMITS, TEXT_LIMITS } from "./limits.ts";
import { judgedStacks } from "./stacks.ts";

let stacks: ReadonlyMap<string, readonly Registered[]>;

beforeAll(async () => {
  stacks = await judgedStacks();
});

const all = (type = "") => [...stacks.values()].flat().filter((resource) => resource.type.endsWith(type));

describe("names and descriptions", () => {
  test.each(TEXT_LIMITS)("$input of $type is one that $source takes", ({ type, input, allowed, longest }) => {
    const texts = all(type).flatMap((resource) => valuesAt(namedInputs(resource), input.split(".")));
    expect(texts).not.toEqual([]);
    for (const text of texts) {
      expect(text).toMatch(allowed);
      expect(String(text).length, String(text)).toBeLessThanOrEqual(longest);
    }
  });

  test("every one has its limits", () => {
    const limited = new Set(TEXT_LIMITS.map(({ type, input }) => `${type} ${input}`));
    const found = all("")
      .filter(({ type }) => type in CLOUDFORMATION_TYPES)
      .flatMap((resource) => Object.keys(namedInputs(resource)).map((input) => [resource.type, input] as const))
      .filter(([, input]) => /^(name|family|description|.*(Name|Description))$/.test(input))
      .filter(([, input]) => !NAMES_OF_OTHERS.includes(input))
      .map((typeAndInput) => typeAndInput.join(" "));
    expect([...new Set(found)].filter((name) => !limited.has(name))).toEqual([]);
  });

  test("tags are those that every service takes", () => {
    for (const { type, name, inputs } of all("")) {
      if (!type.startsWith("aws:")) continue;
      const tags = Object.entries(inputs.tags ?? {});
      expect(tags.length, name).toBeLessThanOrEqual(TAG_LIMITS.most);
      for (const [key, value] of tags) {
        expect(key, name).toMatch(TAG_LIMITS.key);
        expect(value, name).toMatch(TAG_LIMITS.value);
      }
    }
  });
});

describe("the table of names and descriptions", () => {
  test.each([
    ["aws:backup/vault:Vault", "name", "files.prod"],
    ["aws:cloudtrail/trail:Trail", "name", "audit--trail"],
    ["aws:cloudwatch/dashboard:Dashboard", "dashboardName", "efs-mount-autoscaling-team.prod"],
    ["aws:cloudwatch/logGroup:LogGroup", "name", "aws/files"],
    ["aws:ec2/securityGroup:SecurityGroup", "name", "sg-files"],
    ["aws:ec2/securityGroup:SecurityGroup", "description", "The file monitor's function"],
    ["aws:ecr/repository:Repository", "name", "fluent-bit-custom-"],
    ["aws:ecs/taskDefinition:TaskDefinition", "family", "efs-mount-autoscaling-team.prod"],
    ["aws:glue/catalogDatabase:CatalogDatabase", "name", "efs-mount-autoscaling"],
    ["aws:iam/role:Role", "description", "Runs the file monitor’s function"],
    ["aws:lb/loadBalancer:LoadBalancer", "name", "internal-router"],
    ["aws:lb/targetGroup:TargetGroup", "name", "router-"],
    ["aws:s3/bucket:Bucket", "bucket", "Logs"],
    ["aws:secretsmanager/secret:Secret", "name", "api-token-abcdef"],
    ["aws:ssm/parameter:Parameter", "name", "/AWS/mount-targets"],
    ["aws:ssm/parameter:Parameter", "name", "/files//mount-targets"],
    ["aws:ssm/parameter:Parameter", "name", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"],
    ["aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "description", "From > to"],
  ])("refuses for %s as its %s: %s", (type, input, text) => {
    const limit = TEXT_LIMITS.find((each) => each.type === type && each.input === input);
    expect(text).not.toMatch(limit?.allowed ?? /^/);
  });
});

/** Inputs that name another resource, or what AWS has. */
const NAMES_OF_OTHERS = [
  "functionName",
  "databaseName",
  "logGroupName",
  "s3BucketName",
  "serviceName",
  "metricName",
  "restoreTestingPlanName",
  "cloudwatchAlarmName",
];

describe("documents", () => {
  test.each(SIZE_LIMITS)("$input of $type is no larger than $source takes", ({ type, input, largest }) => {
    const documents = all(type).flatMap(({ inputs }) => valuesAt(inputs, [input]));
    expect(documents).not.toEqual([]);
    for (const document of documents) {
      const text = typeof document === "string" ? document : JSON.stringify(document);
      expect(Buffer.byteLength(text), text).toBeLessThanOrEqual(largest);
    }
  });

  test("a role's inline policies are together no larger than IAM takes", () => {
    for (const [stack, resources] of stacks) {
      const sizes = new Map<unknown, number>();
      for (const { type, inputs } of resources) {
        if (!type.endsWith(":RolePolicy")) continue;
        const size = String(inputs.policy).replaceAll(/\s/g, "").length;
        sizes.set(inputs.role, (sizes.get(inputs.role) ?? 0) + size);
      }
      expect(sizes.size, stack).toBeGreaterThan(2);
      expect(Math.max(...sizes.values()), stack).toBeLessThanOrEqual(LARGEST_INLINE_POLICIES);
    }
  });
});

test.each(NUMBER_LIMITS)("$input of $type is from $least to $most", ({ type, input, least, most }) => {
  const numbers = all(type).flatMap(({ inputs }) => valuesAt(inputs, input.split(".")));
  expect(numbers).not.toEqual([]);
  for (const number of numbers) {
    expect(number).toBeGreaterThanOrEqual(least);
    expect(number).toBeLessThanOrEqual(most);
  }
});

test("no condition keeps EventBridge from a topic: it publishes without a context that conditions could ask", () => {
  // EventBridge user guide, "Using resource-based policies", Amazon SNS permissions.
  const statements = all(":TopicPolicy").flatMap(({ inputs }) => valuesAt(inputs, ["policy", "Statement"]));
  expect(statements).not.toEqual([]);
  for (const statement of statements) {
    const [service] = valuesAt(statement, ["Principal", "Service"]);
    if (service === "events.amazonaws.com") expect(statement).not.toHaveProperty("Condition");
  }
});

test("no list names anything twice", () => {
  for (const { type, name, inputs } of all("")) {
    for (const list of listsIn(inputs)) {
      expect(new Set(list.map(identityOf)).size, `${type} ${name}: ${JSON.stringify(list)}`).toBe(list.length);
    }
  }
});

/** What a resource is given, with the name that Pulumi makes up. */
function namedInputs({ type, inputs, outputs }: Registered): Properties {
  const autoNamed = CLOUDFORMATION_TYPES[type]?.autoNamed;
  return autoNamed === undefined ? inputs : { [autoNamed]: outputs.name, ...inputs };
}

/** The values at a path, of all items where there is a list, also within JSON documents. */
function valuesAt(value: unknown, [key, ...inner]: readonly string[]): unknown[] {
  if (key === undefined) return value === undefined ? [] : [value];
  const parsed = parsedDocument(value);
  if (Array.isArray(parsed)) return parsed.flatMap((item) => valuesAt(item, [key, ...inner]));
  return valuesAt(Object.entries(parsed ?? {}).find(([name]) => name === key)?.[1], inner);
}

/** All lists inside of a value, also those within JSON documents. */
function listsIn(value: unknown): unknown[][] {
  const parsed = parsedDocument(value);
  if (typeof parsed !== "object" || parsed === null) return [];
  return [...(Array.isArray(parsed) ? [parsed] : []), ...Object.values(parsed).flatMap(listsIn)];
}

function parsedDocument(value: unknown): unknown {
  return typeof value === "string" && /^[[{]/.test(value) ? JSON.parse(value) : value;
}

/** What the items of a list must not share. */
function identityOf(item: unknown): string {
  const [name] = ["name", "Sid", "id"].flatMap((key) => (Array.isArray(item) ? [] : valuesAt(item, [key])));
  return JSON.stringify(name ?? item);
}
