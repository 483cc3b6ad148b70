/**
 * What AWS takes as a name, a description, a document, a number of seconds.
 *
 * The services' models, which `service-models.test.ts` asks, have some of it. The rest is in the prose of the API
 * references and the user guides alone, and a deployment would be the first to find out. Names, descriptions and sizes
 * are here in either case, so that their check needs no program that `npm ci` does not bring.
 */

/** What a text must be. */
export interface TextLimit {
  /** Pulumi's type and input. Example: `aws:iam/role:Role` and `description`. */
  readonly type: string;
  readonly input: string;
  readonly allowed: RegExp;
  readonly longest: number;
  /** The operation or type of the service's API reference that says so, or a page. */
  readonly source: string;
}

/** How many bytes a document may have. */
export interface SizeLimit {
  readonly type: string;
  readonly input: string;
  readonly largest: number;
  readonly source: string;
}

const ANYTHING = /^[^\p{Cc}]+$/u;
const WORD = /^[A-Za-z0-9_-]+$/;
const WORD_WITH_DOTS = /^[A-Za-z0-9._-]+$/;
const LATIN_1 = /^[\t\n\r\u0020-\u007E\u00A1-\u00FF]*$/;
const OF_GROUPS = /^[a-zA-Z0-9 ._:/()#,@[\]+=&;{}!$*-]+$/;

export const TEXT_LIMITS: readonly TextLimit[] = [
  limit("appautoscaling/policy:Policy", "name", /^[\x20-\x7E]+$/, 256, "PutScalingPolicy"),
  limit("athena/namedQuery:NamedQuery", "name", ANYTHING, 128, "CreateNamedQuery"),
  limit("athena/namedQuery:NamedQuery", "description", ANYTHING, 1024, "CreateNamedQuery"),
  limit("athena/workgroup:Workgroup", "name", WORD_WITH_DOTS, 128, "CreateWorkGroup"),
  limit("athena/workgroup:Workgroup", "description", ANYTHING, 1024, "CreateWorkGroup"),
  limit("backup/plan:Plan", "name", WORD_WITH_DOTS, 50, "CreateBackupPlan"),
  limit("backup/plan:Plan", "rules.ruleName", WORD_WITH_DOTS, 50, "CreateBackupPlan"),
  limit("backup/restoreTestingPlan:RestoreTestingPlan", "name", /^[A-Za-z0-9_]+$/, 50, "RestoreTestingPlanForCreate"),
  limit(
    "backup/restoreTestingSelection:RestoreTestingSelection",
    "name",
    /^[A-Za-z0-9_]+$/,
    50,
    "RestoreTestingSelectionForCreate",
  ),
  limit("backup/selection:Selection", "name", WORD_WITH_DOTS, 50, "CreateBackupSelection"),
  limit("backup/vault:Vault", "name", /^[A-Za-z0-9_-]{2,}$/, 50, "CreateBackupVault"),
  // No two of . _ - side by side.
  limit("cloudtrail/trail:Trail", "name", /^(?=.{3})[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$/, 128, "CreateTrail"),
  limit("cloudwatch/dashboard:Dashboard", "dashboardName", WORD, 255, "PutDashboard"),
  limit("cloudwatch/eventRule:EventRule", "name", WORD_WITH_DOTS, 64, "PutRule"),
  limit("cloudwatch/eventRule:EventRule", "description", ANYTHING, 512, "PutRule"),
  limit("cloudwatch/eventTarget:EventTarget", "targetId", WORD_WITH_DOTS, 64, "PutTargets"),
  limit("cloudwatch/logGroup:LogGroup", "name", /^(?!aws\/)[\w.\-/#]+$/, 512, "CreateLogGroup"),
  limit("cloudwatch/logMetricFilter:LogMetricFilter", "name", /^[^:*]+$/, 512, "PutMetricFilter"),
  limit("cloudwatch/logMetricFilter:LogMetricFilter", "metricTransformation.name", /^[^:*$]+$/, 255, "PutMetricFilter"),
  limit("cloudwatch/metricAlarm:MetricAlarm", "name", ANYTHING, 255, "PutMetricAlarm"),
  limit("cloudwatch/metricAlarm:MetricAlarm", "alarmDescription", ANYTHING, 1024, "PutMetricAlarm"),
  limit(
    "ec2/securityGroup:SecurityGroup",
    "name",
    /^(?!sg-)[a-zA-Z0-9 ._:/()#,@[\]+=&;{}!$*-]+$/,
    255,
    "CreateSecurityGroup",
  ),
  limit("ec2/securityGroup:SecurityGroup", "description", OF_GROUPS, 255, "CreateSecurityGroup"),
  limit("ecr/repository:Repository", "name", /^(?=..)[a-z][a-z0-9]*([._/-][a-z0-9]+)*$/, 256, "CreateRepository"),
  limit("ecs/cluster:Cluster", "name", WORD, 255, "CreateCluster"),
  limit("ecs/service:Service", "name", WORD, 255, "CreateService"),
  limit("ecs/taskDefinition:TaskDefinition", "family", WORD, 255, "RegisterTaskDefinition"),
  // Athena asks for less than Glue: "Name databases, tables, and columns".
  limit("glue/catalogDatabase:CatalogDatabase", "name", /^[a-z0-9_]+$/, 255, "Athena user guide"),
  limit("glue/catalogDatabase:CatalogDatabase", "description", ANYTHING, 2048, "CreateDatabase"),
  limit("glue/catalogTable:CatalogTable", "name", /^[a-z0-9_]+$/, 255, "Athena user guide"),
  limit("iam/role:Role", "name", /^[\w+=,.@-]+$/, 64, "CreateRole"),
  limit("iam/role:Role", "description", LATIN_1, 1000, "CreateRole"),
  limit("iam/rolePolicy:RolePolicy", "name", /^[\w+=,.@-]+$/, 128, "PutRolePolicy"),
  limit("lambda/function:Function", "name", WORD, 64, "CreateFunction"),
  limit("lambda/function:Function", "description", ANYTHING, 256, "CreateFunction"),
  limit("route53/record:Record", "name", /^[a-z0-9.-]+$/, 255, "ResourceRecordSet"),
  limit(
    "lb/loadBalancer:LoadBalancer",
    "name",
    /^(?!internal-)[A-Za-z0-9]+(-+[A-Za-z0-9]+)*$/,
    32,
    "CreateLoadBalancer",
  ),
  limit("lb/targetGroup:TargetGroup", "name", /^[A-Za-z0-9]+(-+[A-Za-z0-9]+)*$/, 32, "CreateTargetGroup"),
  limit(
    "s3/bucket:Bucket",
    "bucket",
    /^(?=.{3})(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9]+([.-]?[a-z0-9]+)*$/,
    63,
    "S3 user guide, General purpose bucket naming rules",
  ),
  limit("secretsmanager/secret:Secret", "name", /^(?!.*-.{6}$)[\w/+=.@-]+$/, 512, "CreateSecret"),
  limit("secretsmanager/secret:Secret", "description", ANYTHING, 2048, "CreateSecret"),
  limit("sns/topic:Topic", "name", WORD, 256, "CreateTopic"),
  limit("sns/topic:Topic", "displayName", ANYTHING, 100, "SNS developer guide, Creating a topic"),
  // Of 1,011 characters, the ARN takes up to 60 with the region's and the partition's longest names; 15 levels.
  limit("ssm/parameter:Parameter", "name", /^(?!\/?(aws|ssm))(\/[\w.-]+){1,15}$/i, 951, "PutParameter"),
  limit("ssm/parameter:Parameter", "description", ANYTHING, 1024, "PutParameter"),
  limit("vpc/securityGroupEgressRule:SecurityGroupEgressRule", "description", OF_GROUPS, 255, "IpRange"),
  limit("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "description", OF_GROUPS, 255, "IpRange"),
];

export const SIZE_LIMITS: readonly SizeLimit[] = [
  size("cloudwatch/eventRule:EventRule", "eventPattern", 4096, "PutRule"),
  size("ecr/lifecyclePolicy:LifecyclePolicy", "policy", 30_720, "PutLifecyclePolicy"),
  size("ecs/taskDefinition:TaskDefinition", "containerDefinitions", 65_536, "ECS service quotas, Task definition size"),
  size("efs/fileSystemPolicy:FileSystemPolicy", "policy", 20_000, "PutFileSystemPolicy"),
  size("iam/role:Role", "assumeRolePolicy", 2048, "IAM quotas, Role trust policy"),
  size("s3/bucketPolicy:BucketPolicy", "policy", 20_480, "S3 user guide, Bucket policies"),
  size("sns/topicPolicy:TopicPolicy", "policy", 30_720, "SNS quotas"),
  size("ssm/parameter:Parameter", "value", 4096, "PutParameter, standard parameters"),
];

/** What a number must be, where the service's model does not say. */
export interface NumberLimit {
  readonly type: string;
  readonly input: string;
  readonly least: number;
  readonly most: number;
  readonly source: string;
}

export const NUMBER_LIMITS: readonly NumberLimit[] = [
  range("backup/plan:Plan", "rules.startWindow", 60, 52_560_000, "CreateBackupPlan"),
  range("ecs/taskDefinition:TaskDefinition", "containerDefinitions.healthCheck.interval", 5, 300, "HealthCheck"),
  range("ecs/taskDefinition:TaskDefinition", "containerDefinitions.healthCheck.timeout", 2, 60, "HealthCheck"),
  range("ecs/taskDefinition:TaskDefinition", "containerDefinitions.healthCheck.retries", 1, 10, "HealthCheck"),
  range("ecs/taskDefinition:TaskDefinition", "containerDefinitions.healthCheck.startPeriod", 0, 300, "HealthCheck"),
  range("ecs/taskDefinition:TaskDefinition", "containerDefinitions.stopTimeout", 2, 120, "ContainerDefinition"),
  range("lb/loadBalancer:LoadBalancer", "idleTimeout", 1, 4000, "LoadBalancerAttribute"),
  range("lb/targetGroup:TargetGroup", "deregistrationDelay", 0, 3600, "TargetGroupAttribute"),
];

/** All inline policies of a role together. Source: IAM quotas, which do not count white space. */
export const LARGEST_INLINE_POLICIES = 10_240;

/** Of tags, on all services that take any. Source: Tagging AWS Resources, Tag naming limits and requirements. */
export const TAG_LIMITS = {
  key: /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,127}$/iu,
  // ECR takes one character less than the others.
  value: /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,255}$/iu,
  most: 50,
};

function limit(type: string, input: string, allowed: RegExp, longest: number, source: string): TextLimit {
  return { type: `aws:${type}`, input, allowed, longest, source };
}

function size(type: string, input: string, largest: number, source: string): SizeLimit {
  return { type: `aws:${type}`, input, largest, source };
}

function range(type: string, input: string, least: number, most: number, source: string): NumberLimit {
  return { type: `aws:${type}`, input, least, most, source };
}
