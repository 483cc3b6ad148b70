/**
 * What the stand-ins for AWS agree on: the calls that the monitor, the router and the stack's own resources make. moto
 * and the local control plane were written by different people from the same documentation.
 */
import { DescribeSubnetsCommand } from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import { DescribeServicesCommand, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import * as efs from "@aws-sdk/client-efs";
import {
  CreateMountTargetCommand,
  DeleteMountTargetCommand,
  DescribeFileSystemsCommand,
  DescribeMountTargetSecurityGroupsCommand,
  DescribeMountTargetsCommand,
  paginateDescribeMountTargets,
} from "@aws-sdk/client-efs";
import {
  GetRandomPasswordCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from "@aws-sdk/client-secrets-manager";
import * as ssm from "@aws-sdk/client-ssm";
import { GetParameterCommand, PutParameterCommand } from "@aws-sdk/client-ssm";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { describeEachAws, type TestAccount } from "../../support/aws-accounts.ts";

const PARAMETER = "/efs-mount-autoscaling/mount-targets";

describeEachAws("the contract of AWS", (start) => {
  let aws: TestAccount;
  beforeEach(async () => {
    aws = await start();
  });

  describe("EFS", () => {
    const create = (SubnetId: string | undefined, more: object = {}) =>
      aws.efs.send(new CreateMountTargetCommand({ FileSystemId: aws.fileSystemId, SubnetId, ...more }));
    const list = async () =>
      (await aws.efs.send(new DescribeMountTargetsCommand({ FileSystemId: aws.fileSystemId }))).MountTargets ?? [];

    test("a mount target is created, becomes available, is deleted, and is gone", async () => {
      const [subnet] = aws.subnetIds;
      const created = await create(subnet, { SecurityGroups: [aws.securityGroupId] });
      expect(created).toMatchObject({
        MountTargetId: expect.stringMatching(/^fsmt-[0-9a-f]+$/),
        FileSystemId: aws.fileSystemId,
        SubnetId: subnet,
        VpcId: aws.vpcId,
        AvailabilityZoneName: "ap-northeast-1a",
        AvailabilityZoneId: "apne1-az4",
        IpAddress: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
        LifeCycleState: expect.stringMatching(/^(creating|available)$/),
      });
      await vi.waitFor(async () => expect((await list())[0]?.LifeCycleState).toBe("available"), { timeout: 60_000 });
      const [listed] = await list();
      expect(listed).toMatchObject({ MountTargetId: created.MountTargetId, IpAddress: created.IpAddress });
      const id = { MountTargetId: created.MountTargetId };
      expect(await aws.efs.send(new DescribeMountTargetSecurityGroupsCommand(id))).toMatchObject({
        SecurityGroups: [aws.securityGroupId],
      });
      await aws.efs.send(new DeleteMountTargetCommand(id));
      await vi.waitFor(async () => expect(await list()).toEqual([]), { timeout: 60_000 });
      await expect(aws.efs.send(new DescribeMountTargetsCommand(id))).rejects.toThrow(efs.MountTargetNotFound);
      await expect(aws.efs.send(new DeleteMountTargetCommand(id))).rejects.toThrow(efs.MountTargetNotFound);
      expect(await create(subnet)).toMatchObject({ AvailabilityZoneName: "ap-northeast-1a" });
    });

    test("the mount targets are listed in pages, and counted by the file system", async () => {
      for (const subnet of aws.subnetIds) await create(subnet);
      const pages: number[] = [];
      const zones: (string | undefined)[] = [];
      const { efs: client, fileSystemId: FileSystemId } = aws;
      for await (const page of paginateDescribeMountTargets({ client, pageSize: 2 }, { FileSystemId })) {
        pages.push(page.MountTargets?.length ?? 0);
        for (const target of page.MountTargets ?? []) zones.push(target.AvailabilityZoneName);
      }
      expect(pages).toEqual([2, 1]);
      expect(zones.sort()).toEqual(["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]);
      const { FileSystems } = await aws.efs.send(new DescribeFileSystemsCommand({ FileSystemId }));
      expect(FileSystems).toMatchObject([{ FileSystemId, LifeCycleState: "available", NumberOfMountTargets: 3 }]);
    });

    test("CreateMountTarget refuses what does not exist, and what is too much", async () => {
      const [subnet] = aws.subnetIds;
      await expect(create(subnet, { FileSystemId: "fs-0123abcd" })).rejects.toThrow(efs.FileSystemNotFound);
      await expect(create("subnet-0123abcd")).rejects.toThrow(efs.SubnetNotFound);
      await expect(create(subnet, { SecurityGroups: ["sg-0123abcd"] })).rejects.toThrow(efs.SecurityGroupNotFound);
      const tooMany = { SecurityGroups: Array(6).fill(aws.securityGroupId) };
      await expect(create(subnet, tooMany)).rejects.toThrow(efs.SecurityGroupLimitExceeded);
    });

    test("a file system has one mount target in an Availability Zone, all in one VPC", async () => {
      await create(aws.subnetIds[0]);
      for (const subnet of [aws.subnetIds[0], aws.secondSubnetInA, aws.subnetOfOtherVpc]) {
        await expect(create(subnet)).rejects.toThrow(efs.MountTargetConflict);
      }
      expect(await list()).toHaveLength(1);
    });

    test("DescribeMountTargets and DescribeFileSystems want one selector, of something that exists", async () => {
      const { MountTargetId } = await create(aws.subnetIds[0]);
      const both = { FileSystemId: aws.fileSystemId, MountTargetId };
      for (const input of [{}, both, { FileSystemId: aws.fileSystemId, Marker: "made-up" }]) {
        await expect(aws.efs.send(new DescribeMountTargetsCommand(input))).rejects.toThrow(efs.BadRequest);
      }
      const missing = { FileSystemId: "fs-0123abcd" };
      await expect(aws.efs.send(new DescribeMountTargetsCommand(missing))).rejects.toThrow(efs.FileSystemNotFound);
      await expect(aws.efs.send(new DescribeFileSystemsCommand(missing))).rejects.toThrow(efs.FileSystemNotFound);
    });
  });

  describe("EC2", () => {
    const subnets = async (input: object) => (await aws.ec2.send(new DescribeSubnetsCommand(input))).Subnets ?? [];

    test("DescribeSubnets filters: all filters must match, and of each one value, with wildcards", async () => {
      const inVpc = { Name: "vpc-id", Values: [aws.vpcId] };
      const state = { Name: "state", Values: ["available"] };
      const ids = (await subnets({ Filters: [inVpc, state] })).map(({ SubnetId }) => SubnetId);
      expect(ids.sort()).toEqual([...aws.subnetIds, aws.secondSubnetInA].sort());
      const zones = { Name: "availability-zone", Values: ["ap-northeast-1x", "*1d"] };
      const name = { Name: "tag:Name", Values: ["private-?"] };
      const [inD, ...others] = await subnets({ Filters: [inVpc, zones, name] });
      expect(others).toEqual([]);
      expect(inD).toMatchObject({
        SubnetId: aws.subnetIds[2],
        AvailabilityZone: "ap-northeast-1d",
        AvailabilityZoneId: "apne1-az2",
        State: "available",
        Tags: [{ Key: "Name", Value: "private-d" }],
      });
      expect(await subnets({ Filters: [{ Name: "vpc-id", Values: ["vpc-0123abcd"] }] })).toEqual([]);
    });

    test("a mount target takes one of a subnet's free addresses", async () => {
      const input = { SubnetIds: [aws.subnetIds[1]] };
      const [before] = await subnets(input);
      const target = { FileSystemId: aws.fileSystemId, SubnetId: aws.subnetIds[1] };
      await aws.efs.send(new CreateMountTargetCommand(target));
      const [after] = await subnets(input);
      expect(after?.AvailableIpAddressCount).toBe((before?.AvailableIpAddressCount ?? 0) - 1);
    });

    test("DescribeSubnets refuses a subnet that does not exist", async () => {
      await expect(subnets({ SubnetIds: ["subnet-0123abcd"] })).rejects.toMatchObject({
        name: "InvalidSubnetID.NotFound",
        $metadata: { httpStatusCode: 400 },
      });
    });
  });

  describe("SSM", () => {
    const put = (input: object) => aws.ssm.send(new PutParameterCommand({ Name: PARAMETER, Value: "1", ...input }));
    const get = async (input: object = {}) =>
      (await aws.ssm.send(new GetParameterCommand({ Name: PARAMETER, ...input }))).Parameter;

    test("a parameter has a version, a date and a type, and is overwritten only when asked to", async () => {
      await expect(get()).rejects.toThrow(ssm.ParameterNotFound);
      await expect(put({})).rejects.toMatchObject({ name: "ValidationException" });
      const before = Date.now();
      expect(await put({ Value: "日本", Type: "String" })).toMatchObject({ Version: 1, Tier: "Standard" });
      await expect(put({ Type: "String" })).rejects.toThrow(ssm.ParameterAlreadyExists);
      const first = await get();
      expect(first).toMatchObject({ Name: PARAMETER, Value: "日本", Type: "String", Version: 1, DataType: "text" });
      const written = first?.LastModifiedDate?.getTime() ?? 0;
      expect(Math.abs(written - before)).toBeLessThan(5_000);
      expect(await put({ Value: "2", Overwrite: true })).toMatchObject({ Version: 2 });
      expect(await get({ Name: first?.ARN })).toMatchObject({ Value: "2", Version: 2, Type: "String" });
    });

    test("a version before the last one can still be read, and one that is not there is an error", async () => {
      await put({ Value: "one", Type: "String" });
      await put({ Value: "two", Overwrite: true });
      expect(await get({ Name: `${PARAMETER}:1` })).toMatchObject({ Value: "one", Version: 1 });
      expect(await get({ Name: `${PARAMETER}:2` })).toMatchObject({ Value: "two", Version: 2 });
      await expect(get({ Name: `${PARAMETER}:3` })).rejects.toThrow(ssm.ParameterVersionNotFound);
    });

    test("a secure string is readable only with decryption", async () => {
      await put({ Value: "secret", Type: "SecureString" });
      expect((await get())?.Value).not.toBe("secret");
      expect(await get({ WithDecryption: true })).toMatchObject({ Value: "secret", Type: "SecureString" });
    });

    test("names that AWS keeps to itself are refused", async () => {
      for (const Name of ["/aws/x", "/ssm/x", "aws", "ssm-x"]) {
        await expect(put({ Name, Type: "String" })).rejects.toMatchObject({
          name: expect.stringMatching(/^(ValidationException|AccessDeniedException)$/),
        });
      }
    });
  });

  describe("Secrets Manager", () => {
    const put = (SecretString: string, more: object = {}) =>
      aws.secretsManager.send(new PutSecretValueCommand({ SecretId: aws.secretId, SecretString, ...more }));
    const get = (input: object = {}) =>
      aws.secretsManager.send(new GetSecretValueCommand({ SecretId: aws.secretId, ...input }));

    test("the newest value is AWSCURRENT, and the one before AWSPREVIOUS", async () => {
      const first = await put("one");
      expect(await get()).toMatchObject({ SecretString: "one", VersionStages: ["AWSCURRENT"] });
      const second = await put("two");
      expect(await get()).toMatchObject({ SecretString: "two", VersionId: second.VersionId });
      const previous = await get({ VersionStage: "AWSPREVIOUS" });
      expect(previous).toMatchObject({ SecretString: "one", VersionId: first.VersionId });
      expect(await get({ VersionId: first.VersionId })).toMatchObject({ SecretString: "one" });
      expect(previous.ARN).toMatch(/^arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:/);
      expect(await get({ SecretId: previous.ARN })).toMatchObject({ SecretString: "two" });
    });

    test("a secret without a value, and what does not exist, are refused", async () => {
      for (const input of [{}, { SecretId: "none" }, { VersionStage: "AWSPREVIOUS" }]) {
        await expect(get(input)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
      }
      await expect(put("x", { SecretId: "none" })).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });

    test("a random password has the length asked for", async () => {
      const input = { PasswordLength: 40, ExcludePunctuation: true };
      const { RandomPassword } = await aws.secretsManager.send(new GetRandomPasswordCommand(input));
      expect(RandomPassword).toMatch(/^[0-9A-Za-z]{40}$/);
    });
  });

  describe("ECS", () => {
    const service = () => ({ cluster: aws.clusterName, service: aws.serviceName });
    const describeServices = (input: object) =>
      aws.ecs.send(new DescribeServicesCommand({ cluster: aws.clusterName, services: [aws.serviceName], ...input }));

    test("DescribeServices shows the service with its deployment, and what it does not find", async () => {
      const { services, failures } = await describeServices({ services: [aws.serviceName, "other"] });
      expect(services).toMatchObject([
        {
          serviceName: aws.serviceName,
          status: "ACTIVE",
          clusterArn: expect.stringMatching(new RegExp(`cluster/${aws.clusterName}$`)),
          deployments: [{ status: "PRIMARY", id: expect.stringMatching(/^ecs-svc\//) }],
        },
      ]);
      expect(failures).toMatchObject([{ reason: "MISSING", arn: expect.stringMatching(/other$/) }]);
      await expect(describeServices({ cluster: "none" })).rejects.toThrow(ecs.ClusterNotFoundException);
    });

    test("UpdateService with forceNewDeployment starts a deployment; without it, none", async () => {
      const primary = async () =>
        (await describeServices({})).services?.[0]?.deployments?.find(({ status }) => status === "PRIMARY");
      const before = await primary();
      await aws.ecs.send(new UpdateServiceCommand({ ...service(), desiredCount: 3 }));
      expect((await primary())?.id).toBe(before?.id);
      await aws.ecs.send(new UpdateServiceCommand({ ...service(), forceNewDeployment: true }));
      const after = await primary();
      expect(after?.id).not.toBe(before?.id);
      expect(after?.createdAt?.getTime()).toBeGreaterThanOrEqual(before?.createdAt?.getTime() ?? 0);
    });

    test("UpdateService refuses what does not exist", async () => {
      const update = (input: object) => aws.ecs.send(new UpdateServiceCommand({ ...service(), ...input }));
      await expect(update({ service: "none" })).rejects.toThrow(ecs.ServiceNotFoundException);
      await expect(update({ cluster: "none" })).rejects.toThrow(ecs.ClusterNotFoundException);
    });
  });
});
