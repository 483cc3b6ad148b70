import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { connect, HTTPS_PORT, letOut, nameOfRange } from "./security-groups.ts";

/** What has the parameters: the routers of another region read one, too. */
const PARAMETER_SERVICE = "ssm";

/** What the function and the tasks call, and what ECS calls for the tasks, from within the VPC. */
const INTERFACE_SERVICES = [
  PARAMETER_SERVICE,
  "ecs",
  "elasticfilesystem",
  "ec2",
  "logs",
  "ecr.api",
  "ecr.dkr",
  "secretsmanager",
] as const;

/** What ECS Exec goes through, which only the maintenance task has. */
const EXEC_SERVICE = "ssmmessages";

/** What the monitor sees alarms through, before it takes a mount target away. */
const ALARM_SERVICE = "monitoring";

/** Who needs more than all do. */
interface Needs {
  /** Whether there is a task for maintenance. */
  readonly maintenance: boolean;
  /** Whether mount targets may be taken away. */
  readonly scaleIn: boolean;
}

function interfaceServices({ maintenance, scaleIn }: Needs): string[] {
  return [...INTERFACE_SERVICES, ...(maintenance ? [EXEC_SERVICE] : []), ...(scaleIn ? [ALARM_SERVICE] : [])];
}

/**
 * The Availability Zones that have the services of the interface endpoints, by service. An endpoint cannot be made in a
 * subnet of another zone, and few services are in all of them; what a zone is called differs by account.
 */
export function zonesOfEndpointServices(needs: Needs): pulumi.Output<Record<string, string[]>> {
  const { region } = aws.getRegionOutput();
  const zonesOf = (service: string) =>
    aws.ec2.getVpcEndpointServiceOutput({
      serviceName: pulumi.interpolate`com.amazonaws.${region}.${service}`,
      serviceType: "Interface",
    }).availabilityZones;
  return pulumi.output(Object.fromEntries(interfaceServices(needs).map((service) => [service, zonesOf(service)])));
}

export interface VpcEndpointsArgs {
  readonly vpcId: pulumi.Input<string>;
  readonly subnetIds: readonly pulumi.Input<string>[];
  /** The route tables that get the route to S3. */
  readonly routeTableIds: pulumi.Input<string[]>;
  readonly monitor: aws.ec2.SecurityGroup;
  readonly tasks: aws.ec2.SecurityGroup;
  /** The maintenance task, where there is one. */
  readonly maintenance?: aws.ec2.SecurityGroup | undefined;
  /** Whether mount targets may be taken away. */
  readonly scaleIn: boolean;
  /**
   * Who else may use them, as IPv4 ranges. With private DNS, the services' names lead everyone in the VPC to the
   * endpoints, so in a VPC with other clients that is all of it. Default: nobody.
   */
  readonly otherClients?: pulumi.Output<string[]> | undefined;
  /** The addresses of the VPC in the other region, whose routers read here what role this region has. Default: nobody. */
  readonly peerCidr?: string | undefined;
}

/**
 * The only routes from isolated subnets to AWS: interface endpoints for its APIs, and a gateway endpoint for S3, from
 * which the tasks' image layers are pulled, and where the monitor keeps its count.
 */
export class VpcEndpoints extends pulumi.ComponentResource {
  /** The URL of Systems Manager here, for who is not in the VPC, and reaches it. */
  readonly ssmEndpoint: pulumi.Output<string>;
  /** Of the interface endpoints. */
  readonly securityGroupId: pulumi.Output<string>;
  /** S3's addresses, for rules of who pulls images through the gateway. */
  readonly s3PrefixListId: pulumi.Output<string>;
  readonly #name: string;

  constructor(name: string, args: VpcEndpointsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:VpcEndpoints", name, {}, opts);
    this.#name = name;

    const region = aws.getRegionOutput({}, { parent: this }).region;
    const securityGroup = this.#openToClients(args);
    this.securityGroupId = securityGroup.id;
    const services = interfaceServices({ maintenance: args.maintenance !== undefined, scaleIn: args.scaleIn });
    for (const service of services.filter((each) => each !== PARAMETER_SERVICE)) {
      this.#createInterface(service, args, region, [securityGroup]);
    }
    const ssm = this.#createInterface(PARAMETER_SERVICE, args, region, [securityGroup, ...this.#openToPeer(args)]);
    this.ssmEndpoint = ssm.dnsEntries.apply((entries) => `https://${regionalName(entries)}`);
    this.s3PrefixListId = this.#createS3Gateway(args, region).prefixListId;

    this.registerOutputs();
  }

  #openToClients({ vpcId, otherClients, ...args }: VpcEndpointsArgs): aws.ec2.SecurityGroup {
    const group = new aws.ec2.SecurityGroup(this.#name, { vpcId, description: "The VPC endpoints" }, { parent: this });
    for (const [client, from] of clientsOf(args)) {
      connect(
        `${client}-to-${this.#name}`,
        { description: `${client}-to-vpc-endpoints`, from: from.id, to: group.id, port: HTTPS_PORT },
        { parent: this },
      );
    }
    // Known in a preview too: the addresses are those of a VPC that exists.
    otherClients?.apply((ranges) => {
      for (const range of ranges) this.#openTo(range, group);
    });
    return group;
  }

  #openTo(range: string, group: aws.ec2.SecurityGroup): void {
    new aws.vpc.SecurityGroupIngressRule(
      `vpc-${nameOfRange(range)}-to-${this.#name}`,
      {
        securityGroupId: group.id,
        description: "From everyone in the VPC",
        ipProtocol: "tcp",
        fromPort: HTTPS_PORT,
        toPort: HTTPS_PORT,
        cidrIpv4: range,
      },
      { parent: this },
    );
  }

  /** A group of its own, for the one endpoint that the other region needs. */
  #openToPeer({ vpcId, peerCidr }: VpcEndpointsArgs): aws.ec2.SecurityGroup[] {
    if (peerCidr === undefined) return [];
    const name = `${this.#name}-peer`;
    const group = new aws.ec2.SecurityGroup(name, { vpcId, description: "The other region" }, { parent: this });
    new aws.vpc.SecurityGroupIngressRule(
      name,
      {
        securityGroupId: group.id,
        description: "From the routers of the other region",
        ipProtocol: "tcp",
        fromPort: HTTPS_PORT,
        toPort: HTTPS_PORT,
        cidrIpv4: peerCidr,
      },
      { parent: this },
    );
    return [group];
  }

  #createInterface(
    service: string,
    { vpcId, subnetIds }: VpcEndpointsArgs,
    region: pulumi.Output<string>,
    groups: readonly aws.ec2.SecurityGroup[],
  ): aws.ec2.VpcEndpoint {
    return new aws.ec2.VpcEndpoint(
      `${this.#name}-${service.replace(".", "-")}`,
      {
        vpcId,
        serviceName: pulumi.interpolate`com.amazonaws.${region}.${service}`,
        vpcEndpointType: "Interface",
        // Without alarms to see, every mount target stays: one Availability Zone does, and costs less.
        subnetIds: service === ALARM_SERVICE ? subnetIds.slice(0, 1) : [...subnetIds],
        securityGroupIds: groups.map(({ id }) => id),
        privateDnsEnabled: true,
      },
      { parent: this },
    );
  }

  #createS3Gateway(
    { vpcId, routeTableIds, ...args }: VpcEndpointsArgs,
    region: pulumi.Output<string>,
  ): aws.ec2.VpcEndpoint {
    const gateway = new aws.ec2.VpcEndpoint(
      `${this.#name}-s3`,
      {
        vpcId,
        serviceName: pulumi.interpolate`com.amazonaws.${region}.s3`,
        vpcEndpointType: "Gateway",
        routeTableIds,
      },
      { parent: this },
    );
    for (const [client, group] of clientsOf(args)) this.#openToS3(client, group, gateway);
    return gateway;
  }

  #openToS3(name: string, group: aws.ec2.SecurityGroup, { prefixListId }: aws.ec2.VpcEndpoint): void {
    letOut(
      `${this.#name}-${name}-to-s3`,
      { description: `${name}-to-s3`, from: group.id, to: { prefixListId }, port: HTTPS_PORT },
      { parent: this },
    );
  }
}

/** The stack's own clients that there are, by name. */
function clientsOf({ monitor, tasks, maintenance }: Pick<VpcEndpointsArgs, "monitor" | "tasks" | "maintenance">) {
  return Object.entries({ monitor, tasks, ...(maintenance && { maintenance }) });
}

/** An endpoint's own names are the regional one, and those of its zones, which have a zone more. The rest are private. */
function regionalName(entries: readonly { readonly dnsName: string }[]): string {
  const own = entries.map(({ dnsName }) => dnsName).filter((name) => name.endsWith(".vpce.amazonaws.com"));
  return own.toSorted((a, b) => a.length - b.length)[0] ?? "";
}
