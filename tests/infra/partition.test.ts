import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { refuseOtherPartitions } from "../../components/partition.ts";

const inRegion = (region: string, partition: string) =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: name, state: inputs }),
    call: () => ({ region, partition }),
  });

test("AWS's standard regions are taken", async () => {
  await inRegion("ap-northeast-1", "aws");
  await expect(refuseOtherPartitions()).resolves.toBeUndefined();
});

test.each([
  ["cn-north-1", "aws-cn"],
  ["us-gov-west-1", "aws-us-gov"],
])("%s is refused by name", async (region, partition) => {
  await inRegion(region, partition);
  await expect(refuseOtherPartitions()).rejects.toThrow(`aws:region is ${region}, in the partition ${partition}`);
});
