import * as pulumi from "@pulumi/pulumi";

/** A log group that AWS may have created already. */
export interface LogGroup {
  readonly logGroupName: string;
  readonly retentionDays: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly region: string;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}

/**
 * Makes a log group, or takes over the one that is there, and gives it its retention.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there, so it takes nothing from this module but
 * what it is given.
 */
export async function takeOverLogGroup(group: LogGroup): Promise<void> {
  const { logGroupName, retentionDays, tags, region, profile } = group;
  const sdk = await import("@aws-sdk/client-cloudwatch-logs");
  const logs = new sdk.CloudWatchLogsClient({ region, ...(profile === undefined ? {} : { profile }) });
  try {
    try {
      await logs.send(new sdk.CreateLogGroupCommand({ logGroupName, tags: { ...tags } }));
    } catch (error) {
      if (!(error instanceof sdk.ResourceAlreadyExistsException)) throw error;
    }
    await logs.send(new sdk.PutRetentionPolicyCommand({ logGroupName, retentionInDays: retentionDays }));
  } finally {
    logs.destroy();
  }
}

/** Deletes a log group, where it is there. Pulumi keeps its text, too. */
export async function deleteLogGroup({ logGroupName, region, profile }: LogGroup): Promise<void> {
  const sdk = await import("@aws-sdk/client-cloudwatch-logs");
  const logs = new sdk.CloudWatchLogsClient({ region, ...(profile === undefined ? {} : { profile }) });
  try {
    await logs.send(new sdk.DeleteLogGroupCommand({ logGroupName }));
  } catch (error) {
    if (!(error instanceof sdk.ResourceNotFoundException)) throw error;
  } finally {
    logs.destroy();
  }
}

const provider: pulumi.dynamic.ResourceProvider<LogGroup, LogGroup> = {
  async create(inputs) {
    await takeOverLogGroup(inputs);
    return { id: inputs.logGroupName, outs: inputs };
  },
  // Whether anything changed is left to the engine: it also sees a change of this code.
  async diff(_id, olds, news) {
    return { replaces: olds.logGroupName === news.logGroupName ? [] : ["logGroupName"] };
  },
  async update(_id, _olds, news) {
    await takeOverLogGroup(news);
    return { outs: news };
  },
  async delete(_id, group) {
    await deleteLogGroup(group);
  },
};

export interface SharedLogGroupArgs {
  readonly logGroupName: string;
  readonly retentionDays: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly region: pulumi.Input<string>;
  readonly profile?: string | undefined;
}

/** A log group that AWS makes where it is missing: the stack makes it, or takes it over, and deletes it. */
export class SharedLogGroup extends pulumi.dynamic.Resource {
  constructor(name: string, args: SharedLogGroupArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts, "efs-mount-autoscaling", "SharedLogGroup");
  }
}
