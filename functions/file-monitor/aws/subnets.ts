/**
 * Amazon EC2: the subnets a mount target could be in.
 */
import { paginateDescribeSubnets } from "@aws-sdk/client-ec2";
import * as z from "zod";
import { type AwsSession, call } from "./session.ts";

export interface Subnet {
  readonly subnetId: string;
  readonly availabilityZone: string;
  readonly freeAddresses: number;
}

const subnetSchema = z
  .object({ SubnetId: z.string(), AvailabilityZone: z.string(), AvailableIpAddressCount: z.number().default(0) })
  .transform(
    (subnet): Subnet => ({
      subnetId: subnet.SubnetId,
      availabilityZone: subnet.AvailabilityZone,
      freeAddresses: subnet.AvailableIpAddressCount,
    }),
  );

/** The available subnets of a VPC, all pages. @throws {AwsCallError} */
export function listSubnets({ ec2, signal }: AwsSession, vpcId: string): Promise<Subnet[]> {
  return call("DescribeSubnets", z.array(subnetSchema), async () => {
    const subnets = [];
    const filters = [
      { Name: "vpc-id", Values: [vpcId] },
      { Name: "state", Values: ["available"] },
    ];
    const pages = paginateDescribeSubnets(
      { client: ec2, stopOnSameToken: true },
      { Filters: filters },
      { abortSignal: signal },
    );
    for await (const page of pages) subnets.push(...(page.Subnets ?? []));
    return subnets;
  });
}
