import { DEFAULT_NFS_PORT } from "@efs-mount-autoscaling/mount-table";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

export interface SecurityGroupsArgs {
  readonly vpcId: pulumi.Input<string>;
  /** Who may reach the load balancer, as IPv4 ranges, known when the stack is previewed. Example: `["10.0.0.0/16"]`. */
  readonly allowedCidrs: pulumi.Output<string[]>;
  /** The load balancer's port. Example: 80. */
  readonly listenerPort: number;
  /** The routers' port. Example: 8000. */
  readonly routerPort: number;
  /** The port of the S3 API, at the load balancer and at the routers. Default: there is no S3 API. */
  readonly s3Port?: number | undefined;
  /**
   * Let the monitor and the tasks open connections to port 443 of any address: for an existing VPC with its own route to
   * AWS. Without it, they reach only the VPC endpoints.
   */
  readonly httpsToAnywhere: boolean;
  /** Where in the VPC the routers send their traces. Default: nowhere. */
  readonly collector?: Collector | undefined;
  /** Whether there is a task for maintenance. */
  readonly maintenance: boolean;
  /** A security group of each mount target that the stack did not make. */
  readonly adoptedGroupIds: readonly string[];
  /** Whether these let the stack's clients in by rules of the stack; else they do so already. */
  readonly opensAdoptedGroups: boolean;
}

/** A security group of mount targets. */
export interface MountTargetGroup {
  readonly id: pulumi.Input<string>;
  /** Whether rules may be added to it. One of someone else may let the clients in already. */
  readonly mayBeOpened: boolean;
}

export interface Collector {
  /** The addresses that it may have, known when the stack is previewed. Example: `["10.0.0.0/16"]`. */
  readonly cidrs: pulumi.Output<string[]>;
  /** Example: 4318. */
  readonly port: number;
}

/**
 * Which connections are allowed. A group starts without any rule, so all others are refused.
 */
export class SecurityGroups extends pulumi.ComponentResource {
  readonly loadBalancer: aws.ec2.SecurityGroup;
  readonly tasks: aws.ec2.SecurityGroup;
  readonly monitor: aws.ec2.SecurityGroup;
  readonly fileSystem: aws.ec2.SecurityGroup;
  readonly maintenance: aws.ec2.SecurityGroup | undefined;
  /** Those of all mount targets. */
  readonly ofMountTargets: readonly MountTargetGroup[];
  readonly #name: string;

  constructor(name: string, args: SecurityGroupsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:SecurityGroups", name, {}, opts);
    this.#name = name;

    this.loadBalancer = this.#group("load-balancer", "The load balancer of the routers", args);
    this.tasks = this.#group("router-tasks", "The routers", args);
    this.monitor = this.#group("file-monitor", "The function of the file monitor", args);
    this.fileSystem = this.#group("mount-targets", "The mount targets", args);
    this.maintenance = args.maintenance ? this.#group("maintenance", "The maintenance task", args) : undefined;
    const adoptedGroups = args.adoptedGroupIds.map((id) => ({ id, mayBeOpened: args.opensAdoptedGroups }));
    this.ofMountTargets = [{ id: this.fileSystem.id, mayBeOpened: true }, ...adoptedGroups];
    /** Whoever speaks NFS. */
    const clients = Object.entries({ tasks: this.tasks, monitor: this.monitor, maintenance: this.maintenance });

    this.#letClientsIn("load-balancer", args.listenerPort, args);
    this.#connect("load-balancer-to-tasks", this.loadBalancer, this.tasks, args.routerPort);
    if (args.s3Port !== undefined) {
      this.#letClientsIn("s3", args.s3Port, args);
      this.#connect("load-balancer-to-s3", this.loadBalancer, this.tasks, args.s3Port);
    }
    // For the status page, each of them asks the others how they are.
    this.#connect("tasks-to-tasks", this.tasks, this.tasks, args.routerPort);
    const { collector } = args;
    collector?.cidrs.apply((cidrs) => {
      letTracesOut(`${name}-tasks`, { cidrs, port: collector.port, from: this.tasks.id }, { parent: this });
    });
    for (const [client, group] of clients) {
      if (group === undefined) continue;
      if (args.httpsToAnywhere) this.#httpsToAnywhere(client, group);
      this.#connect(`${client}-to-mount-targets`, group, this.fileSystem, DEFAULT_NFS_PORT);
      // These are someone else's, and only the stack's own rules in them are added and deleted.
      for (const adopted of adoptedGroups) {
        const traffic = { description: `${client}-to-existing-mount-targets`, from: group.id, to: adopted };
        connectToMountTargets(`${name}-${client}-to-${adopted.id}`, traffic, { parent: this });
      }
    }

    this.registerOutputs();
  }

  #letClientsIn(to: string, port: number, { allowedCidrs }: SecurityGroupsArgs): void {
    const nameOf = (clients: string | number) => `${this.#name}-clients-${clients}-to-${to}`;
    allowedCidrs.apply((cidrs) => {
      for (const [index, cidr] of cidrs.entries()) {
        new aws.vpc.SecurityGroupIngressRule(
          nameOf(nameOfRange(cidr)),
          {
            securityGroupId: this.loadBalancer.id,
            description: "From the clients",
            ipProtocol: "tcp",
            fromPort: port,
            toPort: port,
            cidrIpv4: cidr,
          },
          // Rules had the number of their range in the list.
          { parent: this, aliases: [{ name: nameOf(index + 1) }] },
        );
      }
    });
  }

  #connect(name: string, from: aws.ec2.SecurityGroup, to: aws.ec2.SecurityGroup, port: number): void {
    connect(`${this.#name}-${name}`, { description: name, from: from.id, to: to.id, port }, { parent: this });
  }

  #httpsToAnywhere(name: string, group: aws.ec2.SecurityGroup): void {
    letOut(
      `${this.#name}-${name}-to-aws`,
      { description: "To the AWS APIs", from: group.id, to: ANYWHERE, port: HTTPS_PORT },
      { parent: this },
    );
  }

  #group(name: string, description: string, { vpcId }: SecurityGroupsArgs): aws.ec2.SecurityGroup {
    // A function's network interfaces, and with them its group, leave up to 40 minutes after the function.
    return new aws.ec2.SecurityGroup(
      `${this.#name}-${name}`,
      { vpcId, description },
      { parent: this, customTimeouts: { delete: "45m" } },
    );
  }
}

/**
 * A range within the name of a rule. One that was named by its place in a list would be changed into the next one when a
 * range before it leaves, while that one's own rule is still there, and EC2 refuses a second rule for the same.
 */
export function nameOfRange(cidr: string): string {
  return cidr.replace("/", "-");
}

/** HTTPS: what AWS's APIs speak. */
export const HTTPS_PORT = 443;

/** All of AWS's public addresses are somewhere in it. */
export const ANYWHERE = { cidrIpv4: "0.0.0.0/0" };

/** TCP connections that are to be allowed, between groups of this stack or of another one. */
interface Traffic<From, To> {
  readonly description: string;
  readonly from: From;
  readonly to: To;
  readonly port: number;
}

type GroupId = pulumi.Input<string>;

type Destination = Pick<aws.vpc.SecurityGroupEgressRuleArgs, "cidrIpv4" | "prefixListId" | "referencedSecurityGroupId">;

/** Lets members of `from` open TCP connections to members of `to`, with a rule in each group. */
export function connect(
  name: string,
  { to, ...traffic }: Traffic<GroupId, GroupId>,
  opts: pulumi.CustomResourceOptions,
): void {
  letOut(name, { ...traffic, to: { referencedSecurityGroupId: to } }, opts);
  letIn(name, { ...traffic, to }, opts);
}

/** Lets members of `from` open NFS connections to mount targets. */
export function connectToMountTargets(
  name: string,
  { to, ...rest }: Omit<Traffic<GroupId, MountTargetGroup>, "port">,
  opts: pulumi.CustomResourceOptions,
): void {
  const traffic = { ...rest, port: DEFAULT_NFS_PORT };
  if (to.mayBeOpened) connect(name, { ...traffic, to: to.id }, opts);
  else letOut(name, { ...traffic, to: { referencedSecurityGroupId: to.id } }, opts);
}

/** The rule in the group `from`. */
export function letOut(
  name: string,
  { description, from, to, port }: Traffic<GroupId, Destination>,
  opts: pulumi.CustomResourceOptions,
): void {
  const args = { securityGroupId: from, description, ipProtocol: "tcp", fromPort: port, toPort: port, ...to };
  new aws.vpc.SecurityGroupEgressRule(name, args, opts);
}

/** The rule in the group `to`. */
function letIn(
  name: string,
  { description, from, to, port }: Traffic<GroupId, GroupId>,
  opts: pulumi.CustomResourceOptions,
): void {
  const args = { securityGroupId: to, description, ipProtocol: "tcp", fromPort: port, toPort: port };
  new aws.vpc.SecurityGroupIngressRule(name, { ...args, referencedSecurityGroupId: from }, opts);
}

/** Lets members of `from` send traces to a collector, at whichever of these addresses it is. */
export function letTracesOut(
  name: string,
  { cidrs, port, from }: { readonly cidrs: readonly string[]; readonly port: number; readonly from: GroupId },
  opts: pulumi.CustomResourceOptions,
): void {
  for (const cidr of cidrs) {
    const traffic = { description: "To the collector of traces", from, to: { cidrIpv4: cidr }, port };
    letOut(`${name}-to-collector-${nameOfRange(cidr)}`, traffic, opts);
  }
}
