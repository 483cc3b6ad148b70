import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** What a stack knows of the one in the other region. */
export interface Peer {
  /** Example: `ap-northeast-3`. */
  readonly region: pulumi.Output<string>;
  /** Where its routers are. Example: `https://files.osaka.example.com`. */
  readonly url: pulumi.Output<string>;
  readonly fileSystemId: pulumi.Output<string>;
}

/** Where that comes from: the other stack's outputs, or values. */
export interface PeerSource {
  /** Example: `organization/efs-mount-autoscaling/osaka`. */
  readonly peerStack?: string | undefined;
  readonly peer?: { readonly region: string; readonly url: string; readonly fileSystemId: string } | undefined;
}

/** Looks up the other stack's outputs, once it has been deployed. An error of its own says what is wrong with it. */
export function findPeer({ peerStack, peer }: PeerSource): Peer | undefined {
  if (peer !== undefined) {
    return {
      region: elsewhere(pulumi.output(peer.region), "peer"),
      url: pulumi.output(peer.url),
      fileSystemId: pulumi.output(peer.fileSystemId),
    };
  }
  if (peerStack === undefined) return undefined;
  const stack = new pulumi.StackReference("peer", { name: peerStack });
  const output = (name: string) =>
    stack.getOutput(name).apply((value: unknown) => requireOutput(peerStack, name, value));
  return {
    region: elsewhere(output("region"), "peerStack"),
    url: output("url"),
    fileSystemId: output("fileSystemId"),
  };
}

function elsewhere(region: pulumi.Output<string>, key: string): pulumi.Output<string> {
  return pulumi.all([region, aws.getRegionOutput().region]).apply(([its, own]) => requireElsewhere(its, own, key));
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
