import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** A private subnet, the only one of its Availability Zone. */
export interface ZoneSubnet {
  readonly id: pulumi.Output<string>;
  /** In the account of its owner, who may have shared it with the stack's. */
  readonly arn: pulumi.Output<string>;
  /** Example: `ap-northeast-1a`. */
  readonly availabilityZone: pulumi.Output<string>;
}

export interface NetworkArgs {
  /** An existing VPC. Default: a new one. Example: `vpc-0123abcd`. */
  readonly vpcId?: string | undefined;
  /** The existing VPC's private subnets, each in an Availability Zone of its own. */
  readonly privateSubnetIds: readonly string[];
  /** The new VPC's addresses, a /16. Example: `10.0.0.0/16`. */
  readonly cidrBlock: string;
  /** The new VPC's Availability Zones by name. Default, when empty: the region's first `availabilityZoneCount`. */
  readonly availabilityZones: readonly string[];
  /** Availability Zones of the new VPC where none are named. Example: 3. */
  readonly availabilityZoneCount: number;
  /** The Availability Zones that have each service which the subnets need. Example: `{ ssm: ["ap-northeast-1a"] }`. */
  readonly zonesOfServices: pulumi.Input<ZonesOfServices>;
}

/**
 * A VPC whose private subnets, one in each Availability Zone, have no way to or from the internet; or an existing VPC.
 *
 * The subnets share one route table, and nothing but the VPC itself is in it.
 */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  /** The VPC's first addresses, known in a preview, too. */
  readonly cidrBlock: pulumi.Output<string>;
  /** All of them, likewise: an existing VPC may have been given more. */
  readonly cidrBlocks: pulumi.Output<string[]>;
  readonly subnets: readonly ZoneSubnet[];
  readonly #findRouteTableIds: () => pulumi.Output<string[]>;
  readonly #name: string;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Network", name, {}, opts);
    this.#name = name;

    if (args.vpcId === undefined) {
      const vpc = this.#createVpc(args);
      const routeTable = this.#createRouteTable(vpc);
      this.vpcId = vpc.id;
      this.cidrBlock = pulumi.output(args.cidrBlock);
      this.cidrBlocks = pulumi.output([args.cidrBlock]);
      this.subnets = this.#createSubnets(args, vpc, routeTable);
      this.#findRouteTableIds = () => pulumi.output([routeTable.id]);
    } else {
      const { vpcId, privateSubnetIds } = args;
      const vpc = aws.ec2.getVpcOutput({ id: vpcId }, { parent: this });
      this.vpcId = vpc.id;
      this.cidrBlock = vpc.cidrBlock;
      this.cidrBlocks = vpc.cidrBlockAssociations.apply((blocks) => blocks.map(({ cidrBlock }) => cidrBlock));
      this.subnets = this.#findSubnets(args, vpcId);
      this.#findRouteTableIds = () => this.#findRouteTables(vpcId, privateSubnetIds);
    }

    this.registerOutputs();
  }

  /** The route tables of the subnets. Those of an existing VPC are looked up. */
  routeTableIds(): pulumi.Output<string[]> {
    return this.#findRouteTableIds();
  }

  #createVpc({ cidrBlock }: NetworkArgs): aws.ec2.Vpc {
    // DNS names are how the VPC endpoints take the place of the public ones.
    return new aws.ec2.Vpc(
      `${this.#name}-vpc`,
      { cidrBlock, enableDnsSupport: true, enableDnsHostnames: true, tags: { Name: "efs-mount-autoscaling" } },
      { parent: this },
    );
  }

  #createRouteTable(vpc: aws.ec2.Vpc): aws.ec2.RouteTable {
    return new aws.ec2.RouteTable(`${this.#name}-private`, { vpcId: vpc.id }, { parent: this });
  }

  #createSubnets(args: NetworkArgs, vpc: aws.ec2.Vpc, routeTable: aws.ec2.RouteTable): ZoneSubnet[] {
    const [first, second] = args.cidrBlock.split(".");
    return this.#zones(args).map((availabilityZone, index) => {
      const number = index + 1;
      const name = `${this.#name}-private-${number}`;
      const subnet = new aws.ec2.Subnet(
        name,
        {
          vpcId: vpc.id,
          cidrBlock: `${first}.${second}.${number}.0/24`,
          availabilityZone,
          mapPublicIpOnLaunch: false,
          tags: { Name: `efs-mount-autoscaling-private-${number}` },
        },
        {
          parent: this,
          // A function's network interfaces leave up to 40 minutes after the function.
          customTimeouts: { delete: "45m" },
          // AWS may list its zones in another way one day; a subnet that is in use stays where it is.
          ignoreChanges: args.availabilityZones.length > 0 ? [] : ["availabilityZone"],
        },
      );
      new aws.ec2.RouteTableAssociation(name, { subnetId: subnet.id, routeTableId: routeTable.id }, { parent: this });
      return { id: subnet.id, arn: subnet.arn, availabilityZone: subnet.availabilityZone };
    });
  }

  #zones({ availabilityZones, availabilityZoneCount, zonesOfServices }: NetworkArgs): pulumi.Input<string>[] {
    if (availabilityZones.length > 0) {
      return availabilityZones.map((zone) =>
        pulumi.output(zonesOfServices).apply((zonesOf) => {
          requireServices(zone, zonesOf, "availabilityZones");
          return zone;
        }),
      );
    }
    const found = aws.getAvailabilityZonesOutput(
      { state: "available", filters: [{ name: "zone-type", values: ["availability-zone"] }] },
      { parent: this },
    ).names;
    const names = pulumi.all([found, zonesOfServices]).apply(([all, zonesOf]) => {
      const served = all.filter((zone) => servicesMissing(zone, zonesOf).length === 0).toSorted();
      if (served.length < availabilityZoneCount) {
        throw new Error(
          `The region has ${served.length} Availability Zones with all endpoint services (${served.join(", ")}, of ${all.join(", ")}), but availabilityZoneCount is ${availabilityZoneCount}`,
        );
      }
      return served;
    });
    return Array.from({ length: availabilityZoneCount }, (_, index) => names.apply((served) => served[index] ?? ""));
  }

  #findSubnets({ privateSubnetIds: ids, zonesOfServices }: NetworkArgs, vpcId: string): ZoneSubnet[] {
    const lookUps = ids.map((id) => aws.ec2.getSubnetOutput({ id }, { parent: this }));
    const found = pulumi.all([pulumi.all(lookUps), zonesOfServices]).apply(([subnets, zonesOf]) => {
      const zones = new Map<string, string>();
      for (const subnet of subnets) {
        if (subnet.vpcId !== vpcId) {
          throw new Error(`privateSubnetIds names ${subnet.id}, which is in ${subnet.vpcId} and not in ${vpcId}`);
        }
        const other = zones.get(subnet.availabilityZone);
        if (other !== undefined) {
          throw new Error(
            `privateSubnetIds names ${other} and ${subnet.id}, both in ${subnet.availabilityZone}: a file system has one mount target in each Availability Zone`,
          );
        }
        requireServices(subnet.availabilityZone, zonesOf, `privateSubnetIds (${subnet.id})`);
        zones.set(subnet.availabilityZone, subnet.id);
      }
      return subnets;
    });
    return ids.map((id, index) => ({
      id: found.apply((subnets) => subnets[index]?.id ?? id),
      arn: found.apply((subnets) => subnets[index]?.arn ?? ""),
      availabilityZone: found.apply((subnets) => subnets[index]?.availabilityZone ?? ""),
    }));
  }

  /** A subnet that is in no route table by name is in the VPC's main one. */
  #findRouteTables(vpcId: string, subnetIds: readonly string[]): pulumi.Output<string[]> {
    const idsWhere = (name: string, value: string) =>
      aws.ec2.getRouteTablesOutput({ vpcId, filters: [{ name, values: [value] }] }, { parent: this }).ids;
    const main = idsWhere("association.main", "true");
    const own = pulumi.all(subnetIds.map((subnetId) => idsWhere("association.subnet-id", subnetId)));
    return pulumi
      .all([main, own])
      .apply(([mainIds, ownIds]) => [...new Set(ownIds.flatMap((ids) => (ids.length > 0 ? ids : mainIds)))]);
  }
}

type ZonesOfServices = Readonly<Record<string, readonly string[]>>;

function servicesMissing(zone: string, zonesOf: ZonesOfServices): string[] {
  return Object.keys(zonesOf).filter((service) => !zonesOf[service]?.includes(zone));
}

/** @throws when the Availability Zone lacks a service; the message says which, and the key that chose the zone. */
function requireServices(zone: string, zonesOf: ZonesOfServices, key: string): void {
  const missing = servicesMissing(zone, zonesOf);
  if (missing.length === 0) return;
  throw new Error(`${key} chooses ${zone}, where AWS has no endpoint service for ${missing.join(", ")}`);
}
