/**
 * Least privilege, by simulation: the roles' policies allow every call of a full run, deny the calls next to them, and
 * have no statement that nothing needs.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { ACCOUNT_ID, EXISTING_SUBNETS, REGION } from "./aws-stand-in.ts";
import { CONFIGURATIONS, PEER } from "./configurations.ts";
import { type IamRequest, iamRequestsOf, request, type StackArns } from "./iam-requests.ts";
import { neighboursOf } from "./neighbours.ts";
import { policiesOf, type Statement } from "./policies.ts";
import { type RecordedCalls, recordCalls } from "./recorded-calls.ts";
import { simulate } from "./simulate.ts";
import { type Registered, registerStack } from "./stack.ts";

type Role =
  | "file-monitor"
  | "router-task"
  | "peer-access-router-task"
  | "router-execution"
  | "maintenance-task"
  | "maintenance-execution";

/** What an AWS service does in a role's name: no bundle makes these calls, so no run records them. */
interface ServiceCall {
  readonly role: Role;
  /** Whether only stacks that scale in need it. */
  readonly scaleIn?: boolean;
  /** Whether only stacks with the S3 API need it. */
  readonly s3Api?: boolean;
  /** Whether only stacks that have a second region need it. */
  readonly twoRegions?: boolean;
  readonly reason: string;
  readonly requests: (arns: Arns) => IamRequest[];
}

const SERVICE_CALLS: readonly ServiceCall[] = [
  {
    role: "file-monitor",
    reason: "Lambda writes the function's log",
    requests: ({ monitorLogStream }) => [
      request("logs:CreateLogStream", monitorLogStream),
      request("logs:PutLogEvents", monitorLogStream),
    ],
  },
  {
    role: "file-monitor",
    reason: "The function keeps its count: tests/unit/file-monitor/observe/count/kept-tree.test.ts makes these calls",
    requests: ({ treeBucket, fileSystem }) => {
      const tree = `${treeBucket}/${fileSystem.split("/").at(-1)}/tree`;
      return [request("s3:GetObject", tree), request("s3:PutObject", tree), request("s3:ListBucket", treeBucket)];
    },
  },
  {
    role: "file-monitor",
    reason:
      "The function keeps what the forecast remembers: tests/unit/file-monitor/forecast/run.test.ts makes these calls",
    requests: ({ treeBucket, fileSystem }) => {
      const memory = `${treeBucket}/${fileSystem.split("/").at(-1)}/forecast`;
      return [request("s3:GetObject", memory), request("s3:PutObject", memory)];
    },
  },
  {
    role: "file-monitor",
    scaleIn: true,
    reason: "The function takes a mount target away: tests/unit/file-monitor/scale-in.test.ts makes these calls",
    requests: ({ fileSystem, networkInterface, alarm }) => [
      request("elasticfilesystem:DescribeMountTargetSecurityGroups", fileSystem),
      // EFS API reference, DescribeMountTargetSecurityGroups and DeleteMountTarget.
      request("ec2:DescribeNetworkInterfaceAttribute", "*"),
      request("elasticfilesystem:DeleteMountTarget", fileSystem),
      request("ec2:DeleteNetworkInterface", networkInterface),
      request("cloudwatch:DescribeAlarms", alarm),
      request("ec2:DescribeNetworkInterfaces", "*"),
    ],
  },
  {
    role: "file-monitor",
    twoRegions: true,
    reason: "The function sees how old the replica is: tests/unit/file-monitor/replica-lag.test.ts makes this call",
    requests: ({ fileSystem }) => [request("elasticfilesystem:DescribeReplicationConfigurations", fileSystem)],
  },
  {
    role: "file-monitor",
    reason: "Lambda mounts the file system, through the access point",
    requests: ({ fileSystem, accessPoint }) => [
      request("elasticfilesystem:ClientMount", fileSystem, { "elasticfilesystem:AccessPointArn": accessPoint }),
    ],
  },
  {
    role: "file-monitor",
    reason: "Lambda runs the function in the VPC (Lambda developer guide, required IAM permissions)",
    requests: ({ functionSubnet, functionSecurityGroup, networkInterface }) => [
      request("ec2:CreateNetworkInterface", functionSubnet),
      request("ec2:CreateNetworkInterface", functionSecurityGroup),
      request("ec2:CreateNetworkInterface", networkInterface),
      request("ec2:DescribeNetworkInterfaces", "*"),
      request("ec2:DescribeSubnets", "*"),
      request("ec2:DeleteNetworkInterface", networkInterface),
      request("ec2:AssignPrivateIpAddresses", networkInterface),
      request("ec2:UnassignPrivateIpAddresses", networkInterface),
    ],
  },
  {
    role: "file-monitor",
    reason: "Lambda reports a failed run",
    requests: ({ topic }) => [request("sns:Publish", topic)],
  },
  {
    role: "router-task",
    reason: "EFS asks when a router mounts: NFS, not a call to an API",
    requests: ({ fileSystem, accessPoint }) =>
      ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"].map((action) =>
        request(action, fileSystem, {
          "elasticfilesystem:AccessedViaMountTarget": "true",
          "elasticfilesystem:AccessPointArn": accessPoint,
        }),
      ),
  },
  {
    role: "router-task",
    s3Api: true,
    reason: "a router reads the access keys of the S3 API: fargate-app/src/s3/access-keys.ts makes this call",
    requests: ({ s3AccessKeys = "", secretKey = "" }) => [
      request("secretsmanager:GetSecretValue", s3AccessKeys),
      request("kms:Decrypt", secretKey, { "kms:ViaService": `secretsmanager.${REGION}.amazonaws.com` }),
    ],
  },
  {
    role: "router-task",
    twoRegions: true,
    reason: "a router of two regions confirms its role: fargate-app/src/region/sources.ts makes these calls",
    requests: ({ regionParameter = "", fileSystem }) => [
      request("ssm:GetParameter", regionParameter),
      request("elasticfilesystem:DescribeReplicationConfigurations", fileSystem),
    ],
  },
  {
    role: "peer-access-router-task",
    twoRegions: true,
    reason: "it reads the other region's role: fargate-app/src/region/sources.ts makes this call",
    requests: () => [
      request("ssm:GetParameter", `arn:aws:ssm:${PEER.region}:${ACCOUNT_ID}:parameter${PEER.regionParameterName}`),
    ],
  },
  {
    role: "router-task",
    reason: "Fluent Bit archives lines and reports errors; tests/log-routing records that it makes no other calls",
    requests: ({ archivedObject, errorLogStream }) => [
      request("s3:PutObject", archivedObject),
      request("logs:CreateLogStream", errorLogStream),
      request("logs:PutLogEvents", errorLogStream),
    ],
  },
  {
    role: "maintenance-task",
    reason: "the nfs command finds the mount targets, as a router does",
    requests: ({ parameter, parameterKey, fileSystem }) => [
      request("ssm:GetParameter", parameter),
      ...(parameterKey === undefined
        ? []
        : [request("kms:Decrypt", parameterKey, { "kms:ViaService": `ssm.${REGION}.amazonaws.com` })]),
      request("elasticfilesystem:DescribeMountTargets", fileSystem),
    ],
  },
  {
    role: "maintenance-task",
    reason: "EFS asks when it mounts as root",
    requests: ({ fileSystem, rootAccessPoint = "" }) =>
      ["ClientMount", "ClientWrite", "ClientRootAccess"].map((action) =>
        request(`elasticfilesystem:${action}`, fileSystem, {
          "elasticfilesystem:AccessedViaMountTarget": "true",
          "elasticfilesystem:AccessPointArn": rootAccessPoint,
        }),
      ),
  },
  {
    role: "maintenance-task",
    reason: "ECS Exec opens sessions, and records them (ECS developer guide, Configuring ECS Exec)",
    requests: ({ maintenanceLogStream = "" }) => [
      ...["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"].map((operation) =>
        request(`ssmmessages:${operation}`, "*"),
      ),
      request("logs:DescribeLogGroups", "*"),
      ...["CreateLogStream", "DescribeLogStreams", "PutLogEvents"].map((operation) =>
        request(`logs:${operation}`, maintenanceLogStream),
      ),
    ],
  },
  {
    role: "maintenance-execution",
    reason: "ECS pulls the image, and writes what the waiting process says",
    requests: ({ repositories, maintenanceLogStream = "" }) => [
      request("ecr:GetAuthorizationToken", "*"),
      ...["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"].map((action) =>
        request(action, repositories[0] ?? ""),
      ),
      request("logs:CreateLogStream", maintenanceLogStream),
      request("logs:PutLogEvents", maintenanceLogStream),
    ],
  },
  {
    role: "router-execution",
    reason: "ECS pulls the images",
    requests: ({ repositories }) => [
      request("ecr:GetAuthorizationToken", "*"),
      ...["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"].flatMap((action) =>
        repositories.map((repository) => request(action, repository)),
      ),
    ],
  },
  {
    role: "router-execution",
    reason: "ECS writes the log router's own log; the router's lines go through the log router",
    requests: ({ logRouterLogStream }) => [
      request("logs:CreateLogStream", logRouterLogStream),
      request("logs:PutLogEvents", logRouterLogStream),
    ],
  },
];

let recorded: RecordedCalls;

beforeAll(async () => {
  recorded = await recordCalls();
}, 150_000);

test("the run made the calls it is about", () => {
  const names = (calls: RecordedCalls["monitor"]) =>
    [...new Set(calls.map((call) => `${call.service}:${call.operation}`))].sort();
  expect(names(recorded.monitor)).toEqual([
    "ec2:DescribeSubnets",
    "ecs:DescribeServices",
    "ecs:ListServiceDeployments",
    "ecs:UpdateService",
    "elasticfilesystem:CreateMountTarget",
    "elasticfilesystem:DescribeFileSystems",
    "elasticfilesystem:DescribeMountTargets",
    "ssm:GetParameter",
    "ssm:PutParameter",
  ]);
  expect(names(recorded.router)).toEqual([
    "ecs:DescribeTasks",
    "ecs:ListTasks",
    "elasticfilesystem:DescribeMountTargets",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
  ]);
});

const JUDGED = ["defaults", "everything", "maintenance", "the standby of two regions"] as const;

describe.each(JUDGED)("with %s", (configuration) => {
  let arns: Arns;
  let policies: Map<string, readonly Statement[]>;
  let used: Map<string, Set<string>>;

  beforeAll(async () => {
    const { resources } = await registerStack(CONFIGURATIONS[configuration]);
    arns = arnsOf(resources);
    policies = policiesOf(resources);
    used = new Map([...policies.keys()].map((role) => [role, new Set()]));
  });

  const statements = (role: string) => policies.get(role) ?? [];

  async function allow(role: Role, { action, resource, context }: IamRequest): Promise<void> {
    const answer = await simulate(statements(role), { action, resource, context });
    expect(answer.result, `${role} calls ${action} on ${resource}`).toBe("Allowed");
    for (const sid of answer.allowedBy) used.get(role)?.add(sid);
  }

  test("every call of the run is allowed", async () => {
    for (const [role, calls] of [
      ["file-monitor", recorded.monitor],
      ["router-task", recorded.router],
    ] as const) {
      const requests = calls.flatMap((call) => iamRequestsOf(call, arns));
      for (const one of new Map(requests.map((each) => [JSON.stringify(each), each])).values()) await allow(role, one);
    }
  });

  const ofThisStack = ({ role, scaleIn, s3Api, twoRegions }: ServiceCall) =>
    (configuration === "maintenance" || !role.startsWith("maintenance-")) &&
    (configuration === "everything" || (scaleIn !== true && s3Api !== true)) &&
    (configuration === "the standby of two regions" || twoRegions !== true);

  test("only scaleIn on gives the right to delete mount targets", async () => {
    for (const [scaleIn, expected] of [
      ["off", "ImplicitlyDenied"],
      ["observe", "ImplicitlyDenied"],
      ["on", "Allowed"],
    ] as const) {
      const { resources } = await registerStack({ ...CONFIGURATIONS[configuration], scaleIn });
      const ofMonitor = policiesOf(resources).get("file-monitor") ?? [];
      const deletion = request("elasticfilesystem:DeleteMountTarget", arns.fileSystem);
      expect((await simulate(ofMonitor, deletion)).result, scaleIn).toBe(expected);
    }
  });

  test("maintenance gives its own roles rights, and no other", async () => {
    const { resources } = await registerStack({ ...CONFIGURATIONS[configuration], maintenance: "false" });
    const others = [...policies].filter(([role]) => !role.startsWith("maintenance-"));
    expect(policiesOf(resources)).toEqual(new Map(others));
  });

  test.each(SERVICE_CALLS.filter(ofThisStack))("$role: $reason", async ({ role, requests }) => {
    for (const one of requests(arns)) await allow(role, one);
  });

  test("no statement is there for nothing", () => {
    for (const [role, sids] of used) {
      expect([...sids].sort(), role).toEqual(
        statements(role)
          .map(({ Sid }) => Sid)
          .sort(),
      );
    }
  });

  test("next to what each statement allows, nothing is allowed", async () => {
    let tried = 0;
    for (const role of policies.keys()) {
      for (const statement of statements(role)) {
        for (const neighbour of neighboursOf(statement)) {
          const answer = await simulate(statements(role), neighbour);
          expect(answer.result, `${role} calls ${neighbour.action} on ${neighbour.resource}`).not.toBe("Allowed");
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(30);
  });
});

test("EFS and Lambda may use every existing subnet, also one that another account shares", async () => {
  const { resources } = await registerStack(CONFIGURATIONS["an existing VPC and file system"]);
  const statements = policiesOf(resources).get("file-monitor") ?? [];
  expect(new Set(EXISTING_SUBNETS.map(({ ownerId }) => ownerId)).size).toBe(2);
  for (const { id, ownerId } of EXISTING_SUBNETS) {
    const subnet = `arn:aws:ec2:${REGION}:${ownerId}:subnet/${id}`;
    expect((await simulate(statements, request("ec2:CreateNetworkInterface", subnet))).result, subnet).toBe("Allowed");
  }
});

interface Arns extends StackArns {
  readonly accessPoint: string;
  /** Those of maintenance, where there is any. */
  readonly rootAccessPoint: string | undefined;
  readonly maintenanceLogStream: string | undefined;
  /** Where there are two regions. */
  readonly regionParameter: string | undefined;
  /** Where there is the S3 API. */
  readonly s3AccessKeys: string | undefined;
  readonly functionSubnet: string;
  readonly functionSecurityGroup: string;
  readonly topic: string;
  readonly repositories: readonly string[];
  readonly monitorLogStream: string;
  readonly logRouterLogStream: string;
  readonly errorLogStream: string;
  readonly archivedObject: string;
  readonly treeBucket: string;
  readonly alarm: string;
}

function arnsOf(resources: readonly Registered[]): Arns {
  const find = (type: string, name: string) =>
    resources.find((resource) => resource.type.endsWith(`:${type}`) && resource.name === name)?.outputs.arn;
  const arnOf = (type: string, name: string) => {
    const found = find(type, name);
    if (found === undefined) throw new Error(`The stack has no ${type} ${name}`);
    return String(found);
  };
  const rootAccessPoint = find("AccessPoint", "file-storage-root");
  const maintenanceLog = find("LogGroup", "maintenance");
  const regionParameter = find("Parameter", "region-role");
  const s3AccessKeys = find("Secret", "s3-access-keys");
  const subnets = [1, 2, 3].map((number) => arnOf("Subnet", `network-private-${number}`));
  return {
    fileSystem: arnOf("FileSystem", "file-storage-files"),
    accessPoint: arnOf("AccessPoint", "file-storage-directory"),
    rootAccessPoint: rootAccessPoint === undefined ? undefined : String(rootAccessPoint),
    maintenanceLogStream:
      maintenanceLog === undefined ? undefined : `${maintenanceLog}:log-stream:maintenance/maintenance/0e0e0e0e`,
    parameter: arnOf("Parameter", "mount-table"),
    statusParameter: arnOf("Parameter", "monitor-status"),
    cluster: arnOf("Cluster", "routers"),
    task: `${arnOf("Cluster", "routers").replace(":cluster/", ":task/")}/0e0e0e0e`,
    regionParameter: regionParameter === undefined ? undefined : String(regionParameter),
    s3AccessKeys: s3AccessKeys === undefined ? undefined : String(s3AccessKeys),
    parameterKey: keyOf(resources, "mount-table", "keyId"),
    apiToken: arnOf("Secret", "api-token"),
    secretKey: keyOf(resources, "api-token", "kmsKeyId"),
    service: arnOf("Service", "router"),
    subnets,
    functionSubnet: subnets[0] ?? "",
    mountTargetSecurityGroup: arnOf("SecurityGroup", "security-groups-mount-targets"),
    functionSecurityGroup: arnOf("SecurityGroup", "security-groups-file-monitor"),
    networkInterface: `arn:aws:ec2:${REGION}:${ACCOUNT_ID}:network-interface/eni-0e0e0e0e`,
    topic: arnOf("Topic", "alarms"),
    repositories: [arnOf("Repository", "router"), arnOf("Repository", "log-router-fluent-bit-custom")],
    monitorLogStream: `${arnOf("LogGroup", "file-monitor")}:log-stream:2026/01/01`,
    logRouterLogStream: `${arnOf("LogGroup", "log-router-firelens")}:log-stream:firelens/log-router/0e0e0e0e`,
    errorLogStream: `${arnOf("LogGroup", "log-router-errors")}:log-stream:fargate-router-firelens-0e0e0e0e`,
    treeBucket: arnOf("Bucket", "file-monitor-trees"),
    alarm: arnOf("MetricAlarm", "alarms-io-limit"),
    archivedObject: `${arnOf("Bucket", "log-router-logs")}/logs/year=2026/month=01/day=31/hour=23/235959-0e0e0e0e.gz`,
  };
}

/** The customer-managed key of a resource, in one of its inputs. */
function keyOf(resources: readonly Registered[], name: string, input: string): string | undefined {
  const key = resources.find((resource) => resource.name === name && input in resource.inputs)?.inputs[input];
  return key === undefined ? undefined : String(key);
}
