import { DEFAULT_NFS_PORT } from "@efs-mount-autoscaling/mount-table";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

export interface SecurityGroupsArgs {
  readonly vpcId: pulumi.Input<string>;
  /** Who may reach the load balancer, as IPv4 ranges. Example: `["10.0.0.0/16"]`. */
  readonly allowedCidrs: readonly pulumi.Input<string>[];
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
  /** Whether there is a task for maintenance. */
  readonly maintenance: boolean;
  /** A security group of each mount target that the stack did not make. */
  readonly adoptedGroupIds: readonly string[];
  /** Whether these let the stack's clients in by rules of the stack; else they do so already. */
  readonly opensAdoptedGroups: boolean;
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
  readonly #name: string;

  constructor(name: string, args: SecurityGroupsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:SecurityGroups", name, {}, opts);
    this.#name = name;

    this.loadBalancer = this.#group("load-balancer", "The load balancer of the routers", args);
    this.tasks = this.#group("router-tasks", "The routers", args);
    this.monitor = this.#group("file-monitor", "The function of the file monitor", args);
    this.fileSystem = this.#group("mount-targets", "The mount targets", args);
    this.maintenance = args.maintenance ? this.#group("maintenance", "The maintenance task", args) : undefined;
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
    for (const [client, group] of clients) {
      if (group === undefined) continue;
      if (args.httpsToAnywhere) this.#httpsToAnywhere(client, group);
      this.#connect(`${client}-to-mount-targets`, group, this.fileSystem, DEFAULT_NFS_PORT);
      for (const adopted of args.adoptedGroupIds) this.#connectToAdopted(client, group, adopted, args);
    }

    this.registerOutputs();
  }

  #letClientsIn(to: string, port: number, { allowedCidrs }: SecurityGroupsArgs): void {
    for (const [index, cidr] of allowedCidrs.entries()) {
      new aws.vpc.SecurityGroupIngressRule(
        `${this.#name}-clients-${index + 1}-to-${to}`,
        {
          securityGroupId: this.loadBalancer.id,
          description: "From the clients",
          ipProtocol: "tcp",
          fromPort: port,
          toPort: port,
          cidrIpv4: cidr,
        },
        { parent: this },
      );
    }
  }

  #connect(name: string, from: aws.ec2.SecurityGroup, to: aws.ec2.SecurityGroup, port: number): void {
    connect(`${this.#name}-${name}`, name, from, to, port, { parent: this });
  }

  /** The group is someone else's, and only the stack's own rules in it are added and deleted. */
  #connectToAdopted(
    client: string,
    group: aws.ec2.SecurityGroup,
    adopted: string,
    { opensAdoptedGroups }: SecurityGroupsArgs,
  ): void {
    const name = `${this.#name}-${client}-to-${adopted}`;
    const traffic = {
      description: `${client}-to-existing-mount-targets`,
      ipProtocol: "tcp",
      fromPort: DEFAULT_NFS_PORT,
      toPort: DEFAULT_NFS_PORT,
    };
    const out = { ...traffic, securityGroupId: group.id, referencedSecurityGroupId: adopted };
    new aws.vpc.SecurityGroupEgressRule(name, out, { parent: this });
    if (!opensAdoptedGroups) return;
    const into = { ...traffic, securityGroupId: adopted, referencedSecurityGroupId: group.id };
    new aws.vpc.SecurityGroupIngressRule(name, into, { parent: this });
  }

  #httpsToAnywhere(name: string, group: aws.ec2.SecurityGroup): void {
    new aws.vpc.SecurityGroupEgressRule(
      `${this.#name}-${name}-to-aws`,
      {
        securityGroupId: group.id,
        description: "To the AWS APIs",
        ipProtocol: "tcp",
        fromPort: HTTPS_PORT,
        toPort: HTTPS_PORT,
        cidrIpv4: "0.0.0.0/0",
      },
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

/** HTTPS: what AWS's APIs speak. */
export const HTTPS_PORT = 443;

/** Lets members of `from` open TCP connections to members of `to`, with a rule in each group. */
export function connect(
  name: string,
  description: string,
  from: aws.ec2.SecurityGroup,
  to: aws.ec2.SecurityGroup,
  port: number,
  opts: pulumi.CustomResourceOptions,
): void {
  const traffic = { description, ipProtocol: "tcp", fromPort: port, toPort: port };
  new aws.vpc.SecurityGroupEgressRule(
    name,
    { ...traffic, securityGroupId: from.id, referencedSecurityGroupId: to.id },
    opts,
  );
  new aws.vpc.SecurityGroupIngressRule(
    name,
    { ...traffic, securityGroupId: to.id, referencedSecurityGroupId: from.id },
    opts,
  );
}
