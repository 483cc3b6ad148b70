import type { ThroughputMode } from "@aws-sdk/client-efs";
import * as pulumi from "@pulumi/pulumi";

/** How long to wait until the file system has its new throughput mode, and how often to poll. */
const UPDATE_TIMEOUT_SECONDS = 600;
const UPDATE_INTERVAL_SECONDS = 5;

/** The settings of a file system that the stack did not make. What is not named stays as it is. */
export interface Settings {
  readonly fileSystemId: string;
  readonly region: string;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
  readonly throughputMode?: ThroughputMode | undefined;
  /** MiB/s where `throughputMode` is `provisioned`. */
  readonly provisionedThroughput?: number | undefined;
  /** Days without access after which a file moves to Infrequent Access, 0 for never. */
  readonly transitionToIaDays?: number | undefined;
}

/**
 * Gives a file system its settings, where it does not have them, and waits until it is available again. EFS lets a
 * throughput mode be changed, or a provisioned throughput be lowered, once a day.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there, so it takes nothing from this module but
 * what it is given.
 *
 * @throws when the file system is not available after `timeoutSeconds`.
 */
export async function applySettings(
  settings: Settings,
  timeoutSeconds: number,
  intervalSeconds: number,
): Promise<void> {
  const {
    fileSystemId: FileSystemId,
    region,
    profile,
    throughputMode,
    provisionedThroughput,
    transitionToIaDays: days,
  } = settings;
  const sdk = await import("@aws-sdk/client-efs");
  const efs = new sdk.EFSClient({ region, ...(profile === undefined ? {} : { profile }) });
  const describe = async () => {
    const { FileSystems = [] } = await efs.send(new sdk.DescribeFileSystemsCommand({ FileSystemId }));
    return FileSystems[0];
  };
  try {
    if (days !== undefined) {
      const { LifecyclePolicies = [] } = await efs.send(
        new sdk.DescribeLifecycleConfigurationCommand({ FileSystemId }),
      );
      const name = days === 1 ? "AFTER_1_DAY" : `AFTER_${days}_DAYS`;
      const wanted = Object.values(sdk.TransitionToIARules).find((rule) => rule === name);
      const before = LifecyclePolicies.find(({ TransitionToIA }) => TransitionToIA !== undefined);
      if (before?.TransitionToIA !== wanted) {
        // Each policy is one transition. Those to the archive, and back, are not the stack's.
        const others = LifecyclePolicies.filter((policy) => policy !== before);
        const own = wanted === undefined ? [] : [{ TransitionToIA: wanted }];
        await efs.send(
          new sdk.PutLifecycleConfigurationCommand({ FileSystemId, LifecyclePolicies: [...own, ...others] }),
        );
      }
    }
    if (throughputMode === undefined) return;
    const before = await describe();
    if (
      before?.ThroughputMode === throughputMode &&
      (throughputMode !== "provisioned" || before.ProvisionedThroughputInMibps === provisionedThroughput)
    ) {
      return;
    }
    await efs.send(
      new sdk.UpdateFileSystemCommand({
        FileSystemId,
        ThroughputMode: throughputMode,
        ...(throughputMode === "provisioned" ? { ProvisionedThroughputInMibps: provisionedThroughput } : {}),
      }),
    );
    const deadline = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const state = (await describe())?.LifeCycleState;
      if (state === "available") return;
      if (Date.now() > deadline) throw new Error(`${FileSystemId} is still ${state} after ${timeoutSeconds} seconds`);
      await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
    }
  } finally {
    efs.destroy();
  }
}

const provider: pulumi.dynamic.ResourceProvider<Settings, Settings> = {
  async create(inputs) {
    await applySettings(inputs, UPDATE_TIMEOUT_SECONDS, UPDATE_INTERVAL_SECONDS);
    return { id: inputs.fileSystemId, outs: inputs };
  },
  // Whether anything changed is left to the engine: it also sees a change of this code.
  async diff(_id, olds, news) {
    return { replaces: olds.fileSystemId === news.fileSystemId ? [] : ["fileSystemId"] };
  },
  async update(_id, _olds, news) {
    await applySettings(news, UPDATE_TIMEOUT_SECONDS, UPDATE_INTERVAL_SECONDS);
    return { outs: news };
  },
};

/** A file system outside of the stack: the properties of {@link Settings}, as inputs. */
export type FileSystemSettingsArgs = { readonly [Name in keyof Settings]: pulumi.Input<Settings[Name]> };

/** Settings of an existing file system. When they leave the stack, the file system keeps them. */
export class FileSystemSettings extends pulumi.dynamic.Resource {
  constructor(name: string, args: FileSystemSettingsArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts, "efs-mount-autoscaling", "FileSystemSettings");
  }
}
