/**
 * Amazon EC2: subnets, and the network interfaces of tasks.
 *
 * Rules, errors and names: EC2 API reference, DescribeSubnets, DescribeNetworkInterfaces.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { operationsOf } from "./operation.ts";
import { page } from "./page.ts";
import type { AwsState, Subnet } from "./state.ts";

const invalidValue = (message: string) => new AwsError("InvalidParameterValue", 400, message);
const { query } = operationsOf(invalidValue);

const describeSubnets = query(
  z.object({
    Filter: z.array(z.object({ Name: z.string(), Value: z.array(z.string()).default([]) })).default([]),
    SubnetId: z.array(z.string()).optional(),
    MaxResults: z.coerce.number().int().min(5).max(1000).optional(),
    NextToken: z.string().optional(),
  }),
  (state, { Filter, SubnetId, MaxResults, NextToken }, { maxPageSize }) => {
    if (SubnetId !== undefined && MaxResults !== undefined) {
      throw new AwsError(
        "InvalidParameterCombination",
        400,
        "The parameter subnetSet cannot be used with the parameter maxResults",
      );
    }
    for (const id of SubnetId ?? []) {
      if (!state.subnets.some((subnet) => subnet.subnetId === id)) {
        throw new AwsError("InvalidSubnetID.NotFound", 400, `The subnet ID '${id}' does not exist`);
      }
    }
    const found = state.subnets.filter(
      (subnet) =>
        (SubnetId === undefined || SubnetId.includes(subnet.subnetId)) &&
        Filter.every(({ Name, Value }) => matches(state, subnet, Name, Value)),
    );
    try {
      const limit = Math.min(MaxResults ?? Number.POSITIVE_INFINITY, maxPageSize);
      const { items, nextToken } = page(found, (subnet) => subnet.subnetId, limit, NextToken);
      return { subnetSet: { item: items.map((subnet) => describe(state, subnet)) }, nextToken };
    } catch (cause) {
      throw new AwsError("InvalidNextToken", 400, "The specified NextToken is invalid", { cause });
    }
  },
);

const describeNetworkInterfaces = query(
  z.object({
    Filter: z.array(z.object({ Name: z.literal("group-id"), Value: z.array(z.string()) })).default([]),
    MaxResults: z.coerce.number().int().min(5).max(1000).optional(),
    NextToken: z.string().optional(),
  }),
  (state, { Filter, MaxResults, NextToken }, { maxPageSize }) => {
    const found = state.tasks.flatMap(({ taskId, lastStatus, networkInterface }) =>
      lastStatus !== "STOPPED" &&
      networkInterface !== undefined &&
      Filter.every(({ Value }) => networkInterface.securityGroups.some((group) => Value.includes(group)))
        ? { networkInterfaceId: `eni-${taskId}`, ...networkInterface }
        : [],
    );
    try {
      const limit = Math.min(MaxResults ?? Number.POSITIVE_INFINITY, maxPageSize);
      const { items, nextToken } = page(found, (one) => one.networkInterfaceId, limit, NextToken);
      return {
        networkInterfaceSet: {
          item: items.map(({ networkInterfaceId, availabilityZone, securityGroups }) => ({
            networkInterfaceId,
            availabilityZone,
            groupSet: { item: securityGroups.map((groupId) => ({ groupId })) },
          })),
        },
        nextToken,
      };
    } catch (cause) {
      throw new AwsError("InvalidNextToken", 400, "The specified NextToken is invalid", { cause });
    }
  },
);

/** EC2's operations by their API names. */
export const ec2 = { DescribeNetworkInterfaces: describeNetworkInterfaces, DescribeSubnets: describeSubnets };

/** A filter names one property; any of its values may match, with the wildcards `*` and `?`. */
function matches(state: AwsState, subnet: Subnet, name: string, values: readonly string[]): boolean {
  const property = filterProperty(state, subnet, name);
  return values.some((value) => property.some((text) => wildcard(value).test(text)));
}

function filterProperty(state: AwsState, subnet: Subnet, name: string): readonly string[] {
  if (name.startsWith("tag:")) {
    const value = subnet.tags[name.slice("tag:".length)];
    return value === undefined ? [] : [value];
  }
  switch (name) {
    case "vpc-id":
      return [subnet.vpcId];
    case "subnet-id":
      return [subnet.subnetId];
    case "availability-zone":
    case "availabilityZone":
      return [subnet.availabilityZone];
    case "availability-zone-id":
      return [subnet.availabilityZoneId];
    case "available-ip-address-count":
      return [String(freeAddresses(state, subnet))];
    case "cidr-block":
    case "cidr":
    case "cidrBlock":
      return [subnet.cidrBlock];
    case "state":
      return ["available"];
    case "tag-key":
      return Object.keys(subnet.tags);
    default:
      throw invalidValue(`The filter '${name}' is invalid`);
  }
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}

function freeAddresses(state: AwsState, subnet: Subnet): number {
  const taken = new Set(state.mountTargets.map((target) => target.ipAddress));
  return subnet.addresses.filter((address) => !taken.has(address)).length;
}

function describe(state: AwsState, subnet: Subnet): object {
  return {
    subnetId: subnet.subnetId,
    subnetArn: `arn:aws:ec2:${state.region}:${state.accountId}:subnet/${subnet.subnetId}`,
    state: "available",
    ownerId: state.accountId,
    vpcId: subnet.vpcId,
    cidrBlock: subnet.cidrBlock,
    availableIpAddressCount: freeAddresses(state, subnet),
    availabilityZone: subnet.availabilityZone,
    availabilityZoneId: subnet.availabilityZoneId,
    defaultForAz: false,
    mapPublicIpOnLaunch: false,
    assignIpv6AddressOnCreation: false,
    tagSet: { item: Object.entries(subnet.tags).map(([key, value]) => ({ key, value })) },
  };
}
