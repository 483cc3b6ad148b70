/** A FastAPI application on Fargate. Its files are on the file system of another stack, through a router beside it. */
import * as aws from "@pulumi/aws";
import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { RouterSidecar, readRouterBlueprint } from "efs-mount-autoscaling/router-sidecar";

const APPLICATION_PORT = 8000;

const config = new pulumi.Config();
const filesStack = new pulumi.StackReference("files", { name: config.require("filesStack") });
const blueprint = await readRouterBlueprint(filesStack);
const s3AccessKeysSecretArn = config.get("s3AccessKeysSecretArn") || blueprint.s3AccessKeysSecretArn;
if (s3AccessKeysSecretArn === undefined) {
  throw new Error("The stack has no S3 API: give it s3Api, or set s3AccessKeysSecretArn to a secret of your own");
}

const policy = (...Statement: aws.iam.PolicyStatement[]) => pulumi.jsonStringify({ Version: "2012-10-17", Statement });
const role = (name: string) =>
  new aws.iam.Role(name, {
    assumeRolePolicy: policy({
      Effect: "Allow",
      Principal: { Service: "ecs-tasks.amazonaws.com" },
      Action: "sts:AssumeRole",
    }),
  });
const taskRole = role("application-task");
const executionRole = role("application-execution");

const securityGroup = new aws.ec2.SecurityGroup("application", {
  vpcId: blueprint.vpcId,
  description: "The FastAPI application",
});
const ingress = new aws.vpc.SecurityGroupIngressRule("application", {
  securityGroupId: securityGroup.id,
  description: "From the clients",
  ipProtocol: "tcp",
  fromPort: APPLICATION_PORT,
  toPort: APPLICATION_PORT,
  cidrIpv4: config.require("allowedCidr"),
});

const sidecar = new RouterSidecar("files", {
  blueprint,
  taskRole: taskRole.name,
  executionRole: executionRole.name,
  securityGroupId: securityGroup.id,
  s3AccessKeysSecretArn,
  secretKeyArn: blueprint.secretKeyArn,
});

const repository = new aws.ecr.Repository("application", { forceDelete: true });
const registry = aws.ecr.getAuthorizationTokenOutput({ registryId: repository.registryId });
const image = new dockerBuild.Image("application", {
  context: { location: "." },
  platforms: [blueprint.cpuArchitecture === "ARM64" ? "linux/arm64" : "linux/amd64"],
  tags: [pulumi.interpolate`${repository.repositoryUrl}:latest`],
  push: true,
  buildOnPreview: false,
  registries: [{ address: repository.repositoryUrl, username: registry.userName, password: registry.password }],
});

const log = new aws.cloudwatch.LogGroup("application", { retentionInDays: 30 });
const execution = new aws.iam.RolePolicy("application-execution", {
  role: executionRole.name,
  policy: policy(
    {
      Effect: "Allow",
      Action: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
      Resource: repository.arn,
    },
    {
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: pulumi.interpolate`${log.arn}:*`,
    },
  ),
});

const application: aws.ecs.ContainerDefinition = {
  name: "application",
  image: image.ref,
  essential: true,
  portMappings: [{ containerPort: APPLICATION_PORT, protocol: "tcp" }],
  dependsOn: [sidecar.dependency],
  environment: [
    { name: "FILES_URL", value: sidecar.url },
    { name: "S3_URL", value: sidecar.s3Url ?? "" },
    { name: "S3_ACCESS_KEYS_SECRET_ID", value: s3AccessKeysSecretArn },
    { name: "AWS_REGION", value: blueprint.environment.AWS_REGION },
  ],
  logConfiguration: {
    logDriver: "awslogs",
    options: {
      "awslogs-group": log.name,
      "awslogs-region": blueprint.environment.AWS_REGION,
      "awslogs-stream-prefix": "application",
    },
  },
};

const taskDefinition = new aws.ecs.TaskDefinition("application", {
  family: pulumi.interpolate`${pulumi.getProject()}-${pulumi.getStack()}`,
  requiresCompatibilities: ["FARGATE"],
  networkMode: "awsvpc",
  runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture: blueprint.cpuArchitecture },
  cpu: "512",
  memory: "1024",
  taskRoleArn: taskRole.arn,
  executionRoleArn: executionRole.arn,
  containerDefinitions: pulumi.jsonStringify([sidecar.container, application]),
});

const cluster = new aws.ecs.Cluster("application");
new aws.ecs.Service(
  "application",
  {
    cluster: cluster.arn,
    taskDefinition: taskDefinition.arn,
    launchType: "FARGATE",
    desiredCount: config.requireNumber("tasks"),
    networkConfiguration: { subnets: blueprint.subnetIds, securityGroups: [securityGroup.id] },
    deploymentCircuitBreaker: { enable: true, rollback: true },
    waitForSteadyState: true,
  },
  { dependsOn: [sidecar, ingress, execution] },
);

export const clusterName = cluster.name;
