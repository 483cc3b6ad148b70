/** What each resource type of the stack is called in CloudFormation, and where it is written in another way. */
import { ACCOUNT_ID } from "../infra/aws-stand-in.ts";
import {
  asIs,
  attribute,
  digits,
  document,
  inList,
  named,
  onlyItem,
  pairs,
  spread,
  spreadItem,
  type Translation,
  text,
  words,
} from "./translate.ts";

const PULUMI_ALONE = "what Pulumi does when it deletes the resource";

/** What the resource is known by: the id, which is a reference to it, and the ARN. */
const WITH_ARN = { id: "Ref", arn: "Arn" };

export const CLOUDFORMATION_TYPES: Readonly<Record<string, Translation>> = {
  "aws:appautoscaling/policy:Policy": {
    type: "AWS::ApplicationAutoScaling::ScalingPolicy",
    autoNamed: "name",
    properties: { name: named("PolicyName") },
  },
  "aws:appautoscaling/target:Target": { type: "AWS::ApplicationAutoScaling::ScalableTarget" },
  "aws:athena/namedQuery:NamedQuery": {
    type: "AWS::Athena::NamedQuery",
    properties: { query: named("QueryString"), workgroup: named("WorkGroup") },
  },
  "aws:athena/workgroup:Workgroup": {
    type: "AWS::Athena::WorkGroup",
    autoNamed: "name",
    properties: { configuration: named("WorkGroupConfiguration"), forceDestroy: named("RecursiveDeleteOption") },
    attributes: { id: "Ref" },
  },
  "aws:backup/plan:Plan": {
    type: "AWS::Backup::BackupPlan",
    autoNamed: "name",
    properties: {
      name: named("BackupPlan.BackupPlanName"),
      tags: asIs("BackupPlanTags"),
      rules: named("BackupPlan.BackupPlanRule"),
      "rules.targetVaultName": named("TargetBackupVault"),
      "rules.schedule": named("ScheduleExpression"),
      "rules.startWindow": named("StartWindowMinutes"),
      "rules.completionWindow": named("CompletionWindowMinutes"),
      "rules.lifecycle.deleteAfter": named("DeleteAfterDays"),
      "rules.copyActions.destinationVaultArn": named("DestinationBackupVaultArn"),
      "rules.copyActions.lifecycle.deleteAfter": named("DeleteAfterDays"),
    },
    attributes: { id: "Ref" },
  },
  "aws:backup/restoreTestingPlan:RestoreTestingPlan": {
    type: "AWS::Backup::RestoreTestingPlan",
    properties: { name: named("RestoreTestingPlanName") },
    attributes: { name: "Ref" },
  },
  "aws:backup/restoreTestingSelection:RestoreTestingSelection": {
    type: "AWS::Backup::RestoreTestingSelection",
    properties: { name: named("RestoreTestingSelectionName") },
  },
  "aws:backup/selection:Selection": {
    type: "AWS::Backup::BackupSelection",
    autoNamed: "name",
    properties: {
      name: named("BackupSelection.SelectionName"),
      planId: named("BackupPlanId"),
      iamRoleArn: named("BackupSelection.IamRoleArn"),
      resources: named("BackupSelection.Resources"),
    },
  },
  "aws:backup/vault:Vault": {
    type: "AWS::Backup::BackupVault",
    autoNamed: "name",
    properties: { name: named("BackupVaultName"), tags: asIs("BackupVaultTags"), kmsKeyArn: named("EncryptionKeyArn") },
    leftOut: { forceDestroy: PULUMI_ALONE, region: "where the resource is: CloudFormation has a stack in each region" },
    attributes: { id: "Ref", arn: "BackupVaultArn" },
  },
  "aws:cloudtrail/trail:Trail": {
    type: "AWS::CloudTrail::Trail",
    autoNamed: "name",
    properties: { name: named("TrailName") },
    added: { IsLogging: true },
    attributes: WITH_ARN,
  },
  "aws:cloudwatch/dashboard:Dashboard": { type: "AWS::CloudWatch::Dashboard" },
  "aws:cloudwatch/eventRule:EventRule": {
    type: "AWS::Events::Rule",
    autoNamed: "name",
    properties: { eventPattern: document("EventPattern") },
    attributes: WITH_ARN,
  },
  "aws:cloudwatch/eventTarget:EventTarget": {
    type: "AWS::Events::Rule",
    partOf: { type: "aws:cloudwatch/eventRule:EventRule", input: "rule", output: "id", itemOf: "Targets" },
    autoNamed: "targetId",
    properties: { targetId: named("Id"), "inputTransformer.inputPaths": asIs("InputPathsMap") },
  },
  "aws:cloudwatch/logGroup:LogGroup": {
    type: "AWS::Logs::LogGroup",
    autoNamed: "name",
    properties: { name: named("LogGroupName") },
    attributes: WITH_ARN,
  },
  "aws:cloudwatch/logMetricFilter:LogMetricFilter": {
    type: "AWS::Logs::MetricFilter",
    autoNamed: "name",
    properties: {
      name: named("FilterName"),
      pattern: named("FilterPattern"),
      metricTransformation: inList("MetricTransformations"),
      "metricTransformation.namespace": named("MetricNamespace"),
      "metricTransformation.name": named("MetricName"),
      "metricTransformation.value": named("MetricValue"),
    },
  },
  "aws:cloudwatch/metricAlarm:MetricAlarm": {
    type: "AWS::CloudWatch::Alarm",
    autoNamed: "name",
    properties: {
      name: named("AlarmName"),
      okActions: named("OKActions"),
      dimensions: pairs("Dimensions", "Name"),
      metricQueries: named("Metrics"),
      "metricQueries.metric": named("MetricStat"),
      "metricQueries.metric.namespace": named("Metric.Namespace"),
      "metricQueries.metric.metricName": named("Metric.MetricName"),
      "metricQueries.metric.dimensions": pairs("Metric.Dimensions", "Name"),
    },
    attributes: WITH_ARN,
  },
  "aws:ec2/route:Route": { type: "AWS::EC2::Route" },
  "aws:ec2/routeTable:RouteTable": { type: "AWS::EC2::RouteTable", attributes: { id: "Ref" } },
  "aws:ec2/routeTableAssociation:RouteTableAssociation": { type: "AWS::EC2::SubnetRouteTableAssociation" },
  "aws:ec2/securityGroup:SecurityGroup": {
    type: "AWS::EC2::SecurityGroup",
    autoNamed: "name",
    properties: { name: named("GroupName"), description: named("GroupDescription") },
    attributes: { id: "GroupId" },
  },
  "aws:ec2/subnet:Subnet": { type: "AWS::EC2::Subnet", attributes: { id: "Ref" } },
  "aws:ec2/vpc:Vpc": { type: "AWS::EC2::VPC", attributes: { id: "Ref" } },
  "aws:ec2/vpcEndpoint:VpcEndpoint": { type: "AWS::EC2::VPCEndpoint", attributes: { id: "Ref" } },
  "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": {
    type: "AWS::EC2::VPCPeeringConnection",
    attributes: { id: "Ref" },
  },
  "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter": {
    type: "AWS::EC2::VPCPeeringConnection",
    partOf: {
      type: "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
      input: "vpcPeeringConnectionId",
      output: "id",
    },
    leftOut: {
      autoAccept: "CloudFormation accepts the connection as it makes it",
      region: "where the other half is: CloudFormation has a stack in each region",
      tags: "CloudFormation does not tag the other half; the service's model has the tags",
    },
  },
  "aws:ecr/lifecyclePolicy:LifecyclePolicy": {
    type: "AWS::ECR::Repository",
    partOf: { type: "aws:ecr/repository:Repository", input: "repository", output: "name" },
    properties: { policy: text("LifecyclePolicy.LifecyclePolicyText") },
  },
  "aws:ecr/repository:Repository": {
    type: "AWS::ECR::Repository",
    autoNamed: "name",
    properties: {
      name: named("RepositoryName"),
      encryptionConfigurations: onlyItem("EncryptionConfiguration"),
      forceDelete: named("EmptyOnDelete"),
    },
    attributes: WITH_ARN,
  },
  "aws:ecs/cluster:Cluster": {
    type: "AWS::ECS::Cluster",
    autoNamed: "name",
    properties: { name: named("ClusterName"), settings: named("ClusterSettings") },
    attributes: { name: "Ref", arn: "Arn" },
  },
  "aws:ecs/service:Service": {
    type: "AWS::ECS::Service",
    autoNamed: "name",
    properties: {
      name: named("ServiceName"),
      deploymentCircuitBreaker: named("DeploymentConfiguration.DeploymentCircuitBreaker"),
      deploymentMaximumPercent: named("DeploymentConfiguration.MaximumPercent"),
      deploymentMinimumHealthyPercent: named("DeploymentConfiguration.MinimumHealthyPercent"),
      enableEcsManagedTags: named("EnableECSManagedTags"),
      networkConfiguration: named("NetworkConfiguration.AwsvpcConfiguration"),
      "networkConfiguration.assignPublicIp": words("AssignPublicIp", { true: "ENABLED", false: "DISABLED" }),
    },
    leftOut: { waitForSteadyState: "what Pulumi waits for" },
    attributes: { id: "Ref", name: "Name" },
  },
  "aws:ecs/taskDefinition:TaskDefinition": {
    type: "AWS::ECS::TaskDefinition",
    properties: {
      containerDefinitions: {
        to: ["ContainerDefinitions"],
        write: (value, byRule) => byRule(JSON.parse(String(value))),
      },
      "containerDefinitions.logConfiguration.options": asIs("Options"),
      "containerDefinitions.firelensConfiguration.options": asIs("Options"),
    },
    attributes: { arn: "Ref" },
  },
  "aws:efs/accessPoint:AccessPoint": {
    type: "AWS::EFS::AccessPoint",
    properties: { tags: pairs("AccessPointTags", "Key") },
    attributes: WITH_ARN,
  },
  "aws:efs/fileSystem:FileSystem": {
    type: "AWS::EFS::FileSystem",
    properties: { tags: pairs("FileSystemTags", "Key"), "lifecyclePolicies.transitionToIa": named("TransitionToIA") },
    attributes: WITH_ARN,
  },
  "aws:efs/fileSystemPolicy:FileSystemPolicy": {
    type: "AWS::EFS::FileSystem",
    partOf: { type: "aws:efs/fileSystem:FileSystem", input: "fileSystemId", output: "id" },
    properties: { policy: document("FileSystemPolicy") },
  },
  "aws:efs/mountTarget:MountTarget": { type: "AWS::EFS::MountTarget", attributes: { id: "Ref" } },
  "aws:glue/catalogDatabase:CatalogDatabase": {
    type: "AWS::Glue::Database",
    added: { CatalogId: ACCOUNT_ID },
    properties: { name: named("DatabaseInput.Name"), description: named("DatabaseInput.Description") },
    leftOut: { tags: "CloudFormation does not tag databases; the service's model has the tags" },
    attributes: { name: "Ref" },
  },
  "aws:glue/catalogTable:CatalogTable": {
    type: "AWS::Glue::Table",
    added: { CatalogId: ACCOUNT_ID },
    properties: {
      name: named("TableInput.Name"),
      tableType: named("TableInput.TableType"),
      parameters: asIs("TableInput.Parameters"),
      partitionKeys: named("TableInput.PartitionKeys"),
      storageDescriptor: named("TableInput.StorageDescriptor"),
      "storageDescriptor.serDeInfo": named("SerdeInfo"),
      "storageDescriptor.serDeInfo.parameters": asIs("Parameters"),
    },
  },
  "aws:iam/role:Role": {
    type: "AWS::IAM::Role",
    autoNamed: "name",
    properties: { name: named("RoleName"), assumeRolePolicy: document("AssumeRolePolicyDocument") },
    attributes: WITH_ARN,
  },
  "aws:iam/rolePolicy:RolePolicy": {
    type: "AWS::IAM::RolePolicy",
    autoNamed: "name",
    properties: { name: named("PolicyName"), role: named("RoleName"), policy: document("PolicyDocument") },
  },
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
    type: "AWS::IAM::Role",
    partOf: { type: "aws:iam/role:Role", input: "role", output: "name" },
    properties: { policyArn: inList("ManagedPolicyArns") },
  },
  "aws:lambda/function:Function": {
    type: "AWS::Lambda::Function",
    autoNamed: "name",
    added: { Code: { S3Bucket: "bundles", S3Key: "file-monitor.zip" } },
    properties: {
      name: named("FunctionName"),
      "environment.variables": asIs("Variables"),
      fileSystemConfig: inList("FileSystemConfigs"),
    },
    leftOut: { code: "a folder, which Pulumi zips; the monitor's bundle suites run it" },
    attributes: WITH_ARN,
  },
  "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {
    type: "AWS::Lambda::EventInvokeConfig",
    added: { Qualifier: "$LATEST" },
  },
  "aws:lambda/permission:Permission": {
    type: "AWS::Lambda::Permission",
    properties: { function: named("FunctionName") },
  },
  "aws:lb/listener:Listener": {
    type: "AWS::ElasticLoadBalancingV2::Listener",
    properties: {
      certificateArn: { to: ["Certificates"], write: (value, byRule) => [{ CertificateArn: byRule(value) }] },
    },
    attributes: { arn: "ListenerArn" },
  },
  "aws:lb/loadBalancer:LoadBalancer": {
    type: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    autoNamed: "name",
    properties: {
      internal: words("Scheme", { true: "internal", false: "internet-facing" }),
      loadBalancerType: named("Type"),
      dropInvalidHeaderFields: attribute("LoadBalancerAttributes", "routing.http.drop_invalid_header_fields.enabled"),
      preserveHostHeader: attribute("LoadBalancerAttributes", "routing.http.preserve_host_header.enabled"),
      idleTimeout: attribute("LoadBalancerAttributes", "idle_timeout.timeout_seconds"),
      enableDeletionProtection: attribute("LoadBalancerAttributes", "deletion_protection.enabled"),
      accessLogs: spread,
      "accessLogs.enabled": attribute("LoadBalancerAttributes", "access_logs.s3.enabled"),
      "accessLogs.bucket": attribute("LoadBalancerAttributes", "access_logs.s3.bucket"),
      xffHeaderProcessingMode: attribute("LoadBalancerAttributes", "routing.http.xff_header_processing.mode"),
    },
    attributes: { arn: "Ref" },
  },
  "aws:lb/targetGroup:TargetGroup": {
    type: "AWS::ElasticLoadBalancingV2::TargetGroup",
    autoNamed: "name",
    properties: {
      deregistrationDelay: attribute("TargetGroupAttributes", "deregistration_delay.timeout_seconds"),
      loadBalancingAlgorithmType: attribute("TargetGroupAttributes", "load_balancing.algorithm.type"),
      healthCheck: spread,
      "healthCheck.path": named("HealthCheckPath"),
      "healthCheck.port": named("HealthCheckPort"),
      "healthCheck.matcher": named("Matcher.HttpCode"),
      "healthCheck.interval": named("HealthCheckIntervalSeconds"),
      "healthCheck.timeout": named("HealthCheckTimeoutSeconds"),
      "healthCheck.healthyThreshold": named("HealthyThresholdCount"),
      "healthCheck.unhealthyThreshold": named("UnhealthyThresholdCount"),
    },
    attributes: { arn: "Ref" },
  },
  "aws:route53/healthCheck:HealthCheck": {
    type: "AWS::Route53::HealthCheck",
    properties: {
      tags: pairs("HealthCheckTags", "Key"),
      type: named("HealthCheckConfig.Type"),
      insufficientDataHealthStatus: named("HealthCheckConfig.InsufficientDataHealthStatus"),
      cloudwatchAlarmName: named("HealthCheckConfig.AlarmIdentifier.Name"),
      cloudwatchAlarmRegion: named("HealthCheckConfig.AlarmIdentifier.Region"),
    },
    leftOut: { triggers: "what makes Pulumi update the resource" },
    attributes: { id: "HealthCheckId" },
  },
  "aws:route53/record:Record": {
    type: "AWS::Route53::RecordSet",
    properties: {
      zoneId: named("HostedZoneId"),
      ttl: digits("TTL"),
      records: named("ResourceRecords"),
      weightedRoutingPolicies: spreadItem,
      latencyRoutingPolicies: spreadItem,
      aliases: onlyItem("AliasTarget"),
      "aliases.name": named("DNSName"),
      "aliases.zoneId": named("HostedZoneId"),
    },
  },
  "aws:s3/bucket:Bucket": {
    type: "AWS::S3::Bucket",
    autoNamed: "bucket",
    properties: { bucket: named("BucketName") },
    leftOut: { forceDestroy: PULUMI_ALONE },
    attributes: WITH_ARN,
  },
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
    type: "AWS::S3::Bucket",
    partOf: { type: "aws:s3/bucket:Bucket", input: "bucket", output: "bucket" },
    properties: {
      rules: named("LifecycleConfiguration.Rules"),
      "rules.filter": spread,
      "rules.expiration": spread,
      "rules.expiration.days": named("ExpirationInDays"),
      "rules.transitions.days": named("TransitionInDays"),
    },
  },
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {
    type: "AWS::S3::Bucket",
    partOf: { type: "aws:s3/bucket:Bucket", input: "bucket", output: "bucket" },
    properties: { rule: inList("OwnershipControls.Rules") },
  },
  "aws:s3/bucketPolicy:BucketPolicy": {
    type: "AWS::S3::BucketPolicy",
    properties: { policy: document("PolicyDocument") },
  },
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {
    type: "AWS::S3::Bucket",
    partOf: { type: "aws:s3/bucket:Bucket", input: "bucket", output: "bucket" },
    properties: {
      blockPublicAcls: named("PublicAccessBlockConfiguration.BlockPublicAcls"),
      blockPublicPolicy: named("PublicAccessBlockConfiguration.BlockPublicPolicy"),
      ignorePublicAcls: named("PublicAccessBlockConfiguration.IgnorePublicAcls"),
      restrictPublicBuckets: named("PublicAccessBlockConfiguration.RestrictPublicBuckets"),
    },
  },
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
    type: "AWS::S3::Bucket",
    partOf: { type: "aws:s3/bucket:Bucket", input: "bucket", output: "bucket" },
    properties: {
      rules: named("BucketEncryption.ServerSideEncryptionConfiguration"),
      "rules.applyServerSideEncryptionByDefault": named("ServerSideEncryptionByDefault"),
      "rules.applyServerSideEncryptionByDefault.sseAlgorithm": named("SSEAlgorithm"),
    },
  },
  "aws:secretsmanager/secret:Secret": {
    type: "AWS::SecretsManager::Secret",
    autoNamed: "name",
    leftOut: { recoveryWindowInDays: PULUMI_ALONE },
    attributes: { id: "Ref" },
  },
  "aws:sns/topic:Topic": {
    type: "AWS::SNS::Topic",
    autoNamed: "name",
    properties: { name: named("TopicName") },
    attributes: { arn: "TopicArn" },
  },
  "aws:sns/topicPolicy:TopicPolicy": {
    type: "AWS::SNS::TopicPolicy",
    properties: { arn: inList("Topics"), policy: document("PolicyDocument") },
  },
  "aws:sns/topicSubscription:TopicSubscription": {
    type: "AWS::SNS::Subscription",
    properties: { topic: named("TopicArn") },
  },
  "aws:ssm/parameter:Parameter": {
    type: "AWS::SSM::Parameter",
    autoNamed: "name",
    properties: { tags: asIs("Tags") },
    leftOut: { keyId: "CloudFormation makes no SecureString; the service's model has the key" },
    attributes: { id: "Ref", arn: "Arn" },
  },
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
    type: "AWS::EC2::SecurityGroupEgress",
    properties: {
      securityGroupId: named("GroupId"),
      cidrIpv4: named("CidrIp"),
      referencedSecurityGroupId: named("DestinationSecurityGroupId"),
      prefixListId: named("DestinationPrefixListId"),
    },
    leftOut: { tags: "CloudFormation does not tag rules; the service's model has the tags" },
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
    type: "AWS::EC2::SecurityGroupIngress",
    properties: {
      securityGroupId: named("GroupId"),
      cidrIpv4: named("CidrIp"),
      referencedSecurityGroupId: named("SourceSecurityGroupId"),
    },
    leftOut: { tags: "CloudFormation does not tag rules; the service's model has the tags" },
  },
};

/** Resource types that are no resource of AWS. */
export const NOT_OF_AWS: Readonly<Record<string, string>> = {
  "docker-build:index:Image": "built and pushed by Docker, which the image suites do",
  ...Object.fromEntries(
    Object.entries({
      SharedLogGroup: "shared-log-group",
      FileSystemSettings: "file-system-settings",
      GeneratedToken: "generated-token",
      MountTargetSweeper: "sweeper",
      Replica: "replica",
      RoleFollower: "role-follower",
      TaskStopper: "task-stopper",
    }).map(([type, suite]) => [
      `pulumi-nodejs:dynamic/efs-mount-autoscaling:${type}`,
      `calls of our own, which tests/infra/${suite} runs`,
    ]),
  ),
};
