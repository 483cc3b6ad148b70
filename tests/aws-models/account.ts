/** What the judged stacks expect to find in the account, as the calls that put it there. */
import {
  EXISTING_ROUTE_TABLES,
  EXISTING_SECURITY_GROUP_ID,
  FILE_SYSTEM_IN_USE,
  type Properties,
} from "../infra/aws-stand-in.ts";
import { CONFIGURATIONS, PEER, PEERING_CONNECTION_ID } from "../infra/configurations.ts";
import type { Call } from "./api-calls.ts";

const { kmsKeyArn, certificateArn, domainName, hostedZoneId } = CONFIGURATIONS.everything;
const { vpcId, existingFileSystemId, privateSubnetIds } = CONFIGURATIONS["an existing VPC and file system"];
const subnetIds: readonly string[] = JSON.parse(privateSubnetIds);

export const ACCOUNT: readonly Call[] = [
  existing(kmsKeyArn, "kms", "CreateKey", {}, "KeyMetadata.Arn"),
  existing(certificateArn, "acm", "RequestCertificate", { DomainName: domainName }, "CertificateArn"),
  existing(
    hostedZoneId,
    "route53",
    "CreateHostedZone",
    { Name: "example.com", CallerReference: "existing" },
    "HostedZone.Id",
  ),
  existing(vpcId, "ec2", "CreateVpc", { CidrBlock: "10.20.0.0/16" }, "Vpc.VpcId"),
  ...subnetIds.map((id, index) =>
    existing(
      id,
      "ec2",
      "CreateSubnet",
      { VpcId: vpcId, CidrBlock: `10.20.${index}.0/24`, AvailabilityZone: `ap-northeast-1${"acd"[index]}` },
      "Subnet.SubnetId",
    ),
  ),
  ...EXISTING_ROUTE_TABLES.map((id) =>
    existing(id, "ec2", "CreateRouteTable", { VpcId: vpcId }, "RouteTable.RouteTableId"),
  ),
  existing(
    EXISTING_SECURITY_GROUP_ID,
    "ec2",
    "CreateSecurityGroup",
    { VpcId: vpcId, GroupName: "existing", Description: "The mount targets of a file system in use" },
    "GroupId",
  ),
  ...[existingFileSystemId, FILE_SYSTEM_IN_USE].map((id) =>
    existing(id, "efs", "CreateFileSystem", { CreationToken: id }, "FileSystemId"),
  ),
  {
    ...existing(PEER.vpcId, "ec2", "CreateVpc", { CidrBlock: PEER.vpcCidr }, "Vpc.VpcId"),
    region: PEER.region,
  },
  existing(
    PEERING_CONNECTION_ID,
    "ec2",
    "CreateVpcPeeringConnection",
    { VpcId: vpcId, PeerVpcId: PEER.vpcId, PeerRegion: PEER.region },
    "VpcPeeringConnection.VpcPeeringConnectionId",
  ),
];

function existing(value: string, service: string, operation: string, parameters: Properties, path: string): Call {
  return { resource: `existing ${value}`, service, operation, parameters, gives: { [value]: path } };
}
