/** The local regions' responses about replication, read by botocore and judged by its model of EFS. */
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { OSAKA, TOKYO } from "../../local/account.ts";
import { Cleanups } from "../../local/machine/cleanups.ts";
import { startReplicatedRegions } from "../support/replicated-regions.ts";
import { describeRequiring } from "../support/requirements.ts";
import { motoAndBotocore, run } from "./programs.ts";

const source = { SourceFileSystemId: TOKYO.fileSystemId };
const destination = { FileSystemId: OSAKA.fileSystemId, Region: OSAKA.region };
const policy = { FileSystemId: TOKYO.fileSystemId, Policy: '{"Version":"2012-10-17","Statement":[]}' };

/** Calls, and the errors that they end with. */
const CALLS = [
  [TOKYO, "DescribeFileSystemPolicy", { FileSystemId: TOKYO.fileSystemId }, "PolicyNotFound"],
  [TOKYO, "PutFileSystemPolicy", policy, null],
  [TOKYO, "PutFileSystemPolicy", { ...policy, Policy: "none" }, "InvalidPolicyException"],
  [TOKYO, "DescribeFileSystemPolicy", { FileSystemId: TOKYO.fileSystemId }, null],
  [TOKYO, "DeleteFileSystemPolicy", { FileSystemId: TOKYO.fileSystemId }, null],
  [TOKYO, "DescribeReplicationConfigurations", { FileSystemId: TOKYO.fileSystemId }, "ReplicationNotFound"],
  [TOKYO, "CreateReplicationConfiguration", { ...source, Destinations: [destination] }, "ValidationException"],
  [OSAKA, "UpdateFileSystemProtection", protection("DISABLED"), null],
  [OSAKA, "UpdateFileSystemProtection", protection("REPLICATING"), "BadRequest"],
  [TOKYO, "CreateReplicationConfiguration", { ...source, Destinations: [destination] }, null],
  [TOKYO, "CreateReplicationConfiguration", { ...source, Destinations: [destination] }, "ValidationException"],
  [OSAKA, "UpdateFileSystemProtection", protection("DISABLED"), "ReplicationAlreadyExists"],
  [TOKYO, "DescribeReplicationConfigurations", {}, null],
  [OSAKA, "DescribeReplicationConfigurations", { FileSystemId: OSAKA.fileSystemId }, null],
  [OSAKA, "DescribeFileSystems", {}, null],
  [OSAKA, "DeleteReplicationConfiguration", { ...source, DeletionMode: "LOCAL_CONFIGURATION_ONLY" }, null],
  [TOKYO, "DeleteReplicationConfiguration", source, null],
  [TOKYO, "DeleteReplicationConfiguration", { SourceFileSystemId: "fs-00000000" }, "FileSystemNotFound"],
] as const;

function protection(ReplicationOverwriteProtection: string) {
  return { FileSystemId: OSAKA.fileSystemId, ReplicationOverwriteProtection };
}

const verdictsSchema = z.array(z.object({ problems: z.array(z.string()), error: z.string().nullable() }));

const cleanups = new Cleanups();
afterEach(() => cleanups.run());

describeRequiring([motoAndBotocore], "the model of EFS", ([python]) => {
  test("has nothing against any response about replication", async () => {
    const { tokyo, osaka } = await startReplicatedRegions(cleanups);
    const request = {
      endpoints: { [TOKYO.region]: tokyo.controlPlane.url, [OSAKA.region]: osaka.controlPlane.url },
      calls: CALLS.map(([{ region }, operation, parameters]) => ({ region, operation, parameters })),
    };
    const script = join(import.meta.dirname, "judge_responses.py");
    const { output, errors, code } = await run(python, [script], JSON.stringify(request));
    expect(code, errors).toBe(0);
    const verdicts = verdictsSchema.parse(JSON.parse(output));
    const shown = (problems: readonly string[], error: string | null, index: number) =>
      [CALLS[index]?.[1], error, ...problems].join(" ");
    expect(verdicts.map(({ problems, error }, index) => shown(problems, error, index))).toEqual(
      CALLS.map(([, , , error], index) => shown([], error, index)),
    );
  });
});
