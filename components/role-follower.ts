import * as pulumi from "@pulumi/pulumi";

/** The role that a stack's configuration names, and what its document says of the other region. */
export interface ConfiguredRole {
  readonly parameterName: string;
  readonly role: "primary" | "standby";
  readonly region: string;
  readonly peerRegion: string;
  /** Where the other region's routers are. */
  readonly peerUrl: string;
  /** The AWS profile that the stack uses. Default: the one of the environment. */
  readonly profile?: string | undefined;
}

/**
 * Makes sure that the region has the role that the configuration now names, and that its document names the other region.
 * Only the failover program gives roles: this follows. As long as the configuration names the same role, it does not
 * matter which one the region has.
 *
 * Pulumi keeps this function's text in the stack's state and runs it there, so it takes nothing from this module but
 * what it is given.
 *
 * @throws when the region has another role; the message says what to run first.
 */
export async function followRole(configured: ConfiguredRole, before: ConfiguredRole): Promise<void> {
  const { parameterName: Name, role, region, peerRegion, peerUrl, profile } = configured;
  const [sdk, { z }] = await Promise.all([import("@aws-sdk/client-ssm"), import("zod")]);
  const ssm = new sdk.SSMClient({ region, ...(profile === undefined ? {} : { profile }) });
  const schema = z.looseObject({
    role: z.string(),
    peer: z.looseObject({ url: z.string().optional() }),
    changed_at: z.iso.datetime(),
  });
  try {
    const { Parameter } = await ssm.send(new sdk.GetParameterCommand({ Name }));
    const document = schema.parse(JSON.parse(Parameter?.Value ?? ""));
    if (role !== before.role && role !== document.role) {
      throw new Error(
        `role is ${role}, but ${region} is ${document.role}: change the roles first, with npm run failover -- ${role === "primary" ? "promote" : "failback"}`,
      );
    }
    const { peer } = document;
    if (peer.region === peerRegion && peer.url === peerUrl) return;
    const next = {
      ...document,
      peer: { ...peer, region: peerRegion, url: peerUrl },
      // Routers take a document for stale that is older than the one they have, whosever clock is wrong.
      changed_at: new Date(Math.max(Date.now(), Date.parse(document.changed_at) + 1)).toISOString(),
    };
    await ssm.send(new sdk.PutParameterCommand({ Name, Value: JSON.stringify(next), Overwrite: true }));
  } finally {
    ssm.destroy();
  }
}

const provider: pulumi.dynamic.ResourceProvider<ConfiguredRole, ConfiguredRole> = {
  // The parameter has just been made.
  async create(inputs) {
    return { id: inputs.parameterName, outs: inputs };
  },
  // Whether anything changed is left to the engine: it also sees a change of this code.
  async diff(_id, olds, news) {
    return { replaces: olds.parameterName === news.parameterName ? [] : ["parameterName"] };
  },
  async update(_id, olds, news) {
    await followRole(news, olds);
    return { outs: news };
  },
};

/** The properties of {@link ConfiguredRole}, as inputs. */
export type RoleFollowerArgs = { readonly [Name in keyof ConfiguredRole]: pulumi.Input<ConfiguredRole[Name]> };

/** Lets a change of the configured role through, once the region has that role. */
export class RoleFollower extends pulumi.dynamic.Resource {
  /** The configured role, once the region has it. */
  declare readonly role: pulumi.Output<ConfiguredRole["role"]>;

  constructor(name: string, args: RoleFollowerArgs, opts?: pulumi.CustomResourceOptions) {
    super(provider, name, { ...args }, opts, "efs-mount-autoscaling", "RoleFollower");
  }
}
