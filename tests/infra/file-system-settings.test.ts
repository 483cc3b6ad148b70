import {
  DescribeLifecycleConfigurationCommand,
  type LifecyclePolicy,
  PutLifecycleConfigurationCommand,
} from "@aws-sdk/client-efs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { applySettings, type Settings } from "../../components/file-system-settings.ts";
import { createAccount, FILE_SYSTEM_ID, REGION } from "../../local/account.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane/server.ts";
import { type AwsClients, clients } from "../support/aws-clients.ts";
import { stubAws } from "../support/aws-environment.ts";
import { createFileSystem, type Moto, moto, startMoto } from "../support/moto.ts";
import { describeRequiring } from "../support/requirements.ts";

const INTERVAL = 0.01;

const apply = (settings: Partial<Settings>, timeoutSeconds = 5) =>
  applySettings({ fileSystemId: FILE_SYSTEM_ID, region: REGION, ...settings }, timeoutSeconds, INTERVAL);

describeRequiring([moto], "the lifecycle of an existing file system (moto)", ([command]) => {
  let server: Moto;
  let aws: AwsClients;
  let fileSystemId: string;

  beforeAll(async () => {
    server = await startMoto(command);
    aws = clients(server.endpoint);
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    await server.reset();
    stubAws(server.endpoint);
    fileSystemId = await createFileSystem(aws);
    return () => vi.unstubAllEnvs();
  });

  const put = (LifecyclePolicies: LifecyclePolicy[]) =>
    aws.efs.send(new PutLifecycleConfigurationCommand({ FileSystemId: fileSystemId, LifecyclePolicies }));
  const policies = async () =>
    (await aws.efs.send(new DescribeLifecycleConfigurationCommand({ FileSystemId: fileSystemId }))).LifecyclePolicies;

  test.each([
    [1, "AFTER_1_DAY"],
    [30, "AFTER_30_DAYS"],
    [365, "AFTER_365_DAYS"],
  ])("files move to Infrequent Access after %i days", async (transitionToIaDays, TransitionToIA) => {
    await apply({ fileSystemId, transitionToIaDays });
    expect(await policies()).toEqual([{ TransitionToIA }]);
  });

  test("transitions that the stack does not know stay", async () => {
    const others: LifecyclePolicy[] = [
      { TransitionToArchive: "AFTER_90_DAYS" },
      { TransitionToPrimaryStorageClass: "AFTER_1_ACCESS" },
    ];
    await put([{ TransitionToIA: "AFTER_7_DAYS" }, ...others]);
    await apply({ fileSystemId, transitionToIaDays: 30 });
    expect(await policies()).toEqual([{ TransitionToIA: "AFTER_30_DAYS" }, ...others]);
    await apply({ fileSystemId, transitionToIaDays: 0 });
    expect(await policies()).toEqual(others);
  });

  test("without a setting, it stays as it is", async () => {
    await put([{ TransitionToIA: "AFTER_7_DAYS" }]);
    await apply({ fileSystemId });
    expect(await policies()).toEqual([{ TransitionToIA: "AFTER_7_DAYS" }]);
  });
});

describe("the throughput mode of an existing file system", () => {
  let controlPlane: ControlPlane;
  let calls: string[];

  beforeEach(async () => {
    calls = [];
    controlPlane = await startControlPlane({
      state: createAccount(new Date()),
      onCall: ({ operation }) => {
        calls.push(operation);
        return undefined;
      },
    });
    stubAws(controlPlane.url);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await controlPlane.close();
  });

  const fileSystem = () => controlPlane.state().fileSystems[0];

  test("is changed, and not asked for again", async () => {
    await apply({ throughputMode: "bursting" });
    expect(fileSystem()).toMatchObject({ throughputMode: "bursting" });
    await apply({ throughputMode: "bursting" });
    expect(calls.filter((operation) => operation === "UpdateFileSystem")).toHaveLength(1);
  });

  test("is changed where only the provisioned throughput differs", async () => {
    await apply({ throughputMode: "provisioned", provisionedThroughput: 128 });
    await apply({ throughputMode: "provisioned", provisionedThroughput: 256 });
    expect(fileSystem()).toMatchObject({ throughputMode: "provisioned", provisionedThroughputInMibps: 256 });
  });

  test("stays as it is without a setting", async () => {
    await apply({});
    expect(calls).toEqual([]);
  });

  test("is waited for, and a file system that does not come back is an error", async () => {
    const update = (lifeCycleState: "updating" | "available") =>
      controlPlane.update((state) => ({
        ...state,
        fileSystems: state.fileSystems.map((one) => ({ ...one, lifeCycleState })),
      }));
    const unsubscribe = controlPlane.subscribe(() => {
      unsubscribe();
      update("updating");
    });
    const applied = apply({ throughputMode: "bursting" });
    await expect.poll(() => fileSystem()?.lifeCycleState).toBe("updating");
    update("available");
    await expect(applied).resolves.toBeUndefined();

    const again = controlPlane.subscribe(() => {
      again();
      update("updating");
    });
    await expect(apply({ throughputMode: "elastic" }, 0.05)).rejects.toThrow(
      `${FILE_SYSTEM_ID} is still updating after 0.05 seconds`,
    );
  });
});
