/**
 * Amazon EC2: where the tasks are. Each has a network interface, from before it starts until it is gone.
 */
import { paginateDescribeNetworkInterfaces } from "@aws-sdk/client-ec2";
import * as z from "zod";
import { type AwsSession, call } from "./session.ts";

const zonesSchema = z
  .array(z.object({ AvailabilityZone: z.string() }))
  .transform((interfaces) => [...new Set(interfaces.map(({ AvailabilityZone }) => AvailabilityZone))]);

/** The Availability Zones in which the security group has network interfaces, all pages. @throws {AwsCallError} */
export function listZonesOf({ ec2, signal }: AwsSession, securityGroupId: string): Promise<string[]> {
  return call("DescribeNetworkInterfaces", zonesSchema, async () => {
    const interfaces = [];
    const pages = paginateDescribeNetworkInterfaces(
      { client: ec2, stopOnSameToken: true },
      { Filters: [{ Name: "group-id", Values: [securityGroupId] }] },
      { abortSignal: signal },
    );
    for await (const page of pages) interfaces.push(...(page.NetworkInterfaces ?? []));
    return interfaces;
  });
}
