import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ConfigError, declarations, parameterName, readConfig } from "../../config.ts";
import { projectFile } from "../../Pulumi.yaml.ts";
import { CONFIGURATIONS } from "./configurations.ts";

const TWO_REGIONS = CONFIGURATIONS["the primary of two regions"];

const read = (values: Record<string, string>) =>
  readConfig(Object.fromEntries(Object.entries(values).map(([key, value]) => [`efs-mount-autoscaling:${key}`, value])));

function messageOf(values: Record<string, string>): string {
  try {
    read(values);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("The configuration was accepted");
}

describe("the stack's configuration", () => {
  test("is complete without a single key", () => {
    expect(read({})).toMatchObject({
      fileCountThreshold: 100_000,
      scheduleExpression: "rate(5 minutes)",
      targetDirectory: "/data",
      initialMountTargets: 2,
      availabilityZoneCount: 3,
      vpcId: undefined,
      backupRetentionDays: 30,
    });
  });

  test("understands every kind of value", () => {
    expect(
      read({
        fileCountThreshold: " 2000 ",
        backup: "false",
        throughputMode: "bursting",
        timeZone: "Europe/Berlin",
        availabilityZones: '["ap-northeast-1a","ap-northeast-1c"]',
        logRetentionDays: "90",
        alarmEmail: "on-call@example.com",
      }),
    ).toMatchObject({
      fileCountThreshold: 2000,
      backup: false,
      throughputMode: "bursting",
      timeZone: "Europe/Berlin",
      availabilityZones: ["ap-northeast-1a", "ap-northeast-1c"],
      logRetentionDays: 90,
      alarmEmail: "on-call@example.com",
    });
  });

  test("ignores other namespaces", () => {
    expect(() => readConfig({ "aws:region": "ap-northeast-1" })).not.toThrow();
  });

  test("refuses configuration of the provider that dynamic resources could not follow", () => {
    const values = {
      "aws:region": "ap-northeast-1",
      "aws:assumeRoles": '[{"roleArn":"arn"}]',
      "aws:accessKey": "AKIA",
    };
    expect(() => readConfig(values)).toThrow(/\n {2}aws:accessKey: must not be set.*\n {2}aws:assumeRoles: must not/);
    expect(() => readConfig({ "aws:region": "ap-northeast-1", "aws:profile": "prod" })).not.toThrow();
  });

  test("names every bad key at once, with its value and what is allowed", () => {
    const message = messageOf({
      fileCountThreshold: "many",
      timeZone: "Asia/Atlantis",
      availabilityZones: "[1]",
      colour: "blue",
      minTasks: "20",
      vpcId: "vpc-0e0e0e0e",
    });
    expect(message.split("\n").slice(1).sort()).toEqual(
      [
        '  fileCountThreshold = "many": must be a whole number of files from 1 to 10000000000',
        '  timeZone = "Asia/Atlantis": must be an IANA time zone such as Asia/Tokyo or UTC',
        '  availabilityZones = "[1]": must be a list of Availability Zone names such as ap-northeast-1a, each once',
        "  colour: is not a key of this project",
        '  maxTasks = "10": must be at least minTasks (20)',
        '  privateSubnetIds = "[]": must name at least two subnets of vpcId',
      ].sort(),
    );
  });

  test.each([
    [{ vpcId: "", privateSubnetIds: '["subnet-1","subnet-2"]' }, "privateSubnetIds"],
    [{ createVpcEndpoints: "false" }, "createVpcEndpoints"],
    [{ availabilityZones: '["ap-northeast-1a"]' }, "availabilityZones"],
    [{ throughputMode: "provisioned" }, "provisionedThroughput"],
    [{ provisionedThroughput: "128" }, "provisionedThroughput"],
    [{ performanceMode: "maxIO", throughputMode: "elastic" }, "throughputMode"],
    [{ performanceMode: "maxIO" }, "throughputMode"],
    [{ throughputMode: "fast" }, "throughputMode"],
    [{ transitionToIaDays: "31" }, "transitionToIaDays"],
    [{ openExistingMountTargets: "true" }, "openExistingMountTargets"],
    [{ initialMountTargets: "3", availabilityZoneCount: "2" }, "initialMountTargets"],
    [{ initialMountTargets: "3", maxMountTargets: "2" }, "maxMountTargets"],
    [{ scaleIn: "on", scheduleExpression: "rate(30 minutes)" }, "scaleInMinutes"],
    [{ scaleIn: "observe", scheduleExpression: "cron(0 3 * * ? *)" }, "scaleInMinutes"],
    [{ scaleIn: "yes" }, "scaleIn"],
    [{ scaleInPercent: "100" }, "scaleInPercent"],
    [{ scaleInMinimumAgeHours: "23" }, "scaleInMinimumAgeHours"],
    [{ countTimeBudgetSeconds: "600", mountTargetTimeoutSeconds: "300" }, "countTimeBudgetSeconds"],
    [{ taskCpu: "256", taskMemory: "4096" }, "taskMemory"],
    [{ taskCpu: "1024", taskMemory: "2500" }, "taskMemory"],
    [{ minTasks: "5", maxTasks: "4" }, "maxTasks"],
    [{ routerWorkers: "17" }, "routerWorkers"],
    [{ routerWorkers: "3" }, "routerWorkers"],
    [{ taskCpu: "4096", taskMemory: "8192", maxTasks: "1000", availabilityZoneCount: "4" }, "maxTasks"],
    [{ logObjectSize: "large" }, "logObjectSize"],
    [{ certificateArn: CONFIGURATIONS.everything.certificateArn }, "domainName"],
    [{ domainName: "files" }, "domainName"],
    [{ domainName: "https://files.example.com" }, "domainName"],
    [{ hostedZoneId: "Z0123456789ABCDEFGHIJ" }, "hostedZoneId"],
    [{ fileCountThreshold: "0" }, "fileCountThreshold"],
    [{ fileCountThreshold: "1e3" }, "fileCountThreshold"],
    [{ targetDirectory: "/" }, "targetDirectory"],
    [{ targetDirectory: "/a/b/c/d/e" }, "targetDirectory"],
    [{ targetDirectory: "/data/../etc" }, "targetDirectory"],
    [{ allowedCidrs: '["0.0.0.0/0"]' }, "allowedCidrs"],
    [{ scheduleExpression: "every 5 minutes" }, "scheduleExpression"],
    [{ scheduleExpression: "rate(1 minutes)" }, "scheduleExpression"],
    [{ logRetentionDays: "31" }, "logRetentionDays"],
    [{ parameterName: "/aws/x" }, "parameterName"],
    [{ parameterName: "/SSM/x" }, "parameterName"],
    [{ parameterName: "/a/" }, "parameterName"],
    [{ parameterName: "//a" }, "parameterName"],
    [{ parameterName: "/level".repeat(16) }, "parameterName"],
    [{ availabilityZones: '["ap-northeast-1a","ap-northeast-1a","ap-northeast-1c"]' }, "availabilityZones"],
    [{ vpcId: "vpc-1", privateSubnetIds: '["subnet-1","subnet-2","subnet-1"]' }, "privateSubnetIds"],
    [{ allowedCidrs: '["10.0.0.0/16","10.0.0.0/16"]' }, "allowedCidrs"],
    [{ allowedCidrs: '["10.0.0.1/16"]' }, "allowedCidrs"],
    [{ allowedCidrs: '["10.0.0.128/24"]' }, "allowedCidrs"],
    [{ kmsKeyArn: "alias/mine" }, "kmsKeyArn"],
    [{ vpcCidr: "10.0.0.0/24" }, "vpcCidr"],
    [{ vpcCidr: "10.999.0.0/16" }, "vpcCidr"],
    [{ vpcCidr: "10.0.1.0/16" }, "vpcCidr"],
    [{ vpcCidr: "127.0.0.0/16" }, "vpcCidr"],
    [{ vpcCidr: "169.254.0.0/16" }, "vpcCidr"],
    [{ vpcCidr: "224.0.0.0/16" }, "vpcCidr"],
    [{ countConcurrency: "257" }, "countConcurrency"],
    [{ role: "acting" }, "role"],
    [{ role: "standby" }, "peerStack"],
    [{ role: "primary", peerStack: "organization/files/osaka", peer: TWO_REGIONS.peer }, "peerStack"],
    [{ peerStack: "organization/files/osaka" }, "peerStack"],
    [{ role: "primary", peerStack: "osaka" }, "peerStack"],
    [{ peer: TWO_REGIONS.peer }, "peer"],
    [{ role: "primary", peer: '{"region":"osaka"}' }, "peer"],
    [{ role: "primary", peer: "not JSON" }, "peer"],
    [{ s3Domain: "s3.example.com" }, "s3Domain"],
    [{ s3Api: "true", s3Domain: "example.com", domainName: "files.example.com" }, "s3Domain"],
    [{ s3Api: "true", s3Domain: "example.com", ...TWO_REGIONS, sharedDomainName: "files.example.com" }, "s3Domain"],
    [{ role: "primary", peer: TWO_REGIONS.peer, sharedDomainName: "files.example.com" }, "sharedDomainName"],
    [{ hostedZoneId: "Z0123456789ABCDEFGHIJ", sharedDomainName: "files.example.com" }, "sharedDomainName"],
    [{ ...TWO_REGIONS, domainName: TWO_REGIONS.readDomainName }, "readDomainName"],
    [{ backup: "false", backupCopyRegion: "ap-northeast-3" }, "backupCopyRegion"],
    [{ backupCopyRegion: "osaka" }, "backupCopyRegion"],
    [{ backupCopyKmsKeyArn: TWO_REGIONS.backupCopyKmsKeyArn }, "backupCopyKmsKeyArn"],
    [{ backupCopyRegion: "eu-west-1", backupCopyKmsKeyArn: TWO_REGIONS.backupCopyKmsKeyArn }, "backupCopyKmsKeyArn"],
    [{ backup: "false", restoreTest: "weekly" }, "restoreTest"],
    [{ nameSuffix: "prod" }, "nameSuffix"],
    [{ nameSuffix: "-prod-" }, "nameSuffix"],
    [{ nameSuffix: "-prod--1" }, "nameSuffix"],
    [{ nameSuffix: "-abcdefghijklmnopqrstu" }, "nameSuffix"],
  ])("refuses %j", (values, key) => {
    const lines = messageOf(values).split("\n").slice(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^ {2}${key} = .*: must `));
  });

  test.each([
    ["nothing that is polled", {}, 1000],
    ["a mount table polled every 5 s", { rollout: "hot-reload", mountTableRefreshSeconds: "5" }, 100],
    [
      "two processes",
      { rollout: "hot-reload", mountTableRefreshSeconds: "5", taskCpu: "2048", taskMemory: "4096" },
      50,
    ],
    [
      "higher throughput",
      { rollout: "hot-reload", mountTableRefreshSeconds: "5", parameterReadsPerSecond: "200" },
      500,
    ],
    ["the change feed", { changeFeed: "true" }, 600],
    ["a role that the other region reads, too", { ...TWO_REGIONS, roleLeaseSeconds: "10" }, 25],
    ["a role for its own region", { ...TWO_REGIONS, confirmRoleBy: "replication", roleLeaseSeconds: "10" }, 50],
    [
      "table and role",
      { ...TWO_REGIONS, roleLeaseSeconds: "40", rollout: "hot-reload", mountTableRefreshSeconds: "5" },
      50,
    ],
  ])("allows as many tasks as Parameter Store answers, with %s", (_, values, limit) => {
    expect(read({ ...values, maxTasks: String(limit) }).maxTasks).toBe(limit);
    if (limit === 1000) return;
    const message = messageOf({ ...values, maxTasks: String(limit + 1) });
    expect(message).toContain(`  maxTasks = "${limit + 1}": must be at most ${limit} where`);
    expect(message).toContain("higher throughput");
  });

  test.each([
    "a b c d e f",
    "0 3 * * ?",
    "60 * * * ? *",
    "0 24 * * ? *",
    "0 3 0 * ? *",
    "0 3 * 13 ? *",
    "0 3 ? * 8 *",
    "0 3 * * ? 1969",
    "0 3 * * * *",
    "0 3 ? * ? *",
    "0 3 1 * 2 *",
    "5/ * * * ? *",
    "0/0 * * * ? *",
    "0,,5 * * * ? *",
    "-1 * * * ? *",
    "1e1 3 * * ? *",
  ])("refuses cron(%s)", (fields) => {
    expect(messageOf({ scheduleExpression: `cron(${fields})` })).toContain("must be an EventBridge expression");
  });

  test.each([
    { allowedCidrs: '["10.0.0.128/25","192.0.2.1/32"]' },
    { vpcCidr: "172.31.0.0/16" },
    { vpcCidr: "100.64.0.0/16" },
    { s3Api: "true", s3Domain: "files.example.com", domainName: "files.example.com" },
    { parameterName: "/level".repeat(15) },
    { parameterName: "/team.1/mount_targets-2" },
    { scheduleExpression: "rate(1 minute)" },
    { role: "standby", peerStack: "organization/efs-mount-autoscaling/osaka" },
    {
      role: "standby",
      peerStack: "organization/efs-mount-autoscaling/osaka",
      hostedZoneId: "Z0123456789ABCDEFGHIJ",
      readDomainName: "read.files.example.com",
    },
    { scheduleExpression: "cron(0/5 * * * ? *)" },
    { scheduleExpression: "cron(0 3 ? * MON-FRI *)" },
    { scheduleExpression: "cron(0,30 8-18/2 L JAN,JUL ? 2026-2030)" },
    { scheduleExpression: "cron(15 10 ? * 6#3 *)" },
    { scheduleExpression: "cron(15 10 3W * ? *)" },
  ])("takes %j", (values) => {
    expect(() => read(values)).not.toThrow();
  });

  test.each(["collector:4318", "grpc://collector:4317", "http://"])("refuses the endpoint %s", (otlpEndpoint) => {
    expect(messageOf({ otlpEndpoint })).toContain("must be empty, or an http or https URL such as");
  });

  test("gives another file system, and another stack, another mount table", () => {
    expect(parameterName(read({}))).toBe("/efs-mount-autoscaling/mount-targets");
    expect(parameterName(read({ existingFileSystemId: "fs-0e0e0e0e" }))).toBe(
      "/efs-mount-autoscaling/fs-0e0e0e0e/mount-targets",
    );
    expect(parameterName(read({ nameSuffix: "-eu-2" }))).toBe("/efs-mount-autoscaling-eu-2/mount-targets");
    expect(parameterName(read({ parameterName: "/team/table", nameSuffix: "-prod" }))).toBe("/team/table");
  });
});

describe("Pulumi.yaml", () => {
  const yaml = (file: string) => parse(readFileSync(file, "utf8"));
  const asText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

  test("declares the keys that the program reads, with the same defaults and meanings", () => {
    const declared: Record<string, { description: string; default: unknown }> = yaml("Pulumi.yaml").config;
    expect(
      Object.fromEntries(
        Object.entries(declared).map(([key, { description, default: value }]) => [
          key,
          { description, default: asText(value) },
        ]),
      ),
    ).toEqual(declarations);
  });

  test("is as `npm run config` writes it", () => {
    expect(readFileSync("Pulumi.yaml", "utf8")).toBe(projectFile());
  });

  test("every key says what it means", () => {
    for (const [key, { description }] of Object.entries(declarations))
      expect(description, key).toMatch(/\w\.$|\w: .*\.$/);
  });

  test.each(["Pulumi.dev.yaml", "Pulumi.prod.yaml.example"])("%s is a stack that the program accepts", (file) => {
    const config: Record<string, unknown> = yaml(file).config;
    expect(() =>
      readConfig(Object.fromEntries(Object.entries(config).map(([key, value]) => [key, asText(value)]))),
    ).not.toThrow();
  });
});
