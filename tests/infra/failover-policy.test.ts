/** What operators are granted to fail over, against what the failover program calls. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { ACCOUNT_ID, REGION } from "./aws-stand-in.ts";
import { CONFIGURATIONS } from "./configurations.ts";
import type { Statement } from "./policies.ts";
import { simulate } from "./simulate.ts";
import { registerStack } from "./stack.ts";

/** Its only file with calls of AWS. */
const SOURCE = "failover/aws.ts";

/** Of file systems that had no policy before they were fenced: a stack's has one. */
const NOT_NEEDED = ["DeleteFileSystemPolicy"];

const OF_PARAMETERS = ["GetParameter", "PutParameter"];

const CONFIGURATION = CONFIGURATIONS["the primary of two regions"];

let statements: readonly Statement[];
let arns: Record<"parameter" | "fileSystem", string>;

beforeAll(async () => {
  const { resources, outputs } = await registerStack(CONFIGURATION);
  statements = JSON.parse(String(outputs.failoverPolicyDocument)).Statement;
  const arnOf = (name: string, type: string) =>
    String(resources.find((each) => each.name === name && each.type.endsWith(`:${type}`))?.outputs.arn);
  arns = {
    parameter: arnOf("region-role", "Parameter"),
    fileSystem: arnOf("file-storage-files", "FileSystem"),
  };
});

async function isAllowed(action: string, resource: string): Promise<boolean> {
  return (await simulate(statements, { action, resource, context: {} })).result === "Allowed";
}

const calls = [...readFileSync(SOURCE, "utf8").matchAll(/new (\w+)Command\(/g)]
  .map(([, operation = ""]) => operation)
  .filter((operation) => !NOT_NEEDED.includes(operation));

describe("the policy of operators", () => {
  test.each([...new Set(calls)])("allows what the failover program calls: %s", async (operation) => {
    const isOfParameter = OF_PARAMETERS.includes(operation);
    const action = `${isOfParameter ? "ssm" : "elasticfilesystem"}:${operation}`;
    const [own, other] = isOfParameter
      ? [arns.parameter, `arn:aws:ssm:${REGION}:${ACCOUNT_ID}:parameter/other`]
      : [arns.fileSystem, `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT_ID}:file-system/fs-0b0b0b0b`];
    expect(await isAllowed(action, own)).toBe(true);
    expect(await isAllowed(action, other)).toBe(false);
  });

  test("allows to end in this region the replication whose source is the other region's file system, and no more of it", async () => {
    const peer = z.object({ fileSystemId: z.string() }).parse(JSON.parse(CONFIGURATION.peer));
    const peerHere = `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT_ID}:file-system/${peer.fileSystemId}`;
    for (const operation of calls.filter((call) => !OF_PARAMETERS.includes(call))) {
      const isAllowedOfPeer = await isAllowed(`elasticfilesystem:${operation}`, peerHere);
      expect([operation, isAllowedOfPeer]).toEqual([operation, operation === "DeleteReplicationConfiguration"]);
    }
  });

  test("allows nothing else", () => {
    const allowed = statements.flatMap(({ Action }) => [Action].flat().map((action) => action.split(":")[1]));
    expect(allowed.sort()).toEqual([...new Set(calls)].sort());
  });
});
