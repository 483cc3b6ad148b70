/**
 * The calls of AWS's APIs that make each resource of the stack.
 *
 * A parameter's name need not have the case that the service's model has, and an object may stand where the model has
 * JSON as text: `judge_calls.py` reads the models. A parameter that a model does not have is an error there.
 */
import { type Properties, REGION } from "../infra/aws-stand-in.ts";
import type { Registered } from "../infra/stack.ts";
import { translated } from "./cloudformation.ts";
import { inList, named, type Property, propertiesOf } from "./translate.ts";

/** A call of an API of AWS. */
export interface Call {
  /** What it is for. Example: `aws:ec2/vpc:Vpc vpc`. */
  readonly resource: string;
  /** The service as botocore names it. Example: `elbv2`. */
  readonly service: string;
  /** Default: the stack's. */
  readonly region?: string;
  /** Example: `CreateTargetGroup`. */
  readonly operation: string;
  readonly parameters: Properties;
  /** Ids and ARNs of the stand-in for AWS, and where the response has the ones to use instead, as JMESPath. */
  readonly gives: Readonly<Record<string, string>>;
}

/** A call in the table below, where `gives` is by the resource's outputs. Example: `{ id: "Vpc.VpcId" }`. */
type Step = Omit<Call, "resource" | "gives"> & Partial<Pick<Call, "gives">>;

/** A resource, in each of the shapes that a call can take parameters from. */
interface Shapes {
  /** CloudFormation's. */
  readonly properties: Properties;
  /** Pulumi's. */
  readonly inputs: Properties;
  readonly outputs: Properties;
  /** The general rule's, with these exceptions instead of those for CloudFormation. */
  readonly written: (exceptions: Readonly<Record<string, Property>>) => Properties;
}

type Steps = (resource: Shapes) => readonly Step[];

/**
 * The calls that make the resources, in order.
 *
 * @throws when a type has no calls.
 */
export function callsOf(resources: readonly Registered[]): Call[] {
  return translated(resources).flatMap(({ resource, translation }) => {
    const stepsOf = CALLS[resource.type];
    if (stepsOf === undefined) throw new Error(`${resource.type} needs calls in tests/aws-models/api-calls.ts`);
    const { type, name, inputs, outputs } = resource;
    const properties = propertiesOf(resource, translation);
    const written: Shapes["written"] = (exceptions) =>
      propertiesOf(resource, { ...translation, properties: exceptions, added: {} });
    return stepsOf({ properties, inputs, outputs, written }).map(({ gives = {}, ...step }) => ({
      ...step,
      resource: `${type} ${name}`,
      gives: Object.fromEntries(Object.entries(gives).map(([output, path]) => [String(outputs[output]), path])),
    }));
  });
}

/** One call that takes CloudFormation's properties as they are. */
const same =
  (service: string, operation: string, gives: Readonly<Record<string, string>> = {}): Steps =>
  ({ properties }) => [{ service, operation, parameters: properties, gives }];

/** The same with the tags as a map. */
const sameWithTagMap =
  (service: string, operation: string): Steps =>
  ({ properties, inputs }) => [{ service, operation, parameters: { ...properties, Tags: inputs.tags } }];

/** A call of EC2, which is told in its own way how to tag what it makes. */
const ec2 = (operation: string, kind: string, { Tags, ...parameters }: Properties, id: string): Step => ({
  service: "ec2",
  operation,
  parameters: { ...parameters, ...tagSpecifications(kind, Tags) },
  gives: { id },
});

/** EC2 takes none that are empty. */
const tagSpecifications = (kind: string, tags: unknown) =>
  tags === undefined ? {} : { TagSpecifications: [{ ResourceType: kind, Tags: tags }] };

const tagList = (tags: unknown) => Object.entries(tags ?? {}).map(([Key, Value]) => ({ Key, Value }));

/** A rule of a security group. */
const authorize =
  (operation: string): Steps =>
  ({ inputs }) => {
    const { securityGroupId, description, cidrIpv4, referencedSecurityGroupId, prefixListId, tags, ...traffic } =
      inputs;
    const others = {
      ...(cidrIpv4 === undefined ? {} : { IpRanges: [{ CidrIp: cidrIpv4, Description: description }] }),
      ...(referencedSecurityGroupId === undefined
        ? {}
        : { UserIdGroupPairs: [{ GroupId: referencedSecurityGroupId, Description: description }] }),
      ...(prefixListId === undefined
        ? {}
        : { PrefixListIds: [{ PrefixListId: prefixListId, Description: description }] }),
    };
    return [
      {
        service: "ec2",
        operation,
        parameters: {
          GroupId: securityGroupId,
          IpPermissions: [{ ...traffic, ...others }],
          ...tagSpecifications("security-group-rule", tags && tagList(tags)),
        },
      },
    ];
  };

export const CALLS: Readonly<Record<string, Steps>> = {
  "aws:appautoscaling/policy:Policy": same("application-autoscaling", "PutScalingPolicy"),
  "aws:appautoscaling/target:Target": sameWithTagMap("application-autoscaling", "RegisterScalableTarget"),
  "aws:athena/namedQuery:NamedQuery": same("athena", "CreateNamedQuery"),
  "aws:athena/workgroup:Workgroup": ({ properties: { WorkGroupConfiguration, RecursiveDeleteOption: _, ...rest } }) => [
    { service: "athena", operation: "CreateWorkGroup", parameters: { ...rest, Configuration: WorkGroupConfiguration } },
  ],
  "aws:backup/plan:Plan": ({ inputs, written }) => {
    const { Tags, ...plan } = written({
      name: named("BackupPlanName"),
      "rules.schedule": named("ScheduleExpression"),
      "rules.targetVaultName": named("TargetBackupVaultName"),
      "rules.startWindow": named("StartWindowMinutes"),
      "rules.completionWindow": named("CompletionWindowMinutes"),
      "rules.lifecycle.deleteAfter": named("DeleteAfterDays"),
      "rules.copyActions.destinationVaultArn": named("DestinationBackupVaultArn"),
      "rules.copyActions.lifecycle.deleteAfter": named("DeleteAfterDays"),
    });
    return [
      {
        service: "backup",
        operation: "CreateBackupPlan",
        parameters: { BackupPlan: plan, BackupPlanTags: inputs.tags },
        gives: { id: "BackupPlanId" },
      },
    ];
  },
  "aws:backup/restoreTestingPlan:RestoreTestingPlan": ({ properties: { Tags: _, ...plan }, inputs }) => [
    {
      service: "backup",
      operation: "CreateRestoreTestingPlan",
      parameters: { RestoreTestingPlan: plan, Tags: inputs.tags },
    },
  ],
  "aws:backup/restoreTestingSelection:RestoreTestingSelection": ({
    properties: { RestoreTestingPlanName, ...selection },
  }) => [
    {
      service: "backup",
      operation: "CreateRestoreTestingSelection",
      parameters: { RestoreTestingPlanName, RestoreTestingSelection: selection },
    },
  ],
  "aws:backup/selection:Selection": same("backup", "CreateBackupSelection"),
  "aws:backup/vault:Vault": same("backup", "CreateBackupVault"),
  "aws:cloudtrail/trail:Trail": ({ properties: { TrailName, EventSelectors, Tags, IsLogging: _, ...rest } }) => [
    { service: "cloudtrail", operation: "CreateTrail", parameters: { ...rest, Name: TrailName, TagsList: Tags } },
    { service: "cloudtrail", operation: "PutEventSelectors", parameters: { TrailName, EventSelectors } },
    { service: "cloudtrail", operation: "StartLogging", parameters: { Name: TrailName } },
  ],
  "aws:cloudwatch/dashboard:Dashboard": same("cloudwatch", "PutDashboard"),
  "aws:cloudwatch/eventRule:EventRule": same("events", "PutRule"),
  "aws:cloudwatch/eventTarget:EventTarget": ({ properties, inputs }) => [
    { service: "events", operation: "PutTargets", parameters: { Rule: inputs.rule, Targets: [properties] } },
  ],
  "aws:cloudwatch/logGroup:LogGroup": ({ properties: { RetentionInDays, LogGroupName }, inputs }) => [
    { service: "logs", operation: "CreateLogGroup", parameters: { LogGroupName, Tags: inputs.tags } },
    { service: "logs", operation: "PutRetentionPolicy", parameters: { LogGroupName, RetentionInDays } },
  ],
  "aws:cloudwatch/logMetricFilter:LogMetricFilter": same("logs", "PutMetricFilter"),
  "aws:cloudwatch/metricAlarm:MetricAlarm": same("cloudwatch", "PutMetricAlarm"),
  "aws:ec2/routeTable:RouteTable": ({ properties }) => [
    ec2("CreateRouteTable", "route-table", properties, "RouteTable.RouteTableId"),
  ],
  "aws:ec2/routeTableAssociation:RouteTableAssociation": same("ec2", "AssociateRouteTable"),
  "aws:ec2/route:Route": same("ec2", "CreateRoute"),
  "aws:ec2/securityGroup:SecurityGroup": ({ properties: { GroupDescription, ...rest } }) => [
    ec2("CreateSecurityGroup", "security-group", { ...rest, Description: GroupDescription }, "GroupId"),
  ],
  "aws:ec2/subnet:Subnet": ({ properties: { MapPublicIpOnLaunch, ...rest }, outputs }) => [
    ec2("CreateSubnet", "subnet", rest, "Subnet.SubnetId"),
    {
      service: "ec2",
      operation: "ModifySubnetAttribute",
      parameters: { SubnetId: outputs.id, MapPublicIpOnLaunch: { Value: MapPublicIpOnLaunch } },
    },
  ],
  "aws:ec2/vpc:Vpc": ({ properties: { EnableDnsSupport, EnableDnsHostnames, ...rest }, outputs }) => [
    ec2("CreateVpc", "vpc", rest, "Vpc.VpcId"),
    ...Object.entries({ EnableDnsSupport, EnableDnsHostnames }).map(([name, value]) => ({
      service: "ec2",
      operation: "ModifyVpcAttribute",
      parameters: { VpcId: outputs.id, [name]: { Value: value } },
    })),
  ],
  "aws:ec2/vpcEndpoint:VpcEndpoint": ({ properties }) => [
    ec2("CreateVpcEndpoint", "vpc-endpoint", properties, "VpcEndpoint.VpcEndpointId"),
  ],
  "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": ({ properties }) => [
    ec2(
      "CreateVpcPeeringConnection",
      "vpc-peering-connection",
      properties,
      "VpcPeeringConnection.VpcPeeringConnectionId",
    ),
  ],
  "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter": ({ inputs }) => {
    const region = String(inputs.region);
    const id = inputs.vpcPeeringConnectionId;
    return [
      { service: "ec2", region, operation: "AcceptVpcPeeringConnection", parameters: { VpcPeeringConnectionId: id } },
      { service: "ec2", region, operation: "CreateTags", parameters: { Resources: [id], Tags: tagList(inputs.tags) } },
    ];
  },
  "aws:ecr/lifecyclePolicy:LifecyclePolicy": ({ inputs }) => [
    {
      service: "ecr",
      operation: "PutLifecyclePolicy",
      parameters: { RepositoryName: inputs.repository, LifecyclePolicyText: inputs.policy },
    },
  ],
  "aws:ecr/repository:Repository": ({ properties: { EmptyOnDelete: _, ...rest } }) => [
    { service: "ecr", operation: "CreateRepository", parameters: rest },
  ],
  "aws:ecs/cluster:Cluster": ({ properties: { ClusterSettings, ...rest } }) => [
    { service: "ecs", operation: "CreateCluster", parameters: { ...rest, Settings: ClusterSettings } },
  ],
  "aws:ecs/service:Service": same("ecs", "CreateService"),
  "aws:ecs/taskDefinition:TaskDefinition": same("ecs", "RegisterTaskDefinition", {
    arn: "taskDefinition.taskDefinitionArn",
  }),
  "aws:efs/accessPoint:AccessPoint": ({ properties: { AccessPointTags, ...rest }, outputs }) => [
    {
      service: "efs",
      operation: "CreateAccessPoint",
      parameters: { ...rest, ClientToken: outputs.id, Tags: AccessPointTags },
      gives: { id: "AccessPointId", arn: "AccessPointArn" },
    },
  ],
  "aws:efs/fileSystem:FileSystem": ({ properties: { FileSystemTags, LifecyclePolicies, ...rest }, outputs }) => [
    {
      service: "efs",
      operation: "CreateFileSystem",
      parameters: { ...rest, CreationToken: outputs.id, Tags: FileSystemTags },
      gives: { id: "FileSystemId", arn: "FileSystemArn" },
    },
    {
      service: "efs",
      operation: "PutLifecycleConfiguration",
      parameters: { FileSystemId: outputs.id, LifecyclePolicies: LifecyclePolicies ?? [] },
    },
  ],
  "aws:efs/fileSystemPolicy:FileSystemPolicy": ({ inputs }) => [
    {
      service: "efs",
      operation: "PutFileSystemPolicy",
      parameters: { FileSystemId: inputs.fileSystemId, Policy: inputs.policy },
    },
  ],
  "aws:efs/mountTarget:MountTarget": same("efs", "CreateMountTarget", { id: "MountTargetId", ipAddress: "IpAddress" }),
  "aws:glue/catalogDatabase:CatalogDatabase": sameWithTagMap("glue", "CreateDatabase"),
  "aws:glue/catalogTable:CatalogTable": same("glue", "CreateTable"),
  "aws:iam/role:Role": same("iam", "CreateRole"),
  "aws:iam/rolePolicy:RolePolicy": same("iam", "PutRolePolicy"),
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ({ inputs }) => [
    {
      service: "iam",
      operation: "AttachRolePolicy",
      parameters: { RoleName: inputs.role, PolicyArn: inputs.policyArn },
    },
  ],
  "aws:lambda/function:Function": ({ properties: { ReservedConcurrentExecutions, ...rest }, inputs }) => [
    {
      service: "lambda",
      operation: "CreateFunction",
      parameters: { ...rest, Code: { ZipFile: "the bundle" }, Tags: inputs.tags },
    },
    {
      service: "lambda",
      operation: "PutFunctionConcurrency",
      parameters: { FunctionName: rest.FunctionName, ReservedConcurrentExecutions },
    },
  ],
  "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": same("lambda", "PutFunctionEventInvokeConfig"),
  "aws:lambda/permission:Permission": ({ properties, outputs }) => [
    { service: "lambda", operation: "AddPermission", parameters: { ...properties, StatementId: outputs.name } },
  ],
  "aws:lb/listener:Listener": same("elbv2", "CreateListener", { arn: "Listeners[0].ListenerArn" }),
  "aws:lb/loadBalancer:LoadBalancer": ({ properties: { LoadBalancerAttributes, ...rest }, outputs }) => [
    {
      service: "elbv2",
      operation: "CreateLoadBalancer",
      parameters: rest,
      gives: { arn: "LoadBalancers[0].LoadBalancerArn" },
    },
    {
      service: "elbv2",
      operation: "ModifyLoadBalancerAttributes",
      parameters: { LoadBalancerArn: outputs.arn, Attributes: LoadBalancerAttributes },
    },
  ],
  "aws:lb/targetGroup:TargetGroup": ({ properties: { TargetGroupAttributes, ...rest }, outputs }) => [
    {
      service: "elbv2",
      operation: "CreateTargetGroup",
      parameters: rest,
      gives: { arn: "TargetGroups[0].TargetGroupArn" },
    },
    {
      service: "elbv2",
      operation: "ModifyTargetGroupAttributes",
      parameters: { TargetGroupArn: outputs.arn, Attributes: TargetGroupAttributes },
    },
  ],
  "aws:route53/healthCheck:HealthCheck": ({ properties: { HealthCheckTags, ...rest }, outputs }) => [
    {
      service: "route53",
      operation: "CreateHealthCheck",
      parameters: { ...rest, CallerReference: outputs.id },
      gives: { id: "HealthCheck.Id" },
    },
    {
      service: "route53",
      operation: "ChangeTagsForResource",
      parameters: { ResourceType: "healthcheck", ResourceId: outputs.id, AddTags: HealthCheckTags },
    },
  ],
  "aws:route53/record:Record": ({ properties: { HostedZoneId, TTL: _, ResourceRecords, ...record }, inputs }) => [
    {
      service: "route53",
      operation: "ChangeResourceRecordSets",
      parameters: {
        HostedZoneId,
        ChangeBatch: {
          Changes: [
            {
              Action: "CREATE",
              ResourceRecordSet: {
                ...record,
                ...(inputs.ttl === undefined ? {} : { TTL: inputs.ttl }),
                ...(Array.isArray(ResourceRecords)
                  ? { ResourceRecords: ResourceRecords.map((Value) => ({ Value })) }
                  : {}),
              },
            },
          ],
        },
      },
    },
  ],
  "aws:s3/bucket:Bucket": ({ properties: { BucketName, Tags } }) => [
    {
      service: "s3",
      operation: "CreateBucket",
      parameters: { Bucket: BucketName, CreateBucketConfiguration: { LocationConstraint: REGION } },
    },
    { service: "s3", operation: "PutBucketTagging", parameters: { Bucket: BucketName, Tagging: { TagSet: Tags } } },
  ],
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ({ inputs, written }) => [
    {
      service: "s3",
      operation: "PutBucketLifecycleConfiguration",
      parameters: { Bucket: inputs.bucket, ...written({ rules: named("LifecycleConfiguration.Rules") }) },
    },
  ],
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ({ inputs, written }) => [
    {
      service: "s3",
      operation: "PutBucketOwnershipControls",
      parameters: { Bucket: inputs.bucket, ...written({ rule: inList("OwnershipControls.Rules") }) },
    },
  ],
  "aws:s3/bucketPolicy:BucketPolicy": ({ inputs }) => [
    { service: "s3", operation: "PutBucketPolicy", parameters: inputs },
  ],
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ({ properties, inputs }) => [
    { service: "s3", operation: "PutPublicAccessBlock", parameters: { Bucket: inputs.bucket, ...properties } },
  ],
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": ({ inputs, written }) => [
    {
      service: "s3",
      operation: "PutBucketEncryption",
      parameters: { Bucket: inputs.bucket, ...written({ rules: named("ServerSideEncryptionConfiguration.Rules") }) },
    },
  ],
  "aws:secretsmanager/secret:Secret": same("secretsmanager", "CreateSecret", { id: "ARN" }),
  "aws:sns/topic:Topic": ({ properties: { TopicName, DisplayName, Tags } }) => [
    { service: "sns", operation: "CreateTopic", parameters: { Name: TopicName, Attributes: { DisplayName }, Tags } },
  ],
  "aws:sns/topicPolicy:TopicPolicy": ({ inputs }) => [
    {
      service: "sns",
      operation: "SetTopicAttributes",
      parameters: { TopicArn: inputs.arn, AttributeName: "Policy", AttributeValue: inputs.policy },
    },
  ],
  "aws:sns/topicSubscription:TopicSubscription": same("sns", "Subscribe"),
  "aws:ssm/parameter:Parameter": ({ properties, inputs: { keyId, tags } }) => [
    {
      service: "ssm",
      operation: "PutParameter",
      parameters: { ...properties, ...(keyId === undefined ? {} : { KeyId: keyId }), Tags: tagList(tags) },
    },
  ],
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": authorize("AuthorizeSecurityGroupEgress"),
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": authorize("AuthorizeSecurityGroupIngress"),
};
