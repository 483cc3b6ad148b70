import { BlockList } from "node:net";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Peer } from "./peer.ts";
import { policyDocument } from "./policy.ts";
import { HTTPS_PORT, letOut } from "./security-groups.ts";

/** A VPC without a way to AWS's public addresses. */
export interface IsolatedNetwork {
  readonly vpcId: pulumi.Input<string>;
  /** Example: `10.0.0.0/16`. */
  readonly cidrBlock: string;
  readonly routeTableId: pulumi.Input<string>;
  /** Of the routers. */
  readonly taskSecurityGroupId: pulumi.Input<string>;
}

export interface PeerAccessArgs {
  readonly peer: Peer;
  /** The role of the routers. */
  readonly taskRole: aws.iam.Role;
  /** Where the routers are. Default: they reach AWS's public addresses, in all regions. */
  readonly network?: IsolatedNetwork | undefined;
}

/**
 * The routers' way to the role of the other region: the permission to read its parameter and, from an isolated VPC, a
 * peering connection to the other VPC, where Systems Manager has an endpoint. AWS has no endpoint for Systems Manager of
 * another region (AWS PrivateLink guide, cross-region enabled AWS services).
 *
 * Each stack has its own route and rule; the connection belongs to the stack that was deployed second, and so could make it.
 */
export class PeerAccess extends pulumi.ComponentResource {
  /** The other region's parameter. */
  readonly parameterName: string;
  /** The URL of its Systems Manager. Undefined: the public one. */
  readonly endpoint: string | undefined;
  /** What a router must be allowed: a statement for its task role. */
  readonly statement: aws.iam.PolicyStatement;
  /** Where routers of an isolated VPC reach `endpoint`. Example: `10.1.0.0/16`. */
  readonly cidrBlock: string | undefined;
  /** The connection that this stack has made. */
  readonly peeringConnectionId: pulumi.Output<string> | undefined;
  readonly #name: string;

  constructor(name: string, args: PeerAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:PeerAccess", name, {}, opts);
    this.#name = name;

    this.parameterName = requireOf(args.peer, "regionParameterName");
    this.statement = this.#readStatement(args);
    this.#allowToRead(args);
    if (args.network !== undefined) {
      this.endpoint = requireOf(args.peer, "ssmEndpoint");
      this.cidrBlock = requireOf(args.peer, "vpcCidr");
      this.peeringConnectionId = this.#connect(args.peer, args.network, this.cidrBlock);
    }

    this.registerOutputs();
  }

  #readStatement({ peer }: PeerAccessArgs): aws.iam.PolicyStatement {
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    return {
      Sid: "ReadPeerRole",
      Effect: "Allow",
      Action: "ssm:GetParameter",
      Resource: pulumi.interpolate`arn:aws:ssm:${peer.region}:${accountId}:parameter${this.parameterName}`,
    };
  }

  /** Not with the other rights of the role: the stack waits for this before it has a role that needs it. */
  #allowToRead({ taskRole }: PeerAccessArgs): void {
    new aws.iam.RolePolicy(
      `${this.#name}-router-task`,
      { role: taskRole.id, policy: policyDocument([this.statement]) },
      { parent: this },
    );
  }

  #connect(peer: Peer, network: IsolatedNetwork, cidr: string): pulumi.Output<string> | undefined {
    requireApart(network.cidrBlock, cidr, peer.region);
    const own = peer.peeringConnectionId === undefined ? this.#createConnection(peer, network) : undefined;
    new aws.ec2.Route(
      this.#name,
      {
        routeTableId: network.routeTableId,
        destinationCidrBlock: cidr,
        vpcPeeringConnectionId: own ?? peer.peeringConnectionId,
      },
      { parent: this },
    );
    // Groups of another region cannot be named.
    letOut(
      `${this.#name}-tasks`,
      {
        description: "tasks-to-the-other-region",
        from: network.taskSecurityGroupId,
        to: { cidrIpv4: cidr },
        port: HTTPS_PORT,
      },
      { parent: this },
    );
    return own;
  }

  /** Between regions a request must be accepted, in the other region. */
  #createConnection(peer: Peer, { vpcId }: IsolatedNetwork): pulumi.Output<string> {
    const { id } = new aws.ec2.VpcPeeringConnection(
      this.#name,
      { vpcId, peerVpcId: requireOf(peer, "vpcId"), peerRegion: peer.region },
      { parent: this },
    );
    const accepted = new aws.ec2.VpcPeeringConnectionAccepter(
      this.#name,
      { region: peer.region, vpcPeeringConnectionId: id, autoAccept: true },
      { parent: this },
    );
    return accepted.vpcPeeringConnectionId;
  }
}

/** @throws when the other stack does not have it. */
export function requireOf(peer: Peer, name: keyof Peer): string {
  const value = peer[name];
  if (value !== undefined) return value;
  throw new Error(
    `The stack in ${peer.region} has no ${name}, which confirmRoleBy: peer needs: deploy it with this version first, add ${name} to peer, or set confirmRoleBy to replication in both stacks`,
  );
}

/** @throws when the two VPCs have addresses in common: nothing could be routed between them. */
export function requireApart(own: string, other: string, region: string): void {
  if (!contains(own, other) && !contains(other, own)) return;
  throw new Error(
    `vpcCidr is ${own}, and the VPC in ${region} has ${other}: confirmRoleBy: peer needs ranges apart. Choose another vpcCidr for a stack that is new; else set confirmRoleBy to replication in both stacks`,
  );
}

function contains(outer: string, inner: string): boolean {
  const [address = "", prefix] = outer.split("/");
  const range = new BlockList();
  range.addSubnet(address, Number(prefix));
  return range.check(inner.split("/")[0] ?? "");
}
