import * as pulumi from "@pulumi/pulumi";

/** The role that a stack's configuration names, and what its document says of the other region. */
export interface ConfiguredRole {
  readonly parameterName: string;
  readonly role: "primary" | "standby";
  readonly region: string;
  readonly peerRegion: string;
  /** Where the other region's routers are. */
  readonly peerUrl: string;
  /** Where a primary's routers confirm their role: the other region's parameter. Default: by their own region's replication. */
  readonly peerParameterName?: string | undefined;
  /** The URL of Systems Manager there. Default: the public one. */
  readonly peerEndpoint?: string | undefined;
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
  const { parameterName: Name, role, region, profile } = configured;
  const [sdk, { z }] = await Promise.all([import("@aws-sdk/client-ssm"), import("zod")]);
  const ssm = new sdk.SSMClient({ region, ...(profile === undefined ? {} : { profile }) });
  const schema = z.looseObject({
    role: z.string(),
    peer: z.looseObject({
      region: z.string(),
      url: z.string().optional(),
      parameter_name: z.string().optional(),
      endpoint: z.string().optional(),
    }),
    changed_at: z.iso.datetime(),
  });
  const read = async (name: string) => {
    const { Parameter } = await ssm.send(new sdk.GetParameterCommand({ Name: name }));
    return { document: schema.parse(JSON.parse(Parameter?.Value ?? "")), version: Parameter?.Version };
  };
  try {
    let { document, version } = await read(Name);
    if (role !== before.role && role !== document.role) {
      throw new Error(
        `role is ${role}, but ${region} is ${document.role}: change the roles first, with npm run failover -- ${role === "primary" ? "promote" : "failback"}`,
      );
    }
    const named = {
      region: configured.peerRegion,
      url: configured.peerUrl,
      parameter_name: configured.peerParameterName,
      endpoint: configured.peerEndpoint,
    };
    const { peer } = document;
    const isNamed =
      peer.region === named.region &&
      peer.url === named.url &&
      peer.parameter_name === named.parameter_name &&
      peer.endpoint === named.endpoint;
    if (isNamed) return;
    // Routers take a document for stale that is older than the one they have, whosever clock is wrong.
    let changedAt = Date.now();
    for (let attempt = 1; attempt <= 5; attempt++) {
      changedAt = Math.max(changedAt, Date.parse(document.changed_at)) + 1;
      const next = {
        ...document,
        peer: { ...document.peer, ...named },
        changed_at: new Date(changedAt).toISOString(),
      };
      const put = new sdk.PutParameterCommand({ Name, Value: JSON.stringify(next), Overwrite: true });
      const { Version } = await ssm.send(put);
      if (Version === undefined || version === undefined || Version === version + 1) return;
      // Parameter Store has no condition on writes. What the failover program wrote in between is newer, and comes back.
      ({ document } = await read(`${Name}:${Version - 1}`));
      version = Version;
    }
    throw new Error(`${Name} is written again and again: run pulumi up again when the failover program has ended`);
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
