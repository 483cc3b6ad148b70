import type { Log, RoutingStrategy as RoutingStrategyOfFiles, TargetState } from "@efs-mount-autoscaling/routed-files";
import type { EmbeddedFiles, Log as PublicLog, RoutingStrategy } from "efs-files/embedded";
import { describe, expect, expectTypeOf, test } from "vitest";
import { readSettings } from "../../../packages/efs-files/src/embedded/settings.ts";

describe("the settings of files in the process itself", () => {
  test("have defaults", () => {
    expect(readSettings({}, {})).toEqual({
      parameterName: "/efs-mount-autoscaling/mount-targets",
      rootDirectory: "/data",
      iam: false,
      tls: {},
      connections: 1,
      memory: 67_108_864,
      startTimeout: 30_000,
      connectTimeout: 5_000,
      operationTimeout: 30_000,
      detectionTimeout: 2_000,
      mountTableRefreshInterval: 30_000,
      drainTimeout: 300_000,
      closeTimeout: 10_000,
    });
  });

  const environment = {
    SSM_PARAMETER_NAME: "/of/the/environment",
    EFS_FILE_SYSTEM_ID: "fs-1",
    AWS_REGION: "eu-west-1",
    ROOT_DIRECTORY: "/files",
    EFS_ACCESS_POINT_ID: "fsap-1",
    EFS_IAM_AUTHORIZATION: "on",
    NFS_TLS: "on",
    NFS_TLS_SERVER_NAME: "files.example.com",
    NFS_TLS_CA_FILE: "/ca.pem",
    NFS_PORT: "12049",
    ROUTING_STRATEGY: "zone-aware",
    ECS_CONTAINER_METADATA_URI_V4: "http://169.254.170.2/v4/1",
  };

  test("come from the variables of the router", () => {
    expect(readSettings({}, environment)).toMatchObject({
      parameterName: "/of/the/environment",
      fileSystemId: "fs-1",
      region: "eu-west-1",
      rootDirectory: "/files",
      accessPointId: "fsap-1",
      iam: true,
      tls: { serverName: "files.example.com", certificateAuthorityFile: "/ca.pem" },
      nfsPort: 12_049,
      routingStrategy: "zone-aware",
      metadataUri: "http://169.254.170.2/v4/1",
    });
    expect(readSettings({}, { NFS_TLS: "off", ROOT_DIRECTORY: "" })).toMatchObject({
      tls: false,
      rootDirectory: "/data",
    });
  });

  test("are those of the options first", () => {
    const options = {
      parameterName: "/given",
      fileSystemId: "fs-2",
      iam: false,
      tls: { serverName: "other.example.com" },
      routingStrategy: "modulo",
    } as const;
    expect(readSettings(options, environment)).toMatchObject({
      ...options,
      tls: { serverName: "other.example.com", certificateAuthorityFile: "/ca.pem" },
      region: "eu-west-1",
    });
    expect(readSettings({ tls: false, region: undefined }, environment)).toMatchObject({
      tls: false,
      region: "eu-west-1",
    });
    expect(readSettings({ tls: true }, { NFS_TLS: "off" }).tls).toEqual({});
  });

  test.each([
    [{ rootDirectory: "data" }, {}, "rootDirectory must be an absolute path without .."],
    [{ accessPointId: "fs-1" }, {}, "accessPointId must be an EFS access point id like fsap-0123abcd"],
    [{ paramName: "/a" }, {}, "paramName is not an option; allowed are parameterName, fileSystemId, region, "],
    [{ tls: { servername: "a.b" } }, {}, "tls.servername is not an option; allowed are serverName, certificate"],
    [{ tls: "on" }, {}, "tls must be true, false, or an object"],
    [{ log: "stdout" }, {}, "log must be an object with debug, info, warn and error"],
    [{ operationTimeout: 0 }, {}, "operationTimeout must be a number from 1 to 2147483647"],
    [{}, { NFS_TLS: "yes" }, "NFS_TLS must be on or off"],
    [{}, { ROUTING_STRATEGY: "x" }, "ROUTING_STRATEGY must be one of rendezvous, modulo, bounded-load, zone-aware"],
  ])("refuse %j with %j", (options, variables, message) => {
    // As in plain JavaScript, where no type is checked.
    const given: object = options;
    expect(() => readSettings(given, variables)).toThrow(`The files cannot be opened: ${message}`);
  });

  test("are written down as they are inside", () => {
    expectTypeOf<RoutingStrategy>().toEqualTypeOf<RoutingStrategyOfFiles>();
    expectTypeOf<PublicLog>().toEqualTypeOf<Log>();
    expectTypeOf<EmbeddedFiles["mountTargets"][number]["state"]>().toEqualTypeOf<TargetState>();
  });
});
