import { expect, test } from "vitest";
import { parseRegionDescription } from "../../../failover/regions.ts";

const OUTPUTS = {
  region: "ap-northeast-1",
  fileSystemId: "fs-0123abcd",
  url: "https://files.example",
  dashboardUrl: "x",
};

test("the outputs of a stack describe its region", () => {
  expect(parseRegionDescription(JSON.stringify(OUTPUTS), "tokyo.json")).toMatchObject({
    ...{ region: "ap-northeast-1", fileSystemId: "fs-0123abcd", url: "https://files.example" },
    ...{ regionParameterName: "/efs-mount-autoscaling/region", roleLeaseSeconds: 120 },
  });
});

test("outputs are text where Pulumi prints them so", () => {
  expect(parseRegionDescription(JSON.stringify({ ...OUTPUTS, roleLeaseSeconds: "30" }), "x").roleLeaseSeconds).toBe(30);
});

test.each([
  ["not JSON", "tokyo.json is not JSON: expected what pulumi stack output --json prints"],
  ["{}", "tokyo.json does not describe a region: region: must be an AWS region like ap-northeast-1; fileSystemId: "],
  [JSON.stringify({ ...OUTPUTS, fileSystemId: "none" }), "fileSystemId: must look like fs-0123abcd"],
  [JSON.stringify({ ...OUTPUTS, roleLeaseSeconds: 0 }), "roleLeaseSeconds: "],
])("%s is refused", (text, message) => {
  expect(() => parseRegionDescription(text, "tokyo.json")).toThrow(message);
});
