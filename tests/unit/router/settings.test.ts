import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { describe, expect, test } from "vitest";
import { readSettings } from "../../../fargate-app/src/settings.ts";
import { MemoryNetwork } from "../../support/memory-router.ts";

const REQUIRED = { EFS_FILE_SYSTEM_ID: "fs-1" };

describe("the settings of the router", () => {
  test("have the defaults that the contract names", () => {
    expect(readSettings({ ...REQUIRED, LOG_LEVEL: "" })).toEqual({
      parameterName: "/efs-mount-autoscaling/mount-targets",
      regionParameterName: undefined,
      roleLease: 120_000,
      readAfterTimeout: 2_000,
      fileSystemId: "fs-1",
      defaultMountTable: undefined,
      host: "0.0.0.0",
      port: 8000,
      rootDirectory: "/data",
      routingStrategy: "rendezvous",
      loadFactor: 1.25,
      hotSpotShare: 0.05,
      taskMetadataUri: undefined,
      region: undefined,
      logLevel: "info",
      accessLog: false,
      nfsPort: 2049,
      nfsTls: undefined,
      nfsConnections: 1,
      nfsOperationTimeout: 30_000,
      nfsConnectTimeout: 5_000,
      nfsDetectionTimeout: 2_000,
      mountTableRefreshInterval: 30_000,
      mountTargetDrainTimeout: 300_000,
      transferMemory: 128 * 2 ** 20,
      orphanAge: 86_400_000,
      orphanSweepInterval: 86_400_000,
      shutdownTimeout: 30_000,
      startTimeout: 180_000,
      httpLimits: {
        maxBodyBytes: 5 * 2 ** 30,
        maxHeaderBytes: 16_384,
        maxConnections: 5_000,
        headersTimeout: 20_000,
        requestTimeout: 3_600_000,
        idleTimeout: 120_000,
        keepAliveTimeout: 75_000,
        minUploadRate: 1_024,
        appendMemory: 32 * 2 ** 20,
        requestsPerMinute: 0,
        trustedProxies: [],
        maxMemory: 0,
        maxEventLoopDelay: 1_000,
      },
      apiTokenSecretId: undefined,
      apiTokenRefreshInterval: 60_000,
    });
  });

  test("changes are recorded only where the feed is on", () => {
    expect(readSettings(REQUIRED).changeFeedRetention).toBeUndefined();
    expect(readSettings({ ...REQUIRED, CHANGE_FEED: "on" }).changeFeedRetention).toBe(900_000);
    const short = { CHANGE_FEED: "on", CHANGE_FEED_RETENTION_SECONDS: "59" };
    expect(() => readSettings({ ...REQUIRED, ...short })).toThrow("must be a number of seconds from 60 to 86400");
  });

  test("may name a table, and times in fractions of a second", () => {
    const { table } = new MemoryNetwork(2);
    const document = serializeMountTable(table);
    const environment = { ...REQUIRED, DEFAULT_MOUNT_TARGETS: document, SHUTDOWN_TIMEOUT_SECONDS: "0.5" };
    expect(readSettings(environment)).toMatchObject({ defaultMountTable: table, shutdownTimeout: 500 });
  });

  test("may say that the mount table is looked at only when asked", () => {
    const settings = readSettings({ ...REQUIRED, MOUNT_TABLE_REFRESH_SECONDS: "0" });
    expect(settings.mountTableRefreshInterval).toBe(0);
  });

  test("with TLS, expect the file system's name in its region", () => {
    const tls = { ...REQUIRED, NFS_TLS: "on", AWS_REGION: "ap-northeast-1" };
    expect(readSettings(tls).nfsTls).toEqual({
      serverName: "fs-1.efs.ap-northeast-1.amazonaws.com",
      fileSystemId: "fs-1",
    });
    const rest = { NFS_TLS_SERVER_NAME: "files.test", NFS_TLS_CA_FILE: "/ca.pem", EFS_ACCESS_POINT_ID: "fsap-1" };
    expect(readSettings({ ...tls, ...rest, EFS_IAM_AUTHORIZATION: "on" }).nfsTls).toEqual({
      serverName: "files.test",
      certificateAuthorityFile: "/ca.pem",
      fileSystemId: "fs-1",
      accessPointId: "fsap-1",
      iamRegion: "ap-northeast-1",
    });
  });

  test("trace where the standard's variables name an endpoint, and nothing turns it off", () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" };
    const { tracing } = readSettings({ ...REQUIRED, ...endpoint });
    expect(tracing).toEqual({
      serviceName: "efs-mount-autoscaling-router",
      url: "http://collector:4318/v1/traces",
      sampler: "parentbased_always_on",
      ratio: 1,
      delay: 5_000,
      maxQueueSize: 2_048,
      maxBatchSize: 512,
    });
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/own", OTEL_BSP_MAX_QUEUE_SIZE: "100" };
    const traced = readSettings({ ...REQUIRED, ...endpoint, ...own }).tracing;
    expect(traced).toMatchObject({ url: "https://traces/own", maxQueueSize: 100, maxBatchSize: 100 });
    for (const off of [{ OTEL_SDK_DISABLED: "TRUE" }, { OTEL_TRACES_EXPORTER: "none" }]) {
      expect(readSettings({ ...REQUIRED, ...endpoint, ...off }).tracing).toBeUndefined();
    }
  });

  test.each([
    [{ EFS_FILE_SYSTEM_ID: undefined }, "EFS_FILE_SYSTEM_ID is missing"],
    [{ EFS_FILE_SYSTEM_ID: "" }, "EFS_FILE_SYSTEM_ID is missing"],
    [{ EFS_FILE_SYSTEM_ID: "x" }, 'EFS_FILE_SYSTEM_ID is "x", but must be an EFS file system id like fs-0123abcd'],
    [{ PORT: "65536" }, 'PORT is "65536", but must be a whole number from 0 to 65535'],
    [{ ROUTING_STRATEGY: "random" }, "but must be one of rendezvous, modulo, bounded-load, zone-aware"],
    [{ LOAD_FACTOR: "1" }, "but must be a number from 1.05 to 10"],
    [{ HOT_SPOT_PERCENT: "101" }, "but must be a whole number from 0 to 100"],
    [{ ROOT_DIRECTORY: "data" }, "but must be an absolute path without .."],
    [{ ROOT_DIRECTORY: "/a/../b" }, "but must be an absolute path without .."],
    [{ NFS_DETECTION_TIMEOUT_SECONDS: "0" }, "but must be a number of seconds from 0.001 to 3600"],
    [{ DEFAULT_MOUNT_TARGETS: "{}" }, "but must be a mount table: The mount table is not valid"],
    [{ LOG_LEVEL: "loud" }, "but must be one of debug, info, warn, error, fatal"],
    [{ PORT: "x", NFS_PORT: "y" }, "; NFS_PORT is"],
    [{ NFS_TLS: "on" }, "AWS_REGION is missing"],
    [{ NFS_TLS: "on", NFS_TLS_SERVER_NAME: "files.test", EFS_IAM_AUTHORIZATION: "on" }, "AWS_REGION is missing"],
    [{ NFS_TLS: "off", EFS_IAM_AUTHORIZATION: "on" }, 'NFS_TLS is "off", but must be on for EFS_IAM_AUTHORIZATION'],
    [{ EFS_ACCESS_POINT_ID: "fsap-1" }, "NFS_TLS is missing"],
    [{ EFS_ACCESS_POINT_ID: "fs-1" }, "but must be an EFS access point id like fsap-0123abcd"],
    [{ NFS_TLS_SERVER_NAME: "10.0.1.100:2049" }, "but must be a DNS name"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" }, "but must be an http or https URL"],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "but must be one of http/protobuf"],
    [{ OTEL_TRACES_SAMPLER: "xray" }, "but must be one of always_on, always_off, traceidratio, parentbased_always_on"],
    [{ OTEL_TRACES_SAMPLER_ARG: "2" }, "but must be a number from 0 to 1"],
  ])("%j: %s", (environment, expected) => {
    expect(() => readSettings({ ...REQUIRED, ...environment })).toThrow(expected);
  });
});
