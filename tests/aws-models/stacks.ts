/** The stacks that the checkers judge. */
import type { Properties } from "../infra/aws-stand-in.ts";
import { CONFIGURATIONS } from "../infra/configurations.ts";
import { type Registered, registerSidecarExample, registerStack } from "../infra/stack.ts";

/** Everything that can be long is as long as Pulumi and `config.ts` let it be. */
const LONGEST = {
  stackName: `s.${"s".repeat(98)}`,
  config: {
    ...CONFIGURATIONS.everything,
    // ECR takes no longer value of a tag.
    owner: "o".repeat(255),
    nameSuffix: `-${"n".repeat(20)}`,
    targetDirectory: `/${"d".repeat(99)}`,
    availabilityZones: JSON.stringify([..."abcdef"].map((zone) => `us-east-1${zone}`)),
    maxMountTargets: "6",
  },
};

/** The resources of each stack to judge, by the stack's name. */
export async function judgedStacks(): Promise<Map<string, readonly Registered[]>> {
  const stacks = new Map<string, readonly Registered[]>();
  for (const [name, config] of Object.entries(CONFIGURATIONS)) {
    stacks.set(name, (await registerStack(config)).resources);
  }
  const { resources } = await registerStack(LONGEST.config, LONGEST.stackName);
  stacks.set("the longest of everything", resources);
  const files = await registerStack({ s3Api: "true" });
  const application = await registerSidecarExample(files.outputs);
  return stacks.set("a router beside an application", [...files.resources, ...application.resources]);
}

/** The first resource of a type. Example: `aws:ec2/vpc:Vpc`. */
export function firstOf(resources: readonly Registered[], type: string): Registered {
  const resource = resources.find((each) => each.type === type);
  if (resource === undefined) throw new Error(`No resource is a ${type}`);
  return resource;
}

/** The stack with a fault: other inputs for the first resource of a type. */
export function withInputs(
  resources: readonly Registered[],
  type: string,
  inputs: Readonly<Properties>,
): readonly Registered[] {
  const faulty = firstOf(resources, type);
  return resources.with(resources.indexOf(faulty), { ...faulty, inputs: { ...faulty.inputs, ...inputs } });
}
