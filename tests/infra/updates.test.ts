/** What `pulumi up` may do to a stack that is there: never what AWS refuses, or what its provider takes and forgets. */
import * as pulumi from "@pulumi/pulumi";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type Registered,
  type RegisteredStack,
  registerComponents,
  registerSidecarExample,
  registerStack,
} from "./stack.ts";

/** What an update changes in place: resources of a type that both have under one name, with other inputs. */
function changedInPlace(type: RegExp, before: RegisteredStack, after: RegisteredStack): Registered[] {
  const inputs = new Map(before.resources.map((each) => [`${each.type} ${each.name}`, JSON.stringify(each.inputs)]));
  return after.resources.filter((each) => {
    const old = inputs.get(`${each.type} ${each.name}`);
    return type.test(each.type) && old !== undefined && old !== JSON.stringify(each.inputs);
  });
}

/** EC2 refuses to change a rule into what another one still is (`InvalidPermission.Duplicate`). */
describe("a rule of a security group is not changed into another one", () => {
  const RULE = /:SecurityGroup(In|E)gressRule$/;

  test("whatever the ranges of the clients become", async () => {
    const registerRanges = (ranges: readonly string[]) =>
      registerComponents(async () => {
        const { SecurityGroups } = await import("../../components/security-groups.ts");
        new SecurityGroups("security-groups", {
          vpcId: "vpc-0e0e0e0e",
          allowedCidrs: pulumi.output([...ranges]),
          listenerPort: 80,
          routerPort: 8000,
          s3Port: 8001,
          httpsToAnywhere: false,
          maintenance: false,
          adoptedGroupIds: [],
          opensAdoptedGroups: false,
        });
      });
    const all = ["10.0.0.0/16", "10.20.0.0/16", "172.16.0.0/12", "192.168.0.0/24"];
    const ranges = fc.uniqueArray(fc.constantFrom(...all));
    const keepsRules = fc.asyncProperty(ranges, ranges, async (before, after) => {
      const stacks = [await registerRanges(before), await registerRanges(after)] as const;
      expect(changedInPlace(RULE, ...stacks)).toEqual([]);
      const open = stacks[1].resources.flatMap(({ inputs }) => inputs.cidrIpv4 ?? []);
      expect(open.toSorted()).toEqual([...after, ...after].toSorted());
      const former = stacks[1].resources.filter(({ inputs }) => "cidrIpv4" in inputs).flatMap(({ aliases }) => aliases);
      expect(former.toSorted(), "a rule that is there by its number is found").toEqual(
        after.flatMap((_, index) =>
          ["load-balancer", "s3"].map((to) => `security-groups-clients-${index + 1}-to-${to}`),
        ),
      );
    });
    await fc.assert(keepsRules, { numRuns: 8, examples: [[all, all.slice(1)]] });
  });

  test("whichever mount targets an application's router may use", async () => {
    const { outputs } = await registerStack({ s3Api: "true", logRouter: "false" });
    const blueprint = z.looseObject({ mountTargetGroups: z.array(z.unknown()) }).parse(outputs.routerBlueprint);
    const registerBeside = (groups: readonly string[]) => {
      const adopted = groups.map((id) => ({ id, mayBeOpened: true }));
      const mountTargetGroups = [...blueprint.mountTargetGroups, ...adopted];
      return registerSidecarExample({ routerBlueprint: { ...blueprint, mountTargetGroups } });
    };
    const stacks = [await registerBeside(["sg-a", "sg-b"]), await registerBeside(["sg-b"])] as const;
    expect(changedInPlace(RULE, ...stacks)).toEqual([]);
    const former = stacks[0].resources.flatMap(({ aliases }) => aliases);
    expect(new Set(former), "a rule that is there by its number is found").toEqual(
      new Set([1, 2, 3].map((number) => `files-to-mount-targets-${number}`)),
    );
  });
});

test("a key that leaves the configuration leaves the mount table", async () => {
  // AWS's provider takes no key for any key.
  const { resources } = await registerStack({ parameterType: "SecureString", logRouter: "false" });
  expect(resources.find(({ name, type }) => name === "mount-table" && type.endsWith(":Parameter"))?.inputs.keyId).toBe(
    "alias/aws/ssm",
  );
});
