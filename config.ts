/**
 * The stack's configuration: every key with its default, unit, range and meaning.
 *
 * `npm run config` writes the keys into `Pulumi.yaml`, so that `pulumi config` shows them. Values are checked here and
 * not by the engine, so that one run names every bad key at once.
 */
import { DEFAULT_REGION_PARAMETER_NAME, POLLS_IN_LEASE } from "@efs-mount-autoscaling/mount-table";
import {
  DEFAULT_LOAD_FACTOR,
  isByLoad,
  ROUTING_STRATEGIES,
  summaryOf,
} from "@efs-mount-autoscaling/routed-files/strategies";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { isScheduleExpression, longestPauseMinutes } from "./components/schedule-expression.ts";
import { MAX_WORKERS, MONITOR_POLL_INTERVAL } from "./fargate-app/src/settings.ts";
import { THRESHOLD_MODES } from "./functions/file-monitor/forecast/threshold.ts";
import { SCALE_IN_MODES } from "./functions/file-monitor/settings.ts";

/** The namespace of the keys: the project's name in `Pulumi.yaml`. */
export const PROJECT = "efs-mount-autoscaling";

const DAY_COUNTS = [1, 7, 14, 30, 60, 90, 180, 270, 365] as const;
const LOG_RETENTION_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653] as const;

/** The memory sizes, in MiB, that Fargate has for each CPU size: from, to, step. */
const FARGATE_SIZES: Record<number, readonly [number, number, number]> = {
  256: [512, 2048, 512],
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
};

/** MiB that a router's process needs at least where there are several: as much as the smallest task has. */
const MIN_WORKER_MEMORY = 512;

/** Of one file system (Amazon EFS user guide, quotas). Each process of a router has one to each mount target. */
const MAX_CONNECTIONS = 25_000;

/** New ones start before old ones stop. */
const TASKS_WHILE_ROLLING = 2;

/** Processes of a router: one for each whole vCPU, where the configuration says nothing else. */
export function workersOf({
  routerWorkers,
  taskCpu,
}: {
  readonly routerWorkers: number;
  readonly taskCpu: number;
}): number {
  return routerWorkers === 0 ? Math.max(1, Math.floor(taskCpu / 1024)) : routerWorkers;
}

/**
 * One key. Pulumi keeps every value as text; `parse` gives what the text means, or undefined where it is not allowed.
 *
 * @param fallback the value of a key that is not set.
 * @param allowed completes "must be …".
 */
function key<T>(fallback: string, allowed: string, parse: (text: string) => { value: T } | undefined) {
  return z
    .string()
    .transform((text, context): T => {
      const parsed = parse(text.trim());
      if (parsed !== undefined) return parsed.value;
      context.addIssue({ code: "custom", message: `must be ${allowed}` });
      return z.NEVER;
    })
    .prefault(fallback);
}

function text(fallback: string, pattern: RegExp, allowed: string) {
  return key(fallback, allowed, (given) => (pattern.test(given) ? { value: given } : undefined));
}

function optionalText(pattern: RegExp, allowed: string) {
  return key<string | undefined>("", `empty, or ${allowed}`, (given) => {
    if (given === "") return { value: undefined };
    return pattern.test(given) ? { value: given } : undefined;
  });
}

function choice<const T extends string>(fallback: NoInfer<T>, ...choices: T[]) {
  return key<T>(fallback, `one of ${choices.join(", ")}`, (given) => {
    const value = choices.find((one) => one === given);
    return value === undefined ? undefined : { value };
  });
}

function optionalChoice<const T extends string>(...choices: T[]) {
  return key<T | undefined>("", `empty, or one of ${choices.join(", ")}`, (given) => {
    const value = choices.find((one) => one === given);
    return value !== undefined || given === "" ? { value } : undefined;
  });
}

function flag(fallback: boolean) {
  return key(String(fallback), "true or false", (given) =>
    given === "true" || given === "false" ? { value: given === "true" } : undefined,
  );
}

function wholeNumber(fallback: number, unit: string, min: number, max: number) {
  return key(String(fallback), `a whole number of ${unit} from ${min} to ${max}`, (given) => {
    const value = Number(given);
    return /^\d+$/.test(given) && value >= min && value <= max ? { value } : undefined;
  });
}

function decimal(fallback: number, min: number, max: number) {
  return key(String(fallback), `a number from ${min} to ${max}`, (given) => {
    const value = Number(given);
    return /^\d+(\.\d+)?$/.test(given) && value >= min && value <= max ? { value } : undefined;
  });
}

function numberFrom(fallback: number, unit: string, numbers: readonly number[]) {
  return key(String(fallback), `one of ${numbers.join(", ")} ${unit}`, (given) => {
    const value = numbers.find((one) => String(one) === given);
    return value === undefined ? undefined : { value };
  });
}

function optionalNumberFrom(unit: string, numbers: readonly number[]) {
  return key<number | undefined>("", `empty, or one of ${numbers.join(", ")} ${unit}`, (given) => {
    const value = numbers.find((one) => String(one) === given);
    return value !== undefined || given === "" ? { value } : undefined;
  });
}

function list(item: z.ZodType<string>, allowed: string) {
  const items = z.array(item).refine((values) => new Set(values).size === values.length);
  return key<readonly string[]>("[]", `a list of ${allowed}, each once`, (given) => {
    try {
      return { value: items.parse(JSON.parse(given)) };
    } catch {
      return undefined;
    }
  });
}

function optionalObject<T extends z.ZodType>(shape: T, allowed: string) {
  return key<z.output<T> | undefined>("", `empty, or ${allowed}`, (given) => {
    if (given === "") return { value: undefined };
    try {
      return { value: shape.parse(JSON.parse(given)) };
    } catch {
      return undefined;
    }
  });
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;
const REGION_NAME = "an AWS region such as ap-northeast-3";
const DOMAIN_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/;
const VPC_ID = /^vpc-[0-9a-f]+$/;
const FILE_SYSTEM_ID = /^fs-[0-9a-f]+$/;
const KMS_KEY_ARN = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/;

/** An IPv4 range whose address ends with the zeros that its prefix leaves: 10.0.0.0/16, not 10.0.0.1/16. */
const range = z.cidrv4().refine((text) => {
  const [address = "", prefix] = text.split("/");
  const bits = address.split(".").map((byte) => Number(byte).toString(2).padStart(8, "0"));
  return !bits.join("").slice(Number(prefix)).includes("1");
});

const isTimeZone = (name: string): boolean => {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
};

const keys = z.object({
  owner: text("operations", /^[\p{L}\p{N} _.:/=+@-]{1,256}$/u, "1 to 256 letters, digits, spaces or _.:/=+@-").describe(
    "Who is responsible for the stack: the value of the tag Owner on every resource.",
  ),
  // What the name of an image repository may end with.
  nameSuffix: text(
    "",
    /^(?=.{0,21}$)(-[a-z0-9]+)*$/,
    "empty, or up to 21 of a-z, 0-9 and single hyphens, the first a hyphen and the last not",
  ).describe(
    "Suffix of the few fixed names (log groups, the fluent-bit-custom repository, the default parameterName), so that a second stack fits into the same account and region.",
  ),
  timeZone: key("Asia/Tokyo", "an IANA time zone such as Asia/Tokyo or UTC", (given) =>
    isTimeZone(given) ? { value: given } : undefined,
  ).describe("The time zone of the backups, which start at 03:00."),
  kmsKeyArn: optionalText(KMS_KEY_ARN, "the ARN of a KMS key").describe(
    "The customer-managed key for the file system, the backups and a SecureString parameter; empty for the AWS-managed keys.",
  ),
  dataOnDestroy: choice("delete", "delete", "retain").describe(
    "What pulumi destroy does with the file system, its backups, the log bucket and the audit bucket.",
  ),

  role: optionalChoice("primary", "standby").describe(
    "What the stack is in a service of two regions: the primary takes writes, the standby replicates it and serves reads; empty for one region. A failover changes the roles, and this key follows it.",
  ),
  peerStack: optionalText(
    /^[\w.-]+\/[\w.-]+\/[\w.-]+$/,
    "a stack's full name such as organization/efs-mount-autoscaling/osaka",
  ).describe("The stack in the other region, which is asked for what it has. Where role is set, this or peer must be."),
  peer: optionalObject(
    z.strictObject({
      region: z.string().regex(REGION),
      url: z.url({ protocol: /^https?$/ }),
      fileSystemId: z.string().regex(FILE_SYSTEM_ID),
      regionParameterName: z.string().startsWith("/").optional(),
      vpcId: z.string().regex(VPC_ID).optional(),
      vpcCidr: range.optional(),
      ssmEndpoint: z.url({ protocol: /^https$/ }).optional(),
      peeringConnectionId: z
        .string()
        .regex(/^pcx-[0-9a-f]+$/)
        .optional(),
    }),
    'an object such as {"region":"ap-northeast-3","url":"https://files.example.com","fileSystemId":"fs-0123abcd"}',
  ).describe(
    "What there is in the other region, instead of peerStack: the outputs region, url and fileSystemId of its stack, and where confirmRoleBy is peer also regionParameterName, vpcId, vpcCidr, ssmEndpoint and peeringConnectionId, without those that are none. Needed where that stack's state cannot be read.",
  ),
  confirmRoleBy: choice("peer", "peer", "replication").describe(
    "By what a primary's routers confirm that no other primary was declared: by the other region's role (peer), or by the replication in their own region, by which a primary that is cut off may go on for an hour. A new VPC gets a peering connection for it.",
  ),
  replicaLagMinutes: wholeNumber(20, "minutes", 2, 1440).describe(
    "Minutes without a complete sync of the replica after which an alarm goes off, where role is set.",
  ),
  roleLeaseSeconds: wholeNumber(120, "seconds", 10, 3600).describe(
    "Seconds that a primary's routers take writes without having confirmed that it is still the primary, where role is set.",
  ),

  vpcId: optionalText(VPC_ID, "a VPC id such as vpc-0123abcd").describe(
    "An existing VPC; empty for a new one. Needs privateSubnetIds.",
  ),
  privateSubnetIds: list(z.string().regex(/^subnet-[0-9a-f]+$/), "subnet ids such as subnet-0123abcd").describe(
    "The existing VPC's private subnets, one in each Availability Zone.",
  ),
  createVpcEndpoints: flag(true).describe(
    "Create the VPC endpoints that isolated subnets need; false only in an existing VPC that has them, or another route to AWS. In an existing VPC, all its clients use the new endpoints from then on.",
  ),
  // Loopback, link-local, multicast and reserved addresses are no hosts' (RFC 6890).
  vpcCidr: key("10.0.0.0/16", "an IPv4 range of the form 10.0.0.0/16, of addresses that hosts may have", (given) =>
    range.safeParse(given).success && /^(?!(0|127|169\.254|22[4-9]|2[3-5]\d)\.).*\/16$/.test(given)
      ? { value: given }
      : undefined,
  ).describe("The new VPC's addresses; its private subnets are the /24 ranges 1, 2, 3, … of it."),
  availabilityZoneCount: wholeNumber(3, "Availability Zones", 2, 6).describe(
    "Availability Zones of the new VPC, each with one private subnet: also the maximum number of mount targets.",
  ),
  availabilityZones: list(
    z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/),
    "Availability Zone names such as ap-northeast-1a",
  ).describe("The new VPC's Availability Zones by name; empty for the region's first availabilityZoneCount."),
  // EC2 takes 10.0.0.1/16 for 10.0.0.0/16, which the next `pulumi up` would see as a change, and refuses it beside that.
  allowedCidrs: list(
    range.refine((text) => Number(text.split("/")[1]) >= 8),
    "IPv4 ranges such as 10.0.0.0/16, none wider than a /8 or with bits beyond its prefix",
  ).describe("Who may reach the load balancer; empty for the VPC's own addresses."),
  certificateArn: optionalText(
    /^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[A-Za-z0-9-]+$/,
    "the ARN of an ACM certificate",
  ).describe(
    "The load balancer's certificate, which makes it listen with HTTPS on 443; empty for HTTP on 80. Needs domainName.",
  ),
  domainName: optionalText(DOMAIN_NAME, "a DNS name such as files.example.com").describe(
    "The name that clients call the load balancer by, and that its certificate is for; empty for its own name.",
  ),
  hostedZoneId: optionalText(
    /^Z[A-Z0-9]{1,31}$/,
    "the id of a Route 53 hosted zone such as Z0123456789ABCDEFGHIJ",
  ).describe(
    "The hosted zone that gets domainName as an alias of the load balancer, and the names that two regions share; empty where you make the records.",
  ),
  sharedDomainName: optionalText(DOMAIN_NAME, "a DNS name such as files.example.com").describe(
    "The name that both regions share, in hostedZoneId, but not the zone's own name: it leads clients to the primary, or to the standby while no router of the primary is healthy. certificateArn must be for it, too. Needs role.",
  ),
  readDomainName: optionalText(DOMAIN_NAME, "a DNS name such as read.files.example.com").describe(
    "Another name that both regions share, for reads, and not the zone's own name: it leads each client to the nearer region with a healthy router. Needs role.",
  ),
  deletionProtection: flag(false).describe(
    "Let nobody delete the load balancer, whose name clients may know; set it to false before pulumi destroy.",
  ),
  accessLogs: flag(false).describe(
    "Keep the load balancer's access logs for logArchiveDays, in a bucket of their own: also requests that no router saw.",
  ),
  apiToken: flag(true).describe(
    "Serve only clients that send the token, which the stack generates and keeps in Secrets Manager; false serves every client that reaches the load balancer.",
  ),
  s3Api: flag(false).describe(
    "Serve the files to programs for Amazon S3, too, on port 8001 of the load balancer, to clients with an access key: the stack generates the first one and keeps it in Secrets Manager.",
  ),
  s3Domain: optionalText(DOMAIN_NAME, "a DNS name such as s3.example.com").describe(
    "What follows the bucket in the host names of the S3 API, as in my-bucket.s3.example.com; empty where buckets are in paths only. Its wildcard record and a certificate with that name are yours. Needs s3Api.",
  ),
  requestsPerMinutePerClient: wholeNumber(0, "requests", 0, 10_000_000).describe(
    "Maximum requests a minute of each client to each router; 0 for no limit.",
  ),

  existingFileSystemId: optionalText(FILE_SYSTEM_ID, "a file system id such as fs-0123abcd").describe(
    "A file system to serve that is there, such as a restored backup; empty for a new one. Mount targets that it has are used, and never changed or deleted; its file system policy is replaced by the one of the stack, which refuses clients without TLS.",
  ),
  openExistingMountTargets: flag(false).describe(
    "Add rules to the security groups of mount targets that existingFileSystemId has, which let the stack's tasks and its function in; false where they let the private subnets in already.",
  ),
  maintenance: flag(false).describe(
    "Make what it takes to work on the file system as root: a task that an operator starts, and enters with aws ecs execute-command. Set it to false afterwards.",
  ),
  efsIamAuthorization: flag(true).describe(
    "Let only the roles of the routers and of the monitor mount, by IAM authorization; false lets every client that reaches a mount target.",
  ),
  performanceMode: choice("generalPurpose", "generalPurpose", "maxIO").describe(
    "The new file system's performance mode.",
  ),
  throughputMode: optionalChoice("elastic", "bursting", "provisioned").describe(
    "The file system's throughput mode; empty for elastic, or for what an existing file system has.",
  ),
  provisionedThroughput: wholeNumber(0, "MiB/s", 0, 3414).describe(
    "Throughput in MiB/s where throughputMode is provisioned, else 0.",
  ),
  transitionToIaDays: optionalNumberFrom("days", [0, ...DAY_COUNTS]).describe(
    "Days without access after which a file moves to Infrequent Access, 0 for never; empty for never, or for what an existing file system has.",
  ),
  initialMountTargets: wholeNumber(2, "mount targets", 1, 6).describe("Mount targets that the stack starts with."),
  maxMountTargets: wholeNumber(0, "mount targets", 0, 6).describe(
    "Maximum number of mount targets, up to which the monitor adds them; 0 for one in each Availability Zone.",
  ),

  // Naming constraints of PutParameter, SSM API reference.
  parameterName: optionalText(
    /^(?=.{2,1000}$)(?!\/(aws|ssm))(\/[a-z0-9_.-]+){1,15}$/i,
    "a parameter's path of at most 15 names such as /team/mount-targets, the first not beginning with aws or ssm",
  ).describe(
    "The SSM parameter that holds the mount table; empty for /efs-mount-autoscaling/mount-targets, with nameSuffix after its first part.",
  ),
  parameterType: choice("String", "String", "SecureString").describe("The SSM parameter's type."),

  targetDirectory: text(
    "/data",
    /^(?=.{2,100}$)(\/(?!\.)[^$#<>;`|&?{}^*/\s\0]+){1,4}$/,
    "an absolute path of one to four names, 100 characters at most, such as /data",
  ).describe("The directory of the file system that routers serve and the monitor counts."),
  fileCountThreshold: wholeNumber(100_000, "files", 1, 10_000_000_000).describe(
    "The monitor adds a mount target when it counts more files than this.",
  ),
  thresholdMode: choice("fixed", ...THRESHOLD_MODES).describe(
    "Whether a mount target may come before fileCountThreshold is passed: by a forecast, or never; observe only says what the forecast would do.",
  ),
  forecastHorizonMinutes: wholeNumber(60, "minutes", 5, 1440).describe(
    "Maximum minutes that the forecast looks ahead; it looks as far as adding a mount target takes.",
  ),
  scaleIn: choice("off", ...SCALE_IN_MODES).describe(
    "Whether the monitor deletes mount targets that are no longer needed, one at a time, after the routers have stopped using them; observe only says what it would do.",
  ),
  scaleInPercent: wholeNumber(70, "percent", 10, 90).describe(
    "Percent of fileCountThreshold below which a mount target is no longer needed.",
  ),
  scaleInMinutes: wholeNumber(60, "minutes", 15, 10_080).describe(
    "Minutes for which every count has to be below scaleInPercent.",
  ),
  scaleInMinimumAgeHours: wholeNumber(24, "hours", 24, 8760).describe(
    "Hours that a mount target stays at least; as long, no other one is added or deleted before it goes, and fileCountThreshold is not passed.",
  ),
  scheduleExpression: key(
    "rate(5 minutes)",
    "an EventBridge expression such as rate(5 minutes) or cron(0/5 * * * ? *)",
    (given) => (isScheduleExpression(given) ? { value: given } : undefined),
  ).describe("The schedule of the monitor."),
  countTimeBudgetSeconds: wholeNumber(540, "seconds", 10, 840).describe(
    "Maximum seconds of a count. One that takes longer stops, and its result is a lower bound.",
  ),
  countTimePercent: wholeNumber(10, "percent", 1, 100).describe(
    "Percent of the time that counting may take; near the threshold every run counts all the same.",
  ),
  // Each takes a thread and a file descriptor, and Lambda allows a function 1,024 of both for all that it does.
  countConcurrency: wholeNumber(32, "directories", 1, 256).describe("Directories counted at once, 256 at most."),
  countVia: choice("mount", "mount", "nfs").describe(
    "How the monitor reads the directories: through a mount, or over NFS by itself, through all mount targets at once.",
  ),
  fullCountHours: wholeNumber(24, "hours", 1, 8760).describe(
    "Hours after which the monitor reads every directory again, and not only those that have changed.",
  ),
  mountTargetPollIntervalSeconds: wholeNumber(10, "seconds", 1, 60).describe(
    "Seconds between two polls of a mount target that is being created.",
  ),
  mountTargetTimeoutSeconds: wholeNumber(300, "seconds", 60, 840).describe(
    "Seconds after which the creation of a mount target has failed.",
  ),
  monitorMemory: wholeNumber(512, "MiB", 128, 10_240).describe("Memory of the monitor's function in MiB."),

  cpuArchitecture: choice("ARM64", "ARM64", "X86_64").describe("The processors that the routers run on."),
  taskCpu: numberFrom(512, "CPU units", Object.keys(FARGATE_SIZES).map(Number)).describe(
    "CPU units of a router's task; 1024 are one vCPU.",
  ),
  taskMemory: wholeNumber(1024, "MiB", 512, 30_720).describe("Memory of a router's task in MiB."),
  routerWorkers: wholeNumber(0, "processes", 0, MAX_WORKERS).describe(
    "Processes of a router that share its port and its limits; 0 for one for each whole vCPU of taskCpu.",
  ),
  // The range of a target group's deregistration delay.
  drainSeconds: wholeNumber(60, "seconds", 0, 3600).describe(
    "Seconds that transfers have to end when their task is replaced; each replacement of the tasks waits as long.",
  ),
  minTasks: wholeNumber(2, "tasks", 1, 1000).describe("Minimum number of router tasks."),
  maxTasks: wholeNumber(10, "tasks", 1, 1000).describe("Maximum number of router tasks."),
  targetCpuPercent: wholeNumber(60, "percent", 10, 90).describe("Average CPU, in percent, that scaling aims at."),
  targetRequestsPerMinute: wholeNumber(30_000, "requests", 1, 10_000_000).describe(
    "Requests a minute and task that scaling aims at.",
  ),
  routingStrategy: choice("rendezvous", ...ROUTING_STRATEGIES).describe(
    `How a path is assigned to a mount target: ${ROUTING_STRATEGIES.map((name) => `${name} (${summaryOf(name)})`).join(", ")}.`,
  ),
  loadFactor: decimal(DEFAULT_LOAD_FACTOR, 1.05, 10).describe(
    `How many times the mean the load of a mount target may be, where routingStrategy is ${ROUTING_STRATEGIES.filter(isByLoad).join(" or ")}.`,
  ),
  hotSpotShare: wholeNumber(5, "percent", 0, 100).describe(
    "Percent of a router's requests above which a path is hot: it is logged, and its reads are shared and spread; 0 for never.",
  ),
  changeFeed: flag(false).describe(
    "Whether GET /events follows what changes. Each write, append and removal then takes another small write to the file system.",
  ),
  rollout: choice("rolling-deployment", "rolling-deployment", "hot-reload").describe(
    "How routers get a changed mount table: the monitor replaces their tasks, or the running tasks read it again.",
  ),
  detectionTimeoutSeconds: wholeNumber(15, "seconds", 2, 60).describe(
    "Seconds after which a mount target that answers nothing is given up for another one; AWS advises 15 or more.",
  ),
  startTimeoutSeconds: wholeNumber(180, "seconds", 0, 900).describe(
    "Seconds that a router waits at its start for a mount target to be reachable.",
  ),
  mountTableRefreshSeconds: wholeNumber(30, "seconds", 5, 3600).describe(
    "Seconds between two polls of the mount table by a router, where rollout is hot-reload.",
  ),
  // AWS's default, and its maximum with higher throughput.
  parameterReadsPerSecond: wholeNumber(40, "reads", 1, 10_000).describe(
    "Reads a second that Parameter Store answers in this account and region: what the routers' polls may take. More than 40 need higher throughput, a paid setting of the account; less where others read parameters, too.",
  ),

  otlpEndpoint: key<URL | undefined>(
    "",
    "empty, or an http or https URL such as http://collector.internal:4318",
    (given) => {
      if (given === "") return { value: undefined };
      return z.url({ protocol: /^https?$/ }).safeParse(given).success ? { value: new URL(given) } : undefined;
    },
  ).describe(
    "The collector that gets the routers' traces with OTLP over HTTP, by its address in the VPC; empty for no traces.",
  ),
  tracePercent: decimal(5, 0, 100).describe(
    "Percent of the requests that are traced, where otlpEndpoint is set and the caller has not decided.",
  ),
  alarmEmail: optionalText(/^[^@\s]+@[^@\s]+\.[^@\s]+$/, "an e-mail address").describe(
    "The address that alarms are sent to, once it has confirmed the subscription; empty for the SNS topic alone.",
  ),
  meteredGibPerDay: wholeNumber(0, "GiB", 0, 1_000_000).describe(
    "Budget of the file system's metered throughput in GiB a day, above which an alarm goes off; 0 for no alarm.",
  ),
  logRetentionDays: numberFrom(30, "days", LOG_RETENTION_DAYS).describe("Days that log groups keep their lines."),
  logRouter: flag(true).describe(
    "Send the routers' logs through the Fluent Bit sidecar: errors to CloudWatch Logs, all lines to S3; false sends all lines to CloudWatch Logs.",
  ),
  logObjectSize: choice("small", "small", "large").describe(
    "How much the sidecar collects for an object in S3: 8 MB of lines, in 50 MB of memory, or 100 MB, in 384 MB.",
  ),
  logArchiveDays: wholeNumber(365, "days", 91, 3650).describe(
    "Days that all lines are kept in S3, from the 91st on in Glacier.",
  ),
  auditTrail: flag(false).describe("Record the management calls that write with CloudTrail, in a bucket of its own."),
  backup: flag(true).describe("Back up the file system every night."),
  backupRetentionDays: wholeNumber(30, "days", 1, 3650).describe("Days that backups are kept."),
  backupCopyRegion: optionalText(REGION, REGION_NAME).describe(
    "Another region that gets a copy of every backup, kept as long; empty for none.",
  ),
  backupCopyKmsKeyArn: optionalText(KMS_KEY_ARN, "the ARN of a KMS key").describe(
    "The customer-managed key of the copies, in backupCopyRegion; empty for the AWS-managed one.",
  ),
  restoreTest: choice("never", "never", "weekly", "monthly").describe(
    "How often AWS Backup restores the newest backup into a file system of its own, which it deletes a day later: an alarm tells when that fails.",
  ),
});

type Values = z.output<typeof keys>;

/** The keys as `Pulumi.yaml` declares them: what each means, and the text that stands when it is not set. */
export const declarations: Readonly<Record<string, { readonly description: string; readonly default: string }>> =
  Object.fromEntries(
    Object.entries(keys.shape).map(([name, schema]) => [
      name,
      { description: schema.description ?? "", default: schema.def.defaultValue },
    ]),
  );

/** Rules between keys: the key that the message is about, the keys that the rule reads, and the message when it is broken. */
const RULES: readonly {
  readonly about: keyof Values;
  readonly reads: readonly (keyof Values)[];
  readonly broken: (values: Values) => string | undefined;
}[] = [
  {
    about: "privateSubnetIds",
    reads: ["vpcId", "privateSubnetIds"],
    broken: ({ vpcId, privateSubnetIds }) => {
      if (vpcId === undefined) {
        return privateSubnetIds.length > 0 ? "must be empty without vpcId" : undefined;
      }
      return new Set(privateSubnetIds).size < 2 ? "must name at least two subnets of vpcId" : undefined;
    },
  },
  {
    about: "createVpcEndpoints",
    reads: ["vpcId", "createVpcEndpoints"],
    broken: ({ vpcId, createVpcEndpoints }) =>
      vpcId === undefined && !createVpcEndpoints
        ? "must be true without vpcId: a new VPC has no other way to AWS"
        : undefined,
  },
  {
    about: "domainName",
    reads: ["certificateArn", "domainName"],
    broken: ({ certificateArn, domainName }) =>
      certificateArn !== undefined && domainName === undefined
        ? "must be a name of certificateArn: no certificate is for the load balancer's own name"
        : undefined,
  },
  {
    about: "s3Domain",
    reads: ["s3Api", "s3Domain", "domainName", "sharedDomainName", "readDomainName"],
    broken: ({ s3Api, s3Domain, domainName, sharedDomainName, readDomainName }) => {
      if (s3Domain === undefined) return undefined;
      if (!s3Api) return "must be empty without s3Api";
      const names = [domainName, sharedDomainName, readDomainName];
      const taken = names.find((name) => name?.endsWith(`.${s3Domain}`));
      return taken === undefined ? undefined : `must be another domain: ${taken} would be the host name of a bucket`;
    },
  },
  {
    about: "hostedZoneId",
    reads: ["domainName", "sharedDomainName", "readDomainName", "hostedZoneId"],
    broken: ({ domainName, sharedDomainName, readDomainName, hostedZoneId }) =>
      hostedZoneId !== undefined && [domainName, sharedDomainName, readDomainName].every((name) => name === undefined)
        ? "must be empty without domainName, sharedDomainName or readDomainName"
        : undefined,
  },
  {
    about: "peerStack",
    reads: ["role", "peerStack", "peer"],
    broken: ({ role, peerStack, peer }) => {
      if (role === undefined) return peerStack === undefined ? undefined : "must be empty without role";
      return (peerStack === undefined) === (peer === undefined)
        ? `must be set where role is ${role}, or peer, and not both`
        : undefined;
    },
  },
  {
    about: "peer",
    reads: ["role", "peer"],
    broken: ({ role, peer }) => (role === undefined && peer !== undefined ? "must be empty without role" : undefined),
  },
  {
    about: "confirmRoleBy",
    reads: ["role", "confirmRoleBy", "vpcId", "createVpcEndpoints"],
    broken: ({ role, confirmRoleBy, vpcId, createVpcEndpoints }) =>
      role !== undefined && confirmRoleBy === "peer" && vpcId !== undefined && createVpcEndpoints
        ? "must be replication in an existing VPC with createVpcEndpoints: its endpoints lead to no other region"
        : undefined,
  },
  ...(["sharedDomainName", "readDomainName"] as const).map((about) => ({
    about,
    reads: ["role", "hostedZoneId", "domainName", "sharedDomainName", "readDomainName"] as const,
    broken: (values: Values) => {
      const { role, hostedZoneId, domainName, sharedDomainName, readDomainName } = values;
      if (values[about] === undefined) return undefined;
      if (role === undefined || hostedZoneId === undefined) return "must be empty without role and hostedZoneId";
      const others = [domainName, about === "readDomainName" ? sharedDomainName : readDomainName];
      return others.includes(values[about]) ? "must be a name that no other key has" : undefined;
    },
  })),
  {
    about: "backupCopyRegion",
    reads: ["backup", "backupCopyRegion"],
    broken: ({ backup, backupCopyRegion }) =>
      backupCopyRegion !== undefined && !backup ? "must be empty where backup is false" : undefined,
  },
  {
    about: "backupCopyKmsKeyArn",
    reads: ["backupCopyRegion", "backupCopyKmsKeyArn"],
    broken: ({ backupCopyRegion, backupCopyKmsKeyArn }) =>
      backupCopyKmsKeyArn !== undefined && backupCopyKmsKeyArn.split(":")[3] !== backupCopyRegion
        ? `must be a key in backupCopyRegion${backupCopyRegion === undefined ? ", which is empty" : ` (${backupCopyRegion})`}`
        : undefined,
  },
  {
    about: "restoreTest",
    reads: ["backup", "restoreTest"],
    broken: ({ backup, restoreTest }) =>
      restoreTest !== "never" && !backup ? "must be never where backup is false" : undefined,
  },
  {
    about: "availabilityZones",
    reads: ["availabilityZones"],
    broken: ({ availabilityZones }) =>
      availabilityZones.length > 0 && new Set(availabilityZones).size < 2
        ? "must be empty, or name at least two different Availability Zones"
        : undefined,
  },
  {
    about: "provisionedThroughput",
    reads: ["throughputMode", "provisionedThroughput"],
    broken: ({ throughputMode, provisionedThroughput }) =>
      (throughputMode === "provisioned") === provisionedThroughput > 0
        ? undefined
        : "must be at least 1 where throughputMode is provisioned, and 0 where it is not",
  },
  {
    about: "throughputMode",
    reads: ["performanceMode", "throughputMode", "existingFileSystemId"],
    broken: ({ performanceMode, throughputMode = "elastic", existingFileSystemId }) =>
      performanceMode === "maxIO" && throughputMode === "elastic" && existingFileSystemId === undefined
        ? "must be bursting or provisioned where performanceMode is maxIO"
        : undefined,
  },
  {
    about: "openExistingMountTargets",
    reads: ["openExistingMountTargets", "existingFileSystemId"],
    broken: ({ openExistingMountTargets, existingFileSystemId }) =>
      openExistingMountTargets && existingFileSystemId === undefined
        ? "must be false without existingFileSystemId"
        : undefined,
  },
  {
    about: "initialMountTargets",
    reads: ["initialMountTargets", "vpcId", "privateSubnetIds", "availabilityZones", "availabilityZoneCount"],
    broken: (values) =>
      values.initialMountTargets > zoneCount(values)
        ? `must be at most ${zoneCount(values)}, the number of Availability Zones`
        : undefined,
  },
  {
    about: "maxMountTargets",
    reads: ["maxMountTargets", "initialMountTargets"],
    broken: ({ maxMountTargets, initialMountTargets }) =>
      maxMountTargets > 0 && maxMountTargets < initialMountTargets
        ? `must be 0, or at least initialMountTargets (${initialMountTargets})`
        : undefined,
  },
  {
    about: "countTimeBudgetSeconds",
    reads: ["countTimeBudgetSeconds", "mountTargetTimeoutSeconds"],
    broken: ({ countTimeBudgetSeconds, mountTargetTimeoutSeconds }) =>
      countTimeBudgetSeconds + mountTargetTimeoutSeconds > 870
        ? `must leave mountTargetTimeoutSeconds (${mountTargetTimeoutSeconds}) room in the function's 15 minutes: at most ${870 - mountTargetTimeoutSeconds}`
        : undefined,
  },
  {
    about: "scaleInMinutes",
    reads: ["scaleIn", "scaleInMinutes", "scheduleExpression"],
    broken: ({ scaleIn, scaleInMinutes, scheduleExpression }) => {
      // Runs further apart than half of it leave a gap, of which nothing is known.
      const min = 3 * longestPauseMinutes(scheduleExpression);
      return scaleIn !== "off" && scaleInMinutes < min
        ? `must be at least ${min}, three times the longest pause of scheduleExpression`
        : undefined;
    },
  },
  {
    about: "taskMemory",
    reads: ["taskCpu", "taskMemory"],
    broken: ({ taskCpu, taskMemory }) => {
      const [min, max, step] = FARGATE_SIZES[taskCpu] ?? [0, 0, 1];
      return taskMemory < min || taskMemory > max || taskMemory % step !== 0
        ? `must be ${min} to ${max} MiB in steps of ${step} where taskCpu is ${taskCpu}`
        : undefined;
    },
  },
  {
    about: "logObjectSize",
    reads: ["logRouter", "logObjectSize", "taskMemory"],
    broken: ({ logRouter, logObjectSize, taskMemory }) =>
      logRouter && logObjectSize === "large" && taskMemory < 2048
        ? "must be small where taskMemory is less than 2048"
        : undefined,
  },
  {
    about: "routerWorkers",
    reads: ["routerWorkers", "taskMemory"],
    broken: ({ routerWorkers, taskMemory }) =>
      routerWorkers > 1 && taskMemory < routerWorkers * MIN_WORKER_MEMORY
        ? `must be at most ${Math.floor(taskMemory / MIN_WORKER_MEMORY)} where taskMemory is ${taskMemory}: each process needs ${MIN_WORKER_MEMORY} MiB`
        : undefined,
  },
  {
    about: "maxTasks",
    reads: ["maxTasks", "routerWorkers", "taskCpu", "availabilityZoneCount", "privateSubnetIds"],
    broken: (values) => {
      const workers = workersOf(values);
      // One mount target in each Availability Zone, which existing subnets name.
      const mountTargets = values.privateSubnetIds.length || values.availabilityZoneCount;
      const limit = Math.floor(MAX_CONNECTIONS / (TASKS_WHILE_ROLLING * workers * mountTargets));
      return workers > 1 && values.maxTasks > limit
        ? `must be at most ${limit} where a task has ${workers} routerWorkers, and there may be ${mountTargets} mount targets: Amazon EFS allows a file system ${MAX_CONNECTIONS} connections, and twice as many tasks run while they are replaced`
        : undefined;
    },
  },
  {
    about: "maxTasks",
    reads: [
      "maxTasks",
      "routerWorkers",
      "taskCpu",
      "parameterReadsPerSecond",
      "rollout",
      "mountTableRefreshSeconds",
      "role",
      "confirmRoleBy",
      "roleLeaseSeconds",
      "changeFeed",
    ],
    broken: (values) => {
      const workers = workersOf(values);
      const { parameterReadsPerSecond: allowed } = values;
      const limit = Math.floor(allowed / (TASKS_WHILE_ROLLING * workers * parameterReadsOf(values)));
      return values.maxTasks > limit
        ? `must be at most ${limit} where a task has ${workers} routerWorkers, which poll parameters: Parameter Store answers ${allowed} reads a second (parameterReadsPerSecond), and twice as many tasks run while they are replaced. Raise mountTableRefreshSeconds or roleLeaseSeconds; or switch the account to higher throughput, and raise parameterReadsPerSecond`
        : undefined;
    },
  },
  {
    about: "maxTasks",
    reads: ["minTasks", "maxTasks"],
    broken: ({ minTasks, maxTasks }) => (maxTasks < minTasks ? `must be at least minTasks (${minTasks})` : undefined),
  },
];

/** Reads a second of a region's parameters that one process of a router brings about. */
function parameterReadsOf({
  rollout,
  mountTableRefreshSeconds,
  role,
  confirmRoleBy,
  roleLeaseSeconds,
  changeFeed,
}: Pick<
  Values,
  "rollout" | "mountTableRefreshSeconds" | "role" | "confirmRoleBy" | "roleLeaseSeconds" | "changeFeed"
>): number {
  const table = rollout === "hot-reload" ? 1 / mountTableRefreshSeconds : 0;
  const ownRole = role === undefined ? 0 : POLLS_IN_LEASE / roleLeaseSeconds;
  // By a router of the other region, which has as many.
  const readByPeer = confirmRoleBy === "peer" ? ownRole : 0;
  const findings = changeFeed ? 1000 / MONITOR_POLL_INTERVAL : 0;
  return table + ownRole + readByPeer + findings;
}

/** The stack's configuration as text, parsed and checked as a whole. */
export const configSchema = RULES.reduce(
  (schema, { about, reads, broken }) =>
    schema.check(
      z.superRefine<Values>(
        (values, context) => {
          const message = broken(values);
          if (message !== undefined) context.addIssue({ code: "custom", path: [about], message });
        },
        { when: ({ issues }) => !issues.some(({ path }) => reads.some((name) => name === path?.[0])) },
      ),
    ),
  keys.strict(),
);

/** The stack's configuration, checked: see the schema for what each key means. */
export type StackConfig = z.output<typeof configSchema>;

/**
 * Configuration of the AWS provider about who calls AWS, and where. Dynamic resources call it, too, with the AWS SDK:
 * they know the region and the profile, and else what the environment says.
 */
const REFUSED_PROVIDER_KEYS = [
  "accessKey",
  "secretKey",
  "token",
  "assumeRoles",
  "assumeRoleWithWebIdentity",
  "sharedConfigFiles",
  "sharedCredentialsFiles",
  "endpoints",
  "useFipsEndpoint",
  "customCaBundle",
  "httpProxy",
  "httpsProxy",
  "insecure",
].map((name) => `aws:${name}`);

/** A stack configuration that is not allowed; the message lists every bad key with its value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * The mount targets there can be: the Availability Zones that have a private subnet.
 */
export function zoneCount(
  config: Pick<Values, "vpcId" | "privateSubnetIds" | "availabilityZones" | "availabilityZoneCount">,
): number {
  if (config.vpcId !== undefined) return config.privateSubnetIds.length;
  return config.availabilityZones.length || config.availabilityZoneCount;
}

/** The path of the parameter with the region's role. */
export function roleParameterName({ nameSuffix }: Pick<Values, "nameSuffix">): string {
  return nameSuffix === "" ? DEFAULT_REGION_PARAMETER_NAME : `/${PROJECT}${nameSuffix}/region`;
}

/** The path of the mount table's parameter. */
export function parameterName({ parameterName: given, nameSuffix, existingFileSystemId }: Values): string {
  if (given !== undefined) return given;
  return ["", `${PROJECT}${nameSuffix}`, existingFileSystemId, "mount-targets"]
    .filter((part) => part !== undefined)
    .join("/");
}

/**
 * Reads the stack's configuration.
 *
 * @param values the whole configuration as text, by full key such as `efs-mount-autoscaling:minTasks`.
 * @throws {ConfigError} when a value is not allowed, a key of this project is unknown, or one of the provider's is not
 * followed everywhere.
 */
export function readConfig(values: Readonly<Record<string, string>> = pulumi.runtime.allConfig()): StackConfig {
  const prefix = `${PROJECT}:`;
  const own = Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
  const result = configSchema.safeParse(own);
  const refused = REFUSED_PROVIDER_KEYS.filter((name) => name in values);
  if (result.success && refused.length === 0) return result.data;

  const given = (name: string) => own[name] ?? declarations[name]?.default;
  const problems = (result.error?.issues ?? []).flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((name) => `${name}: is not a key of this project`)
      : `${issue.path.join(".")} = ${JSON.stringify(given(String(issue.path[0])))}: ${issue.message}`,
  );
  throw new ConfigError(
    [
      `The stack's configuration is not valid (pulumi config set KEY VALUE):`,
      ...problems.map((line) => `  ${line}`),
      ...refused.map(
        (name) =>
          `  ${name}: must not be set: the token and the sweeper could not follow it. Use aws:profile, or variables such as AWS_PROFILE`,
      ),
    ].join("\n"),
    { cause: result.error },
  );
}
