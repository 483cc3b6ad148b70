/**
 * The account of the local run: the VPC, file system and ECS service of the documents, with loopback addresses.
 */
import { type AwsState, emptyState, type Subnet } from "./control-plane/state.ts";

export const REGION = "ap-northeast-1";
export const ACCOUNT_ID = "123456789012";
export const VPC_ID = "vpc-0e5a0000000000001";
export const FILE_SYSTEM_ID = "fs-0e5a0000000000001";
export const SECURITY_GROUP_ID = "sg-0e5a0000000000001";
export const CLUSTER_NAME = "efs-mount-autoscaling";
export const SERVICE_NAME = "router";

/**
 * One subnet an Availability Zone. A mount target in it gets its address, which must be one that this machine
 * can listen on: AWS would take it from the CIDR block.
 */
export const SUBNETS: readonly Subnet[] = [
  subnet("a", "apne1-az4", "10.0.1.0/24", "127.0.0.11"),
  subnet("c", "apne1-az1", "10.0.2.0/24", "127.0.0.12"),
  subnet("d", "apne1-az2", "10.0.3.0/24", "127.0.0.13"),
];

/** What a stack has of its own in each region; the rest has the same names in all. */
export interface Location {
  readonly region: string;
  readonly fileSystemId: string;
  readonly subnets: readonly Subnet[];
}

export const TOKYO: Location = { region: REGION, fileSystemId: FILE_SYSTEM_ID, subnets: SUBNETS };

/** A second region. Its mount targets share the addresses of the first one's: a port of its own tells them apart. */
export const OSAKA: Location = {
  region: "ap-northeast-3",
  fileSystemId: "fs-0e5a0000000000003",
  subnets: [
    subnet("a", "apne3-az3", "10.1.1.0/24", "127.0.0.11", "ap-northeast-3"),
    subnet("b", "apne3-az1", "10.1.2.0/24", "127.0.0.12", "ap-northeast-3"),
    subnet("c", "apne3-az2", "10.1.3.0/24", "127.0.0.13", "ap-northeast-3"),
  ],
};

/** The account before anything was deployed to it. */
export function createAccount(now: Date, { region, fileSystemId, subnets }: Location = TOKYO): AwsState {
  return {
    ...emptyState(ACCOUNT_ID, region),
    subnets,
    securityGroups: [{ groupId: SECURITY_GROUP_ID, vpcId: VPC_ID }],
    fileSystems: [
      {
        fileSystemId,
        creationToken: "efs-mount-autoscaling",
        creationTime: now,
        lifeCycleState: "available",
      },
    ],
    clusters: [{ clusterName: CLUSTER_NAME }],
  };
}

function subnet(
  zone: string,
  availabilityZoneId: string,
  cidrBlock: string,
  address: string,
  region: string = REGION,
): Subnet {
  return {
    subnetId: `subnet-0e5a000000000000${zone}`,
    vpcId: VPC_ID,
    availabilityZone: `${region}${zone}`,
    availabilityZoneId,
    cidrBlock,
    addresses: [address],
    supportsEfs: true,
    tags: { Name: `private-${zone}` },
  };
}
