/** EFS's replication between two local regions, through the unmodified SDK: its calls, their refusals, and its life. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as sdk from "@aws-sdk/client-efs";
import {
  CreateReplicationConfigurationCommand,
  DeleteFileSystemPolicyCommand,
  DeleteReplicationConfigurationCommand,
  DescribeFileSystemPolicyCommand,
  DescribeFileSystemsCommand,
  DescribeReplicationConfigurationsCommand,
  PutFileSystemPolicyCommand,
  UpdateFileSystemProtectionCommand,
} from "@aws-sdk/client-efs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ACCOUNT_ID, OSAKA, TOKYO } from "../../../local/account.ts";
import { Cleanups } from "../../../local/machine/cleanups.ts";
import {
  type ReplicatedRegion,
  type ReplicatedRegions,
  startReplicatedRegions,
} from "../../support/replicated-regions.ts";

let cleanups: Cleanups;
beforeEach(() => {
  cleanups = new Cleanups();
});
afterEach(() => cleanups.run());

const world = (change?: Parameters<typeof startReplicatedRegions>[1]) => startReplicatedRegions(cleanups, change);

const create = (Destinations: sdk.DestinationToCreate[], SourceFileSystemId = TOKYO.fileSystemId) =>
  new CreateReplicationConfigurationCommand({ SourceFileSystemId, Destinations });
const toOsaka = create([{ FileSystemId: OSAKA.fileSystemId, Region: OSAKA.region }]);
const remove = (SourceFileSystemId: string, DeletionMode?: sdk.DeletionMode) =>
  new DeleteReplicationConfigurationCommand({ SourceFileSystemId, ...(DeletionMode ? { DeletionMode } : {}) });
const protect = (FileSystemId: string, ReplicationOverwriteProtection: sdk.ReplicationOverwriteProtection) =>
  new UpdateFileSystemProtectionCommand({ FileSystemId, ReplicationOverwriteProtection });

async function describeOne({ efs }: ReplicatedRegion, FileSystemId?: string) {
  const { Replications } = await efs.send(
    new DescribeReplicationConfigurationsCommand(FileSystemId === undefined ? {} : { FileSystemId }),
  );
  return Replications?.[0];
}

async function protection({ efs }: ReplicatedRegion) {
  const { FileSystems } = await efs.send(new DescribeFileSystemsCommand({}));
  return FileSystems?.[0]?.FileSystemProtection?.ReplicationOverwriteProtection;
}

async function replicating(): Promise<ReplicatedRegions> {
  const regions = await world({ osaka: { replicationOverwriteProtection: "DISABLED" } });
  await regions.tokyo.efs.send(toOsaka);
  await synced(regions.osaka);
  return regions;
}

/** Waits for a sync that begins from now on. */
async function synced(region: ReplicatedRegion): Promise<void> {
  const now = Date.now();
  await vi.waitFor(
    async () => {
      const replicated = (await describeOne(region))?.Destinations?.[0]?.LastReplicatedTimestamp;
      expect(replicated?.getTime()).toBeGreaterThan(now);
    },
    { timeout: 60_000 },
  );
}

const until = (assertion: () => Promise<void> | void) => vi.waitFor(assertion, { timeout: 60_000 });

describe("a replication", () => {
  test("carries files to an existing file system, which is read-only until the replication is deleted", async () => {
    const { tokyo, osaka } = await world();
    await writeFile(join(osaka.files, "from before"), "is replaced");
    await writeFile(join(tokyo.files, "file"), "first");
    await expect(tokyo.efs.send(toOsaka)).rejects.toThrow(sdk.ValidationException);
    await osaka.efs.send(protect(OSAKA.fileSystemId, "DISABLED"));
    expect(await protection(osaka)).toBe("DISABLED");
    const created = await tokyo.efs.send(toOsaka);
    expect(created).toMatchObject({
      SourceFileSystemId: TOKYO.fileSystemId,
      SourceFileSystemRegion: TOKYO.region,
      SourceFileSystemArn: `arn:aws:elasticfilesystem:ap-northeast-1:${ACCOUNT_ID}:file-system/${TOKYO.fileSystemId}`,
      SourceFileSystemOwnerId: ACCOUNT_ID,
      Destinations: [
        { Status: "ENABLING", FileSystemId: OSAKA.fileSystemId, Region: OSAKA.region, OwnerId: ACCOUNT_ID },
      ],
    });
    expect(created.OriginalSourceFileSystemArn).toBe(created.SourceFileSystemArn);
    expect(created.Destinations?.[0]).not.toHaveProperty("LastReplicatedTimestamp");
    expect(await protection(osaka)).toBe("REPLICATING");

    await synced(osaka);
    expect(osaka.readOnly.get(OSAKA.fileSystemId)).toBe(true);
    expect(await readFile(join(osaka.files, "file"), "utf8")).toBe("first");
    await expect(readFile(join(osaka.files, "from before"))).rejects.toThrow("ENOENT");
    for (const region of [tokyo, osaka]) {
      const id = region === tokyo ? TOKYO.fileSystemId : OSAKA.fileSystemId;
      expect(await describeOne(region, id)).toMatchObject({
        SourceFileSystemId: TOKYO.fileSystemId,
        Destinations: [{ Status: "ENABLED", FileSystemId: OSAKA.fileSystemId }],
      });
    }

    const many = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    await Promise.all(many.map((name) => writeFile(join(tokyo.files, name), name)));
    await writeFile(join(tokyo.files, "file"), "second");
    await synced(tokyo);
    expect(await Promise.all(many.map((name) => readFile(join(osaka.files, name), "utf8")))).toEqual(many);
    expect(await readFile(join(osaka.files, "file"), "utf8")).toBe("second");

    await osaka.efs.send(remove(TOKYO.fileSystemId));
    await until(async () => {
      await expect(describeOne(osaka, OSAKA.fileSystemId)).rejects.toThrow(sdk.ReplicationNotFound);
      await expect(describeOne(tokyo, TOKYO.fileSystemId)).rejects.toThrow(sdk.ReplicationNotFound);
    });
    expect(osaka.readOnly.get(OSAKA.fileSystemId)).toBe(false);
    expect(await protection(osaka)).toBe("ENABLED");
    expect(await describeOne(osaka)).toBeUndefined();
    await writeFile(join(tokyo.files, "file"), "third");
    expect(await readFile(join(osaka.files, "file"), "utf8")).toBe("second");
    expect([...tokyo.errors, ...osaka.errors]).toEqual([]);
  });

  test("can make its destination", async () => {
    const { tokyo, osaka } = await world();
    await writeFile(join(tokyo.files, "file"), "content");
    const { Destinations } = await tokyo.efs.send(create([{ Region: OSAKA.region }]));
    const made = Destinations?.[0]?.FileSystemId ?? "";
    expect(made).toMatch(/^fs-[0-9a-f]{17}$/);
    const { FileSystems } = await osaka.efs.send(new DescribeFileSystemsCommand({ FileSystemId: made }));
    expect(FileSystems).toMatchObject([{ FileSystemProtection: { ReplicationOverwriteProtection: "REPLICATING" } }]);
    await synced(osaka);
    expect(await readFile(join(osaka.files, "..", made, "file"), "utf8")).toBe("content");
  });

  test("comes back the other way, and takes what the old source wrote alone", async () => {
    const { tokyo, osaka } = await replicating();
    await osaka.efs.send(remove(TOKYO.fileSystemId));
    await until(() => expect(tokyo.controlPlane.state().replications).toEqual([]));
    await until(() => expect(osaka.controlPlane.state().replications).toEqual([]));
    await writeFile(join(tokyo.files, "lost"), "never seen by Osaka");
    await writeFile(join(osaka.files, "won"), "written after the failover");
    const back = create([{ FileSystemId: TOKYO.fileSystemId, Region: TOKYO.region }], OSAKA.fileSystemId);
    await expect(osaka.efs.send(back)).rejects.toThrow("overwrite protection");
    await tokyo.efs.send(protect(TOKYO.fileSystemId, "DISABLED"));
    await osaka.efs.send(back);
    await synced(tokyo);
    expect(tokyo.readOnly.get(TOKYO.fileSystemId)).toBe(true);
    expect(await readFile(join(tokyo.files, "won"), "utf8")).toBe("written after the failover");
    await expect(readFile(join(tokyo.files, "lost"))).rejects.toThrow("ENOENT");
  });

  test("ends only in its own region while the other one is down, and is in error where it was left", async () => {
    const { tokyo, osaka, start } = await replicating();
    await tokyo.stop();
    await osaka.efs.send(remove(TOKYO.fileSystemId));
    expect((await describeOne(osaka))?.Destinations?.[0]?.Status).toBe("DELETING");
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await protection(osaka)).toBe("REPLICATING");
    expect(osaka.readOnly.get(OSAKA.fileSystemId)).toBe(true);

    await osaka.efs.send(remove(TOKYO.fileSystemId, "LOCAL_CONFIGURATION_ONLY"));
    await until(async () => expect(await protection(osaka)).toBe("ENABLED"));
    expect(osaka.readOnly.get(OSAKA.fileSystemId)).toBe(false);
    await writeFile(join(osaka.files, "file"), "Osaka's");

    const again = await start(TOKYO);
    await writeFile(join(again.files, "file"), "Tokyo's");
    await until(async () => {
      const left = await describeOne(again, TOKYO.fileSystemId);
      expect(left?.Destinations?.[0]).toMatchObject({ Status: "ERROR", StatusMessage: expect.any(String) });
    });
    expect(await readFile(join(osaka.files, "file"), "utf8")).toBe("Osaka's");
    await again.efs.send(remove(TOKYO.fileSystemId));
    await until(async () => expect(await describeOne(again)).toBeUndefined());
  });

  test("goes on after an outage of either region, from what each of them has kept", async () => {
    const { tokyo, osaka, start } = await replicating();
    await osaka.stop();
    await writeFile(join(tokyo.files, "during"), "Osaka's outage");
    const osakaAgain = await start(OSAKA);
    await synced(osakaAgain);
    expect(osakaAgain.readOnly.get(OSAKA.fileSystemId)).toBe(true);
    expect(await readFile(join(osakaAgain.files, "during"), "utf8")).toBe("Osaka's outage");
    await tokyo.stop();
    const tokyoAgain = await start(TOKYO);
    await writeFile(join(tokyoAgain.files, "after"), "Tokyo's outage");
    await synced(osakaAgain);
    expect(await readFile(join(osakaAgain.files, "after"), "utf8")).toBe("Tokyo's outage");
  });
});

describe("EFS refuses", () => {
  test.each([
    ["a source that does not exist", create([{ Region: OSAKA.region }], "fs-00000000"), sdk.FileSystemNotFound],
    ["two destinations", create([{ Region: OSAKA.region }, { Region: "us-east-1" }]), sdk.BadRequest],
    ["no destination", create([]), sdk.BadRequest],
    ["a region that is none", create([{ Region: "Osaka" }]), sdk.BadRequest],
    ["a region that is not here", create([{ Region: "us-east-1" }]), sdk.ValidationException],
    [
      "a destination that does not exist",
      create([{ FileSystemId: "fs-00000000", Region: OSAKA.region }]),
      sdk.FileSystemNotFound,
    ],
    ["itself as the destination", create([{ FileSystemId: TOKYO.fileSystemId }]), sdk.ValidationException],
    ["a deletion of what is not replicated", remove(TOKYO.fileSystemId), sdk.ReplicationNotFound],
    ["a deletion of what does not exist", remove("fs-00000000"), sdk.FileSystemNotFound],
    ["REPLICATING as a protection", protect(TOKYO.fileSystemId, "REPLICATING"), sdk.BadRequest],
    ["the protection of what does not exist", protect("fs-00000000", "DISABLED"), sdk.FileSystemNotFound],
  ])("%s, and changes nothing", async (_what, command, error) => {
    const { tokyo, osaka } = await world();
    const before = [tokyo, osaka].map(({ controlPlane }) => controlPlane.state());
    await expect(tokyo.efs.send(command as typeof toOsaka)).rejects.toThrow(error);
    expect([tokyo, osaka].map(({ controlPlane }) => controlPlane.state())).toEqual(before);
  });

  test("a second replication of either file system, and to change the protection of a destination", async () => {
    const { tokyo, osaka } = await replicating();
    await expect(tokyo.efs.send(create([{ Region: OSAKA.region }]))).rejects.toThrow(sdk.ValidationException);
    const chain = create([{ Region: TOKYO.region }], OSAKA.fileSystemId);
    await expect(osaka.efs.send(chain)).rejects.toThrow(sdk.ValidationException);
    await expect(osaka.efs.send(protect(OSAKA.fileSystemId, "DISABLED"))).rejects.toThrow(sdk.ReplicationAlreadyExists);
    expect(await protection(tokyo)).toBe("ENABLED");
  });

  test("a replication to a region that is down", async () => {
    const { tokyo, osaka } = await world({ osaka: { replicationOverwriteProtection: "DISABLED" } });
    await osaka.stop();
    await expect(tokyo.efs.send(toOsaka)).rejects.toThrow(sdk.InternalServerError);
    expect(tokyo.controlPlane.state().replications).toEqual([]);
  });
});

describe("a file system's policy", () => {
  const policy = (Effect: string, Action: string | string[], more: object = {}) =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect, Principal: { AWS: "*" }, Action, ...more }] });
  const put = (Policy: string) => new PutFileSystemPolicyCommand({ FileSystemId: TOKYO.fileSystemId, Policy });
  const FileSystemId = TOKYO.fileSystemId;

  test("is kept as it was written, and taken away", async () => {
    const { tokyo } = await world();
    const describe = () => tokyo.efs.send(new DescribeFileSystemPolicyCommand({ FileSystemId }));
    await expect(describe()).rejects.toThrow(sdk.PolicyNotFound);
    const Policy = policy("Allow", ["elasticfilesystem:ClientMount"]);
    expect(await tokyo.efs.send(put(Policy))).toMatchObject({ FileSystemId, Policy });
    expect(await describe()).toMatchObject({ FileSystemId, Policy });
    await tokyo.efs.send(new DeleteFileSystemPolicyCommand({ FileSystemId }));
    await expect(describe()).rejects.toThrow(sdk.PolicyNotFound);
  });

  test.each(["no JSON", "{}", policy("Perhaps", "*")])("is refused when it is none: %s", async (text) => {
    const { tokyo } = await world();
    await expect(tokyo.efs.send(put(text))).rejects.toThrow(sdk.InvalidPolicyException);
  });

  test.each([
    [true, policy("Deny", "elasticfilesystem:ClientWrite")],
    [true, policy("Deny", ["elasticfilesystem:ClientRootAccess", "elasticfilesystem:Client*"])],
    [true, policy("Deny", "*")],
    [false, policy("Allow", "elasticfilesystem:ClientWrite")],
    [false, policy("Deny", "elasticfilesystem:ClientRootAccess")],
    [false, policy("Deny", "*", { Condition: { Bool: { "aws:SecureTransport": "false" } } })],
  ])("makes its mount targets read-only, or not: %s %s", async (readOnly, text) => {
    const { tokyo } = await world();
    await tokyo.efs.send(put(text));
    await until(() => expect(tokyo.readOnly.get(FileSystemId) ?? false).toBe(readOnly));
    await tokyo.efs.send(put(policy("Allow", "*")));
    await until(() => expect(tokyo.readOnly.get(FileSystemId) ?? false).toBe(false));
  });
});
