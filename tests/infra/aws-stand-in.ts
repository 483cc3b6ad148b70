/**
 * What AWS would answer the stack's program: made-up ids, ARNs and addresses, the same each time for the same resource.
 *
 * Used twice: as Pulumi's mocks, where a test looks at what is registered, and as the provider of the real engine.
 */
import { createHash } from "node:crypto";
import type { ExistingMountTarget } from "../../components/existing-mount-targets.ts";

export const ACCOUNT_ID = "123456789012";
/** The account that shares a subnet with the stack's. */
export const NETWORK_ACCOUNT_ID = "210987654321";
/** The region of the stack; the real engine has stacks in two. */
export const REGION = process.env.STAND_IN_REGION ?? "ap-northeast-1";
export const AVAILABILITY_ZONES = [..."acd"].map((zone) => `${REGION}${zone}`);

/** A zone that lacks a service: nothing of the stack may be there. */
export const ZONE_WITHOUT_SSM = `${REGION}b`;

/** The addresses of every VPC that exists: it was given more than once. */
export const EXISTING_VPC_CIDRS = ["10.20.0.0/16", "100.64.0.0/16"];

/** The VPC that exists, and its private subnets: one in each Availability Zone. */
export const EXISTING_VPC_ID = "vpc-0e0e0e0e";
export const EXISTING_SUBNETS = AVAILABILITY_ZONES.map((availabilityZone, index) => ({
  id: `subnet-0e0e0e0${index + 1}`,
  availabilityZone,
  cidrBlock: `10.20.${index + 1}.0/24`,
  // The last one is another account's, which shares it (AWS RAM).
  ownerId: index + 1 === AVAILABILITY_ZONES.length ? NETWORK_ACCOUNT_ID : ACCOUNT_ID,
}));

/** A security group of a mount target that exists; it lets no one in but its members. */
export const EXISTING_SECURITY_GROUP_ID = "sg-0e0e0e0e";

/** A file system that has mount targets: one in the first zone, which someone made, and one that a stack made. */
export const FILE_SYSTEM_IN_USE = "fs-0e0e0e01";

export function existingMountTargetsOf(fileSystemId: string): ExistingMountTarget[] {
  if (fileSystemId !== FILE_SYSTEM_IN_USE) return [];
  const groups = [EXISTING_SECURITY_GROUP_ID, ownMountTargetGroupId()];
  return groups.map((groupId, index) => ({
    id: `fsmt-0e0e0e0${index + 1}`,
    state: "available",
    vpcId: EXISTING_VPC_ID,
    availabilityZone: AVAILABILITY_ZONES[index] ?? "",
    subnetId: "subnet-0e0e0eff",
    ipAddress: `10.20.99.${index + 1}`,
    securityGroupIds: [groupId],
  }));
}

export type Properties = Record<string, unknown>;

/** A resource that was created: its id, and its inputs together with what AWS adds to them. */
export interface Created {
  readonly id: string;
  readonly outputs: Properties;
}

/** What is made up for a type, from the resource's physical name, its id and its inputs. */
interface Shape {
  /** The id, where it is not the name. */
  readonly id?: (made: Made) => string;
  readonly arn?: (made: Made) => string;
  readonly outputs?: (made: Made) => Properties;
}

interface Made {
  readonly name: string;
  /** Hexadecimal digits that no other resource has. */
  readonly digits: string;
  readonly inputs: Properties;
}

const arn = (service: string, resource: string, region = REGION, accountId = ACCOUNT_ID) =>
  `arn:aws:${service}:${region}:${accountId}:${resource}`;

const dnsNameOf = (fileSystemId: string) => `${fileSystemId}.efs.${REGION}.amazonaws.com`;

/** In no order: a name in each zone, the regional one, and the private one. */
const endpointNames = (id: string, serviceName: string) => {
  const service = serviceName.split(".").slice(3).join(".");
  return [
    { dnsName: `${id}-${REGION}a.${service}.${REGION}.vpce.amazonaws.com`, hostedZoneId: "Z0E0E0E0E" },
    { dnsName: `${service}.${REGION}.amazonaws.com`, hostedZoneId: "Z0E0E0E0F" },
    { dnsName: `${id}.${service}.${REGION}.vpce.amazonaws.com`, hostedZoneId: "Z0E0E0E0E" },
  ];
};

const ec2Resource = (kind: string, prefix: string) => ({
  id: ({ digits }: Made) => `${prefix}-${digits}`,
  arn: ({ digits }: Made) => arn("ec2", `${kind}/${prefix}-${digits}`),
});

const arnAsId = (service: string, resource: (made: Made) => string): Shape => ({
  id: (made) => arn(service, resource(made)),
  arn: (made) => arn(service, resource(made)),
});

const SHAPES: Readonly<Record<string, Shape>> = {
  "aws:ec2/vpc:Vpc": ec2Resource("vpc", "vpc"),
  "aws:ec2/subnet:Subnet": ec2Resource("subnet", "subnet"),
  "aws:ec2/routeTable:RouteTable": ec2Resource("route-table", "rtb"),
  "aws:ec2/securityGroup:SecurityGroup": ec2Resource("security-group", "sg"),
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    ...ec2Resource("vpc-endpoint", "vpce"),
    outputs: ({ digits, inputs }) => ({
      prefixListId: `pl-${digits}`,
      dnsEntries: endpointNames(`vpce-${digits}-${digits.slice(0, 8)}`, String(inputs.serviceName)),
    }),
  },
  "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": ec2Resource("vpc-peering-connection", "pcx"),
  "aws:efs/fileSystem:FileSystem": {
    id: ({ digits }) => `fs-${digits}`,
    arn: ({ digits }) => arn("elasticfilesystem", `file-system/fs-${digits}`),
    outputs: ({ digits }) => ({ dnsName: dnsNameOf(`fs-${digits}`) }),
  },
  "aws:efs/accessPoint:AccessPoint": {
    id: ({ digits }) => `fsap-${digits}`,
    arn: ({ digits }) => arn("elasticfilesystem", `access-point/fsap-${digits}`),
  },
  "aws:efs/mountTarget:MountTarget": {
    id: ({ digits }) => `fsmt-${digits}`,
    outputs: ({ digits, name }) => ({
      ipAddress: `10.0.1.${Number.parseInt(digits.slice(0, 2), 16) || 1}`,
      availabilityZoneName: AVAILABILITY_ZONES[Number(name.match(/\d+/)?.[0] ?? 1) - 1],
    }),
  },
  "aws:backup/vault:Vault": {
    arn: ({ name, inputs }) => arn("backup", `backup-vault:${name}`, String(inputs.region ?? REGION)),
  },
  "aws:route53/healthCheck:HealthCheck": {
    id: ({ digits }) => `${digits.slice(0, 8)}-0e0e-0e0e-0e0e-0e0e0e0e0e0e`,
    arn: ({ digits }) => `arn:aws:route53:::healthcheck/${digits}`,
  },
  "aws:ssm/parameter:Parameter": { arn: ({ name }) => arn("ssm", `parameter${name}`) },
  "aws:iam/role:Role": { arn: ({ name }) => `arn:aws:iam::${ACCOUNT_ID}:role/${name}` },
  "aws:lambda/function:Function": { arn: ({ name }) => arn("lambda", `function:${name}`) },
  "aws:cloudwatch/logGroup:LogGroup": { arn: ({ name }) => arn("logs", `log-group:${name}`) },
  "aws:cloudwatch/eventRule:EventRule": { arn: ({ name }) => arn("events", `rule/${name}`) },
  "aws:cloudwatch/metricAlarm:MetricAlarm": { arn: ({ name }) => arn("cloudwatch", `alarm:${name}`) },
  "aws:cloudwatch/compositeAlarm:CompositeAlarm": { arn: ({ name }) => arn("cloudwatch", `alarm:${name}`) },
  "aws:secretsmanager/secret:Secret": arnAsId("secretsmanager", ({ name }) => `secret:${name}`),
  "aws:sns/topic:Topic": arnAsId("sns", ({ name }) => name),
  "aws:ecr/repository:Repository": {
    arn: ({ name }) => arn("ecr", `repository/${name}`),
    outputs: ({ name }) => ({
      registryId: ACCOUNT_ID,
      repositoryUrl: `${ACCOUNT_ID}.dkr.ecr.${REGION}.amazonaws.com/${name}`,
    }),
  },
  "aws:ecs/cluster:Cluster": arnAsId("ecs", ({ name }) => `cluster/${name}`),
  "aws:ecs/service:Service": arnAsId(
    "ecs",
    ({ name, inputs }) => `service/${String(inputs.cluster).split("/").at(-1)}/${name}`,
  ),
  "aws:ecs/taskDefinition:TaskDefinition": {
    // Another definition is another revision.
    arn: ({ digits, inputs }) =>
      arn("ecs", `task-definition/${String(inputs.family)}:${Number.parseInt(digits.slice(0, 6), 16) + 1}`),
  },
  "aws:lb/loadBalancer:LoadBalancer": {
    ...arnAsId("elasticloadbalancing", ({ name, digits }) => `loadbalancer/app/${name}/${digits}`),
    outputs: ({ name, digits }) => ({
      arnSuffix: `app/${name}/${digits}`,
      dnsName: `internal-${name}.${REGION}.elb.amazonaws.com`,
      zoneId: "Z14GRHDCWA56QT",
    }),
  },
  "aws:lb/targetGroup:TargetGroup": {
    ...arnAsId("elasticloadbalancing", ({ name, digits }) => `targetgroup/${name}/${digits}`),
    outputs: ({ name, digits }) => ({ arnSuffix: `targetgroup/${name}/${digits}` }),
  },
  "aws:s3/bucket:Bucket": {
    arn: ({ name }) => `arn:aws:s3:::${name}`,
    outputs: ({ name }) => ({ bucket: name }),
  },
  "docker-build:index:Image": {
    outputs: ({ inputs, digits }) => ({
      digest: `sha256:${digits}`,
      ref: `${Array.isArray(inputs.tags) ? String(inputs.tags[0]) : "image"}@sha256:${digits}`,
    }),
  },
};

/** Inputs that AWS cannot change: with another value, it is another resource. */
export const FIXED_INPUTS: Readonly<Record<string, readonly string[]>> = {
  "aws:cloudwatch/eventTarget:EventTarget": ["rule", "targetId"],
  "aws:ecs/taskDefinition:TaskDefinition": ["containerDefinitions"],
  "aws:efs/accessPoint:AccessPoint": ["fileSystemId"],
  "aws:efs/fileSystem:FileSystem": ["performanceMode"],
  "aws:efs/fileSystemPolicy:FileSystemPolicy": ["fileSystemId"],
  "aws:efs/mountTarget:MountTarget": ["fileSystemId"],
  "aws:ssm/parameter:Parameter": ["name"],
};

/**
 * Creates a resource in name only.
 *
 * @param logicalName its name in the program, which its physical name begins with unless the inputs have one.
 */
export function create(type: string, logicalName: string, inputs: Properties, region = REGION): Created {
  const fixed = (FIXED_INPUTS[type] ?? []).map((input) => inputs[input]);
  const digits = createHash("sha256")
    .update(JSON.stringify([type, logicalName, fixed, region]))
    .digest("hex")
    .slice(0, 17);
  const name = typeof inputs.name === "string" ? inputs.name : `${logicalName}-${digits.slice(0, 7)}`;
  const shape = SHAPES[type] ?? {};
  const made: Made = { name, digits, inputs };
  return {
    id: shape.id?.(made) ?? name,
    outputs: {
      name,
      arn: shape.arn?.(made) ?? arn("none", `${type}/${name}`),
      ...shape.outputs?.(made),
      ...inputs,
    },
  };
}

/** Answers a look-up such as `aws:index/getRegion:getRegion`. */
export function lookUp(token: string, inputs: Properties): Properties {
  switch (token.split(":").at(-1)) {
    case "getRegion":
      return { id: REGION, region: REGION };
    case "getPartition":
      return { id: "aws", partition: "aws" };
    case "getCallerIdentity":
      return { id: ACCOUNT_ID, accountId: ACCOUNT_ID };
    case "getAvailabilityZones":
      return { id: REGION, names: [...AVAILABILITY_ZONES, ZONE_WITHOUT_SSM] };
    case "getVpcEndpointService":
      return { id: inputs.serviceName, availabilityZones: zonesOfService(String(inputs.serviceName)) };
    case "getAuthorizationToken":
      return { id: REGION, userName: "AWS", password: "made-up-password" };
    case "getVpc":
      return {
        id: inputs.id,
        cidrBlock: EXISTING_VPC_CIDRS[0],
        cidrBlockAssociations: EXISTING_VPC_CIDRS.map((cidrBlock) => ({ cidrBlock, state: "associated" })),
      };
    case "getSubnet": {
      const subnet = EXISTING_SUBNETS[Number(String(inputs.id).at(-1)) - 1];
      return {
        ...subnet,
        id: inputs.id,
        arn: arn("ec2", `subnet/${String(inputs.id)}`, REGION, subnet?.ownerId),
        vpcId: EXISTING_VPC_ID,
      };
    }
    case "getSecurityGroups":
      return { id: REGION, ids: [ownMountTargetGroupId()] };
    case "getSecurityGroupRules":
      return { id: REGION, ids: ["sgr-0e0e0e0e"] };
    case "getSecurityGroupRule":
      return {
        id: inputs.securityGroupRuleId,
        isEgress: false,
        ipProtocol: "-1",
        referencedSecurityGroupId: EXISTING_SECURITY_GROUP_ID,
      };
    case "getRouteTables":
      return { id: REGION, ids: routeTablesWhere(inputs.filters) };
    case "getFileSystem":
      return {
        id: inputs.fileSystemId,
        arn: arn("elasticfilesystem", `file-system/${String(inputs.fileSystemId)}`),
        dnsName: dnsNameOf(String(inputs.fileSystemId)),
      };
    default:
      throw new Error(`The stand-in for AWS has no answer to ${token}: add it to tests/infra/aws-stand-in.ts`);
  }
}

/** The stack's own group of mount targets, as if the stack were there already. */
function ownMountTargetGroupId(): string {
  return create("aws:ec2/securityGroup:SecurityGroup", "security-groups-mount-targets", {}).id;
}

/** Also those of another region, which stacks with many zones name. */
function zonesOfService(serviceName: string): string[] {
  const others = [..."abcdef"].map((zone) => `us-east-1${zone}`);
  return [...AVAILABILITY_ZONES, ...others, ...(serviceName.endsWith(".ssm") ? [] : [ZONE_WITHOUT_SSM])];
}

/** The route tables of every VPC that exists: one of its first subnet, and the main one, which has all others. */
export const EXISTING_ROUTE_TABLES = ["rtb-0a0a0a0a", "rtb-0e0e0e0e"];

function routeTablesWhere(filters: unknown): string[] {
  const [ofFirstSubnet = "", main = ""] = EXISTING_ROUTE_TABLES;
  switch (JSON.stringify(filters)) {
    case '[{"name":"association.main","values":["true"]}]':
      return [main];
    case '[{"name":"association.subnet-id","values":["subnet-0e0e0e01"]}]':
      return [ofFirstSubnet];
    default:
      return [];
  }
}
