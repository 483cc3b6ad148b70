/** A file system that has mount targets already: which are used, and what is refused. */
import { CreateMountTargetCommand } from "@aws-sdk/client-efs";
import * as fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { adopt, type Rule, rangesKeptOut } from "../../components/adoption.ts";
import { type ExistingMountTarget, findMountTargets } from "../../components/existing-mount-targets.ts";
import { REGION } from "../../local/account.ts";
import { describeEachAws, type TestAccount } from "../support/aws-accounts.ts";
import { stubAws } from "../support/aws-environment.ts";
import { present } from "../support/moto.ts";
import { AVAILABILITY_ZONES, EXISTING_SUBNETS, EXISTING_VPC_ID, FILE_SYSTEM_IN_USE } from "./aws-stand-in.ts";

describeEachAws("the mount targets of a file system", (start) => {
  let aws: TestAccount;

  beforeEach(async () => {
    aws = await start();
    stubAws(aws.endpoint);
    return () => vi.unstubAllEnvs();
  });

  const find = () => findMountTargets({ fileSystemId: aws.fileSystemId, region: REGION });

  test("are found with all that the stack needs of them", async () => {
    expect(await find()).toEqual([]);
    const made = [];
    for (const SubnetId of aws.subnetIds.slice(0, 2)) {
      const SecurityGroups = [aws.securityGroupId];
      const request = { FileSystemId: aws.fileSystemId, SubnetId, SecurityGroups };
      made.push(await aws.efs.send(new CreateMountTargetCommand(request)));
    }
    await expect.poll(async () => (await find()).map(({ state }) => state)).toEqual(["available", "available"]);
    expect((await find()).toSorted((a, b) => a.availabilityZone.localeCompare(b.availabilityZone))).toEqual(
      made.map((target, index) => ({
        id: target.MountTargetId,
        state: "available",
        vpcId: aws.vpcId,
        availabilityZone: `${REGION}${"ac"[index]}`,
        subnetId: target.SubnetId,
        ipAddress: present(target.IpAddress),
        securityGroupIds: [aws.securityGroupId],
      })),
    );
  });

  test("are asked of a file system that exists", async () => {
    await expect(findMountTargets({ fileSystemId: "fs-0123abcd", region: REGION })).rejects.toThrow("fs-0123abcd");
  });
});

const STACK = {
  fileSystemId: FILE_SYSTEM_IN_USE,
  vpcId: EXISTING_VPC_ID,
  zones: AVAILABILITY_ZONES,
  initialMountTargets: 2,
  onlyZone: undefined,
};

function mountTarget(change: Partial<ExistingMountTarget> = {}): ExistingMountTarget {
  return {
    id: "fsmt-0e0e0e01",
    state: "available",
    vpcId: EXISTING_VPC_ID,
    availabilityZone: "ap-northeast-1a",
    subnetId: "subnet-0e0e0eff",
    ipAddress: "10.20.99.1",
    securityGroupIds: ["sg-0e0e0e0e"],
    ...change,
  };
}

describe("a file system in use", () => {
  test("keeps all its mount targets, and gets others only in zones without one", () => {
    const zones = [...AVAILABILITY_ZONES, "ap-northeast-1b"];
    fc.assert(
      fc.property(fc.subarray(zones), (taken) => {
        const mountTargets = taken.map((availabilityZone, index) =>
          mountTarget({ id: `fsmt-${index}`, availabilityZone }),
        );
        expect(adopt(mountTargets, STACK)).toEqual({
          mountTargets,
          covered: AVAILABILITY_ZONES.map((zone) => taken.includes(zone)),
        });
      }),
    );
  });

  test.each([
    [
      "mount targets in another VPC",
      [mountTarget({ vpcId: "vpc-0f0f0f0f" })],
      {},
      "fsmt-0e0e0e01 in vpc-0f0f0f0f, and a file system has mount targets in one VPC only: set vpcId to vpc-0f0f0f0f",
    ],
    ["mount targets, for a new VPC", [mountTarget()], { vpcId: undefined }, `set vpcId to ${EXISTING_VPC_ID}`],
    ["a mount target that goes", [mountTarget({ state: "deleting" })], {}, "is deleting: wait until it is available"],
    ["a mount target that failed", [mountTarget({ state: "error" })], {}, "is error: wait until it is available, or"],
    [
      "one zone only, and that is another",
      [],
      { onlyZone: "ap-northeast-1d", initialMountTargets: 1 },
      "only, not in ap-northeast-1a: set initialMountTargets to 1, and name a subnet in ap-northeast-1d first",
    ],
    [
      "one zone only, but two are to be used",
      [mountTarget()],
      { onlyZone: "ap-northeast-1a" },
      "can have its mount target in ap-northeast-1a only, not in ap-northeast-1c",
    ],
  ])("is refused with %s, and the error says what to do", (_what, mountTargets, stack, message) => {
    expect(() => adopt(mountTargets, { ...STACK, ...stack })).toThrow(message);
  });

  test("in one zone is taken there", () => {
    const stack = { ...STACK, onlyZone: "ap-northeast-1a", initialMountTargets: 1 };
    expect(adopt([], stack).covered).toEqual([false, false, false]);
  });
});

describe("the security groups of mount targets that exist", () => {
  const SUBNETS = EXISTING_SUBNETS.map(({ cidrBlock }) => cidrBlock);
  const rule = (change: Partial<Rule>): Rule => ({ isEgress: false, ipProtocol: "-1", ...change });
  const nfs = { ipProtocol: "tcp", fromPort: 2049, toPort: 2049 };

  test.each([
    ["all protocols from the whole VPC", [rule({ cidrIpv4: "10.20.0.0/16" })]],
    ["ports around NFS from everywhere", [rule({ ...nfs, fromPort: 2000, toPort: 2100, cidrIpv4: "0.0.0.0/0" })]],
    ["NFS from each subnet", SUBNETS.map((cidrIpv4) => rule({ ...nfs, cidrIpv4 }))],
  ])("let every subnet in by a rule for %s", (_what, rules) => {
    expect(rangesKeptOut(SUBNETS, rules)).toEqual([]);
  });

  test.each([
    ["connections out", [rule({ cidrIpv4: "10.20.0.0/16", isEgress: true })], SUBNETS],
    ["other ports", [rule({ ...nfs, fromPort: 2050, toPort: 2100, cidrIpv4: "10.20.0.0/16" })], SUBNETS],
    ["other protocols", [rule({ ...nfs, ipProtocol: "udp", cidrIpv4: "10.20.0.0/16" })], SUBNETS],
    ["a half of each subnet", SUBNETS.map((range) => rule({ cidrIpv4: range.replace("/24", "/25") })), SUBNETS],
    ["two subnets of three", [rule({ cidrIpv4: "10.20.2.0/23" })], SUBNETS.slice(0, 1)],
    ["members of a group", [rule({}), rule({ cidrIpv4: "" })], SUBNETS],
    ["nobody", [], SUBNETS],
  ])("keep subnets out by rules for %s", (_what, rules, out) => {
    expect(rangesKeptOut(SUBNETS, rules)).toEqual(out);
  });
});
