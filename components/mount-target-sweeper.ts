import * as pulumi from "@pulumi/pulumi";

/** How long `pulumi destroy` waits for the last mount target to be deleted, and how often it polls. */
const SWEEP_TIMEOUT_SECONDS = 600;
const SWEEP_INTERVAL_SECONDS = 5;

/** What to sweep, when. */
export interface Sweep {
  readonly fileSystemId: string;
  /** Mount targets that stay: their own resources delete them, or the stack has adopted them. */
  readonly ownMountTargetIds: readonly string[];
  /** Only mount targets with this security group, which the monitor gives those that it makes. Default: all others. */
  readonly securityGroupId?: string | undefined;
  readonly region: string;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}

/**
 * Deletes the mount targets of a file system that the monitor made, and waits until they are deleted.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there on destroy, so it takes nothing from this
 * module but what it is given.
 *
 * @throws when one is still there after `timeoutSeconds`; the message says of which EFS does not tell whose it is.
 */
export async function sweepMountTargets(
  { fileSystemId, ownMountTargetIds, securityGroupId, region, profile }: Sweep,
  timeoutSeconds: number,
  intervalSeconds: number,
): Promise<void> {
  const sdk = await import("@aws-sdk/client-efs");
  const efs = new sdk.EFSClient({ region, ...(profile === undefined ? {} : { profile }) });
  const deadline = Date.now() + timeoutSeconds * 1000;
  const isSwept = async (id: string, state: string | undefined) => {
    if (ownMountTargetIds.includes(id)) return false;
    // EFS does not say which groups one has that is being deleted. It goes anyway.
    if (securityGroupId === undefined || state === "deleting") return true;
    const command = new sdk.DescribeMountTargetSecurityGroupsCommand({ MountTargetId: id });
    return (await efs.send(command)).SecurityGroups?.includes(securityGroupId) ?? false;
  };
  try {
    for (;;) {
      const foreign: string[] = [];
      const unknown: string[] = [];
      for await (const page of sdk.paginateDescribeMountTargets({ client: efs }, { FileSystemId: fileSystemId })) {
        for (const { MountTargetId: id, LifeCycleState: state } of page.MountTargets ?? []) {
          if (id === undefined || state === "deleted") continue;
          try {
            if (!(await isSwept(id, state))) continue;
            foreign.push(id);
            // EFS refuses to delete one that is still being created: a later round does.
            if (state === "creating" || state === "deleting") continue;
            await efs.send(new sdk.DeleteMountTargetCommand({ MountTargetId: id }));
          } catch (error) {
            // Someone else deleted it after it was listed.
            if (error instanceof sdk.MountTargetNotFound) continue;
            if (!(error instanceof sdk.IncorrectMountTargetState)) throw error;
            // It has no network interface yet, or no longer, and so no groups: a later round may see whose it is.
            unknown.push(`${id} (${state})`);
          }
        }
      }
      if (foreign.length === 0 && unknown.length === 0) return;
      if (Date.now() > deadline) {
        throw new Error(
          [
            `Mount targets of ${fileSystemId} are still there after ${timeoutSeconds} seconds: ${[...foreign, ...unknown].join(", ")}`,
            ...(unknown.length === 0
              ? []
              : [
                  `EFS does not tell the security groups of ${unknown.join(", ")}: delete what nobody needs, and retry`,
                ]),
          ].join(". "),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
    }
  } catch (error) {
    if (!(error instanceof sdk.FileSystemNotFound)) throw error;
  } finally {
    efs.destroy();
  }
}

const sweeperProvider: pulumi.dynamic.ResourceProvider<Sweep, Sweep> = {
  async create(inputs) {
    return { id: inputs.fileSystemId, outs: inputs };
  },
  // Whether anything changed is left to the engine: it also sees a change of this code.
  async diff(_id, olds, news) {
    return { replaces: olds.fileSystemId === news.fileSystemId ? [] : ["fileSystemId"] };
  },
  async update(_id, _olds, news) {
    return { outs: news };
  },
  async delete(_id, sweep) {
    await sweepMountTargets(sweep, SWEEP_TIMEOUT_SECONDS, SWEEP_INTERVAL_SECONDS);
  },
};

export interface MountTargetSweeperArgs {
  readonly fileSystemId: pulumi.Input<string>;
  readonly ownMountTargetIds: pulumi.Input<pulumi.Input<string>[]>;
  readonly securityGroupId?: pulumi.Input<string> | undefined;
  readonly region: pulumi.Input<string>;
  readonly profile?: pulumi.Input<string> | undefined;
}

/**
 * Does nothing until its own deletion, when it deletes the mount targets that the monitor made.
 *
 * It must depend on all that such a mount target holds on to (subnets, security group, file system), and the monitor
 * must depend on it: Pulumi deletes in the reverse order.
 */
export class MountTargetSweeper extends pulumi.dynamic.Resource {
  constructor(name: string, args: MountTargetSweeperArgs, opts?: pulumi.CustomResourceOptions) {
    super(sweeperProvider, name, { ...args }, opts, "efs-mount-autoscaling", "MountTargetSweeper");
  }
}
