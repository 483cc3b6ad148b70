import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** What a stack knows of the one in the other region: outputs of that stack, by the same names. */
export interface Peer {
  /** Example: `ap-northeast-3`. */
  readonly region: string;
  /** Where its routers are. Example: `https://files.osaka.example.com`. */
  readonly url: string;
  readonly fileSystemId: string;
  /** The parameter with its role. Example: `/efs-mount-autoscaling/region`. */
  readonly regionParameterName?: string | undefined;
  /** Its VPC, and the VPC's addresses. Examples: `vpc-0123abcd`, `10.1.0.0/16`. */
  readonly vpcId?: string | undefined;
  readonly vpcCidr?: string | undefined;
  /** Systems Manager's endpoint in that VPC. Example: `https://vpce-0123abcd-abcd.ssm.ap-northeast-3.vpce.amazonaws.com`. */
  readonly ssmEndpoint?: string | undefined;
  /** The connection of both VPCs, where that stack has made it. Example: `pcx-0123abcd`. */
  readonly peeringConnectionId?: string | undefined;
}

/** Where that comes from: the other stack's outputs, or values. */
export interface PeerSource {
  /** Example: `organization/efs-mount-autoscaling/osaka`. */
  readonly peerStack?: string | undefined;
  readonly peer?: Peer | undefined;
}

/** Looks up the other stack's outputs, once it has been deployed. An error of its own says what is wrong with it. */
export async function findPeer({ peerStack, peer }: PeerSource): Promise<Peer | undefined> {
  const found = peer ?? (peerStack === undefined ? undefined : await outputsOf(peerStack));
  if (found === undefined) return undefined;
  const own = await aws.getRegion();
  requireElsewhere(found.region, own.region, peer === undefined ? "peerStack" : "peer");
  return found;
}

async function outputsOf(peerStack: string): Promise<Peer> {
  const stack = new pulumi.StackReference("peer", { name: peerStack });
  const read = async (name: keyof Peer): Promise<unknown> => {
    const { value, secretValue } = await stack.getOutputDetails(name);
    return value ?? secretValue;
  };
  const required = async (name: keyof Peer) => requireOutput(peerStack, name, await read(name));
  const optional = async (name: keyof Peer) => optionalOutput(await read(name));
  return {
    region: await required("region"),
    url: await required("url"),
    fileSystemId: await required("fileSystemId"),
    regionParameterName: await optional("regionParameterName"),
    vpcId: await optional("vpcId"),
    vpcCidr: await optional("vpcCidr"),
    ssmEndpoint: await optional("ssmEndpoint"),
    peeringConnectionId: await optional("peeringConnectionId"),
  };
}

/** What a stack does not have, it puts out as `none`; one of an older version puts out nothing. */
function optionalOutput(value: unknown): string | undefined {
  return typeof value === "string" && value !== "none" ? value : undefined;
}

/** @throws when the other stack has no such output. */
export function requireOutput(peerStack: string, name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new Error(
    `peerStack is ${peerStack}, which has no output ${name}: deploy it first, or give what it has as peer`,
  );
}

/** @throws when the region is the stack's own. */
export function requireElsewhere(region: string, own: string, key: string): string {
  if (region !== own) return region;
  throw new Error(`${key} is in ${own}, as this stack: a second region is another one`);
}
