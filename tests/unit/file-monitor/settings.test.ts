import { expect, test } from "vitest";
import { readSettings, SettingsError } from "../../../functions/file-monitor/settings.ts";

const required = {
  EFS_FILE_SYSTEM_ID: "fs-0123abcd",
  EFS_SECURITY_GROUP_ID: "sg-0123abcd",
  VPC_ID: "vpc-0123abcd",
  ECS_CLUSTER_NAME: "cluster",
  ECS_SERVICE_NAME: "router",
};

test("what is not said has a default", () => {
  expect(readSettings({ ...required, PATH: "/bin", FILE_COUNT_THRESHOLD: "" })).toEqual({
    targetDirectory: "/data",
    countVia: { kind: "mount", countedPath: "/mnt/efs/data" },
    fullCountInterval: 86_400_000,
    treeFile: undefined,
    treeBucket: undefined,
    countTimeBudget: 600_000,
    countConcurrency: 32,
    maxCountTimeShare: 0.1,
    fileCountThreshold: 100_000,
    thresholdMode: "fixed",
    forecastHorizon: 3_600_000,
    fileSystemId: "fs-0123abcd",
    securityGroupId: "sg-0123abcd",
    vpcId: "vpc-0123abcd",
    subnetIds: undefined,
    maxMountTargets: undefined,
    mountTargetPollInterval: 10_000,
    mountTargetTimeout: 300_000,
    isReplicated: false,
    parameterName: "/efs-mount-autoscaling/mount-targets",
    parameterKeyId: undefined,
    rollout: { kind: "rolling-deployment", clusterName: "cluster", serviceName: "router" },
  });
});

test("seconds may be fractions, and lists have commas", () => {
  const settings = readSettings({
    ...required,
    MOUNT_TARGET_POLL_INTERVAL_SECONDS: "0.25",
    SUBNET_IDS: "subnet-0a, subnet-0b",
    MAX_MOUNT_TARGETS: "2",
  });
  expect(settings).toMatchObject({
    mountTargetPollInterval: 250,
    subnetIds: ["subnet-0a", "subnet-0b"],
    maxMountTargets: 2,
  });
});

test("over NFS, TLS needs the name in the certificate, and IAM needs TLS and the region", () => {
  const nfs = { ...required, COUNT_VIA: "nfs" };
  expect(readSettings(nfs).countVia).toEqual({ kind: "nfs", port: 2049, tls: undefined });
  const tls = {
    ...nfs,
    NFS_TLS: "on",
    NFS_TLS_SERVER_NAME: "fs-0123abcd.efs.ap-northeast-1.amazonaws.com",
    EFS_ACCESS_POINT_ID: "fsap-0123abcd",
  };
  const iam = { EFS_IAM_AUTHORIZATION: "on", AWS_REGION: "ap-northeast-1" };
  expect(readSettings(tls).countVia).toMatchObject({ tls: { accessPointId: "fsap-0123abcd", iamRegion: undefined } });
  expect(readSettings({ ...tls, ...iam }).countVia).toMatchObject({ tls: { iamRegion: "ap-northeast-1" } });
  expect(() => readSettings({ ...tls, NFS_TLS_SERVER_NAME: "" })).toThrow("NFS_TLS_SERVER_NAME is missing");
  expect(() => readSettings({ ...tls, ...iam, AWS_REGION: "" })).toThrow("AWS_REGION is missing");
  expect(() => readSettings({ ...nfs, ...iam })).toThrow("NFS_TLS is missing; it must be on for EFS_IAM_AUTHORIZATION");
  const accessPoint = { EFS_ACCESS_POINT_ID: tls.EFS_ACCESS_POINT_ID };
  expect(() => readSettings({ ...nfs, ...accessPoint })).toThrow(
    "NFS_TLS is missing; it must be on for EFS_ACCESS_POINT_ID",
  );
});

test("a service needs no name where routers read the table themselves", () => {
  const { ECS_CLUSTER_NAME: _, ECS_SERVICE_NAME: __, ...others } = required;
  expect(readSettings({ ...others, ROLLOUT: "hot-reload" }).rollout).toEqual({ kind: "hot-reload" });
});

test("every bad variable is named, with its value and what is allowed", () => {
  const read = () =>
    readSettings({
      ...required,
      ECS_SERVICE_NAME: undefined,
      FILE_COUNT_THRESHOLD: "1e5",
      COUNT_CONCURRENCY: "0",
      TARGET_DIRECTORY: "/data/../etc",
      VPC_ID: "",
    });
  expect(read).toThrow(SettingsError);
  const problems = [
    "ECS_SERVICE_NAME is missing; it must be the name of an ECS cluster or service (letters, digits, - and _), not an ARN",
    'FILE_COUNT_THRESHOLD is "1e5" but must be a whole number from 0 to 9007199254740991',
    'COUNT_CONCURRENCY is "0" but must be a whole number from 1 to 256',
    'TARGET_DIRECTORY is "/data/../etc" but must be an absolute path without ..',
    "VPC_ID is missing; it must be a VPC id like vpc-0123abcd",
  ];
  for (const problem of problems) expect(read).toThrow(problem);
});

test("a rollout that does not exist is named with those that do", () => {
  expect(() => readSettings({ ...required, ROLLOUT: "canary" })).toThrow(
    'ROLLOUT is "canary" but must be rolling-deployment or hot-reload',
  );
});

const scaleIn = { ...required, SCALE_IN: "on", INITIAL_MOUNT_TARGETS: "2" };

test("mount targets stay unless the environment says otherwise", () => {
  expect(readSettings({ ...scaleIn, SCALE_IN: "off" }).scaleIn).toBeUndefined();
  expect(readSettings(scaleIn).scaleIn).toEqual({
    isObserved: false,
    share: 0.7,
    window: 3_600_000,
    rest: 86_400_000,
    minMountTargets: 2,
    keptMountTargetIds: [],
    securityGroupId: "sg-0123abcd",
    mountedSubnetIds: [],
    drainTime: 600_000,
    alarmTopicArn: undefined,
    taskSecurityGroupId: undefined,
    service: { clusterName: "cluster", serviceName: "router" },
    isHotReload: false,
  });
});

test("minutes and hours may be fractions, and ids have commas", () => {
  const settings = readSettings({
    ...scaleIn,
    ROLLOUT: "hot-reload",
    SCALE_IN: "observe",
    SCALE_IN_PERCENT: "50",
    SCALE_IN_MINUTES: "0.05",
    SCALE_IN_MINIMUM_AGE_HOURS: "0.001",
    DRAIN_SECONDS: "0.5",
    KEPT_MOUNT_TARGET_IDS: "fsmt-0a,fsmt-0b",
    MOUNTED_SUBNET_IDS: "subnet-0a, subnet-0b",
  });
  expect(settings.scaleIn).toMatchObject({
    isObserved: true,
    share: 0.5,
    window: 3_000,
    rest: 3_600,
    drainTime: 500,
    keptMountTargetIds: ["fsmt-0a", "fsmt-0b"],
    mountedSubnetIds: ["subnet-0a", "subnet-0b"],
    isHotReload: true,
  });
});

test("to take mount targets away, the monitor must know how many stay, and the routers' service", () => {
  const { ECS_CLUSTER_NAME: _, ...nameless } = scaleIn;
  expect(() => readSettings({ ...nameless, ROLLOUT: "hot-reload" })).toThrow(
    "ECS_CLUSTER_NAME is missing; it must be the name of the routers' cluster",
  );
  expect(() => readSettings({ ...scaleIn, INITIAL_MOUNT_TARGETS: "" })).toThrow(
    "INITIAL_MOUNT_TARGETS is missing; it must be the number of mount targets that always stay",
  );
  expect(() => readSettings({ ...scaleIn, KEPT_MOUNT_TARGET_IDS: "fsmt-0a,x", SCALE_IN_PERCENT: "100" })).toThrow(
    /SCALE_IN_PERCENT is "100" but must be a whole number from 1 to 95.*KEPT_MOUNT_TARGET_IDS is "fsmt-0a,x" but must be mount target ids like fsmt-0123abcd, separated by commas/,
  );
});
