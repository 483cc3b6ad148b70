import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { fileSystemSource, parameterSource } from "@efs-mount-autoscaling/routed-files";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createAccount, FILE_SYSTEM_ID, SUBNETS } from "../../local/account.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from "../../local/control-plane/server.ts";
import type { LifeCycleState, MountTarget } from "../../local/control-plane/state.ts";
import { clients } from "../support/aws-clients.ts";
import { stubAws } from "../support/aws-environment.ts";
import { MemoryNetwork } from "../support/memory-router.ts";

const PARAMETER = "/efs-mount-autoscaling/mount-targets";
let controlPlane: ControlPlane;

async function start(options: Partial<ControlPlaneOptions> = {}): Promise<void> {
  controlPlane = await startControlPlane({ state: createAccount(new Date()), ...options });
  stubAws(controlPlane.url);
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await controlPlane.close();
});

describe("the SSM parameter", () => {
  test("holds the table", async () => {
    await start();
    const { table } = new MemoryNetwork(2);
    const Value = serializeMountTable(table);
    await clients(controlPlane.url).ssm.send(new PutParameterCommand({ Name: PARAMETER, Value, Type: "SecureString" }));
    expect(await parameterSource(PARAMETER).load()).toEqual(table);
  });

  test("may not be there", async () => {
    await start();
    await expect(parameterSource(PARAMETER).load()).rejects.toThrow(`Parameter ${PARAMETER} not found`);
  });

  test("may not be a table", async () => {
    await start();
    await clients(controlPlane.url).ssm.send(new PutParameterCommand({ Name: PARAMETER, Value: "[]", Type: "String" }));
    await expect(parameterSource(PARAMETER).load()).rejects.toThrow("The mount table is not valid");
  });

  test("is asked for again when a call fails, but not for ever", async () => {
    let calls = 0;
    await start({
      onCall: () => {
        calls += 1;
        return { takesEffect: false, response: new AwsError("InternalServerError", 500, "Try again") };
      },
    });
    await expect(parameterSource(PARAMETER).load()).rejects.toThrow("Try again");
    expect(calls).toBe(3);
  });
});

describe("the file system's mount targets", () => {
  function mountTarget(index: number, lifeCycleState: LifeCycleState): MountTarget {
    const subnet = SUBNETS[index % SUBNETS.length];
    if (!subnet) throw new Error("The account has no subnets");
    return {
      mountTargetId: `fsmt-${index}`,
      fileSystemId: FILE_SYSTEM_ID,
      subnetId: subnet.subnetId,
      vpcId: subnet.vpcId,
      availabilityZoneId: subnet.availabilityZoneId,
      availabilityZoneName: subnet.availabilityZone,
      ipAddress: `127.0.0.${index + 11}`,
      networkInterfaceId: `eni-${index}`,
      securityGroups: [],
      lifeCycleState,
    };
  }

  test("that are available make a table, from as many pages as there are", async () => {
    const mountTargets = [0, 1, 2].map((index) => mountTarget(index, index === 1 ? "creating" : "available"));
    await start({
      state: { ...createAccount(new Date()), mountTargets },
      maxPageSize: 1,
      mountTargetCreationDelay: 1e6,
    });
    const { mount_targets } = await fileSystemSource(FILE_SYSTEM_ID).load();
    expect(mount_targets).toEqual([
      {
        mount_target_id: "fsmt-0",
        ip_address: "127.0.0.11",
        availability_zone: "ap-northeast-1a",
        subnet_id: SUBNETS[0]?.subnetId,
      },
      {
        mount_target_id: "fsmt-2",
        ip_address: "127.0.0.13",
        availability_zone: "ap-northeast-1d",
        subnet_id: SUBNETS[2]?.subnetId,
      },
    ]);
  });

  test("may not be known", async () => {
    await start();
    await expect(fileSystemSource("fs-404").load()).rejects.toThrow("fs-404");
  });
});
