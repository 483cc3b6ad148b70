/** How routers reach the other region's role, where the network is not the stack's own, or the other stack lacks something. */
import { parseRegionRole } from "@efs-mount-autoscaling/mount-table";
import { expect, test } from "vitest";
import { requireApart, requireOf } from "../../components/peer-access.ts";
import { configSchema } from "../../config.ts";
import { CONFIGURATIONS, PEER } from "./configurations.ts";
import { registerStack } from "./stack.ts";

const STANDBY = CONFIGURATIONS["the standby of two regions"];
const EXISTING_VPC = {
  vpcId: "vpc-0e0e0e0e",
  privateSubnetIds: '["subnet-0e0e0e01","subnet-0e0e0e02","subnet-0e0e0e03"]',
};

async function register(config: Readonly<Record<string, string>>) {
  const { resources } = await registerStack({ ...STANDBY, ...config });
  const named = (name: string) => resources.filter((resource) => resource.name === name);
  const [parameter] = resources.filter(({ type, name }) => type.endsWith(":Parameter") && name === "region-role");
  return {
    connections: resources.filter(({ type }) => /:(VpcPeeringConnection\w*|Route)$/.test(type)).length,
    policies: named("peer-access-router-task").length,
    peer: parseRegionRole(String(parameter?.inputs.value)).peer,
  };
}

test("routers of a VPC with a way to AWS read it at the public address", async () => {
  const { regionParameterName, region, url, fileSystemId } = PEER;
  const peer = JSON.stringify({ region, url, fileSystemId, regionParameterName });
  expect(await register({ ...EXISTING_VPC, createVpcEndpoints: "false", peer })).toEqual({
    connections: 0,
    policies: 1,
    peer: { region, url, parameter_name: regionParameterName },
  });
});

test("confirmRoleBy: replication needs nothing of the other region", async () => {
  const { region, url, fileSystemId } = PEER;
  const peer = JSON.stringify({ region, url, fileSystemId });
  expect(await register({ confirmRoleBy: "replication", peer })).toEqual({
    connections: 0,
    policies: 0,
    peer: { region, url },
  });
});

test("what the other stack does not have is named, with what to do", () => {
  expect(requireOf(PEER, "vpcId")).toBe(PEER.vpcId);
  expect(() => requireOf({ ...PEER, ssmEndpoint: undefined }, "ssmEndpoint")).toThrow(
    "The stack in ap-northeast-3 has no ssmEndpoint, which confirmRoleBy: peer needs: deploy it with this version first, " +
      "add ssmEndpoint to peer, or set confirmRoleBy to replication in both stacks",
  );
});

test.each([
  ["10.0.0.0/16", "10.0.0.0/16"],
  ["10.0.0.0/16", "10.0.3.0/24"],
  ["10.20.0.0/16", "10.0.0.0/8"],
])("networks that overlap are refused: %s and %s", (own, other) => {
  const apart = () => requireApart(own, other, "ap-northeast-3");
  expect(apart).toThrow(`vpcCidr is ${own}, and the VPC in ap-northeast-3 has ${other}`);
  // The VPC of a stack that is deployed cannot have another range.
  expect(apart).toThrow("for a stack that is new; else set confirmRoleBy to replication in both stacks");
});

test("networks that do not overlap are fine", () => {
  for (const other of ["10.1.0.0/16", "172.16.0.0/12", "9.255.0.0/16"]) requireApart("10.0.0.0/16", other, "x");
});

test("endpoints in an existing VPC lead to no other region, which the configuration says", () => {
  const problems = (confirmRoleBy: string) =>
    configSchema.safeParse({ ...STANDBY, ...EXISTING_VPC, confirmRoleBy }).error?.issues.map(({ path }) => path[0]);
  expect(problems("peer")).toEqual(["confirmRoleBy"]);
  expect(problems("replication")).toBeUndefined();
});
