import { expect, test } from "vitest";
import { isFenced, withFence, withoutFence } from "../../../failover/policy.ts";

const ONLY_TLS = {
  Sid: "OnlyTls",
  Effect: "Deny",
  Principal: { AWS: "*" },
  Action: "*",
  Condition: { Bool: { "aws:SecureTransport": "false" } },
};

test.each([
  ["a list of statements", { Version: "2012-10-17", Id: "stack", Statement: [ONLY_TLS] }],
  ["one statement", { Version: "2012-10-17", Statement: [ONLY_TLS] }],
])("a policy with %s gets a denial of writes, and loses it again, and keeps the rest", (_, policy) => {
  const before = JSON.stringify(policy);
  const fenced = withFence(before);
  expect([isFenced(before), isFenced(fenced)]).toEqual([false, true]);
  expect(JSON.parse(fenced)).toEqual({
    ...policy,
    Statement: [ONLY_TLS, expect.objectContaining({ Effect: "Deny", Action: "elasticfilesystem:ClientWrite" })],
  });
  expect(JSON.parse(withFence(fenced))).toEqual(JSON.parse(fenced));
  expect(JSON.parse(withoutFence(fenced) ?? "")).toEqual(policy);
});

test("a single statement is one of a list afterwards", () => {
  const fenced = withFence(JSON.stringify({ Version: "2012-10-17", Statement: ONLY_TLS }));
  expect(JSON.parse(fenced).Statement).toHaveLength(2);
});

test("a file system without a policy stays readable for everyone who reaches it, and has none again afterwards", () => {
  const fenced = withFence(undefined);
  const [access, denial] = JSON.parse(fenced).Statement;
  expect(access).toMatchObject({ Effect: "Allow", Action: expect.arrayContaining(["elasticfilesystem:ClientMount"]) });
  expect(denial).toMatchObject({ Effect: "Deny" });
  expect(isFenced(undefined)).toBe(false);
  expect(withoutFence(fenced)).toBeUndefined();
});
