/**
 * What must hold for every resource that the stack registers, whatever its configuration.
 *
 * These are rules and not snapshots: a new resource that breaks one fails without anyone listing it here.
 */
import { isWildcardOnlyAction } from "@cloud-copilot/iam-simulate";
import { parseMountTable, parseRegionRole } from "@efs-mount-autoscaling/mount-table";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  ACCOUNT_ID,
  AVAILABILITY_ZONES,
  EXISTING_ROUTE_TABLES,
  EXISTING_SECURITY_GROUP_ID,
  EXISTING_VPC_CIDRS,
  FILE_SYSTEM_IN_USE,
  REGION,
} from "./aws-stand-in.ts";
import { CONFIGURATIONS, type ConfigurationName } from "./configurations.ts";
import { policiesOf, type Statement } from "./policies.ts";
import { type Registered, type RegisteredStack, registerStack } from "./stack.ts";

let resources: readonly Registered[];
let parts: RegisteredStack["parts"];
let lookUps: readonly string[];
let outputs: RegisteredStack["outputs"];

/** The resources of a type, by the end of its name: `Role` for `aws:iam/role:Role`. */
const all = (type: string) => resources.filter((resource) => resource.type.endsWith(`:${type}`));

function one(type: string, name?: string): Registered {
  const found = all(type).filter((resource) => name === undefined || resource.name === name);
  if (found.length === 1 && found[0]) return found[0];
  throw new Error(`${found.length} resources are ${type} ${name ?? ""}`);
}

const groupById = (id: unknown) =>
  resources.find(({ outputs }) => outputs.id === id)?.name.replace("security-groups-", "") ?? String(id);

const list = (value: unknown): unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

describe.each(Object.keys(CONFIGURATIONS) as ConfigurationName[])("with %s", (name) => {
  const config: Readonly<Record<string, string>> = CONFIGURATIONS[name];
  const ownNetwork = config.vpcId === undefined;
  const endpoints = config.createVpcEndpoints !== "false";
  const ownFileSystem = config.existingFileSystemId === undefined;
  const s3Api = config.s3Api === "true";
  const retain = config.dataOnDestroy === "retain";
  const logRouter = config.logRouter !== "false";
  const scaleIn = (config.scaleIn ?? "off") !== "off";
  const maintenance = config.maintenance === "true";
  const peer = config.peer === undefined ? undefined : z.record(z.string(), z.string()).parse(JSON.parse(config.peer));
  /** Whether routers read the other region's role over a peering connection. */
  const isPeered = peer !== undefined && ownNetwork;
  const peeringConnectionId = () => peer?.peeringConnectionId ?? one("VpcPeeringConnection").outputs.id;
  /** Names that both regions have. */
  const sharedNames = list(config.sharedDomainName).concat(list(config.readDomainName));
  /** What the file system had before: a mount target in the first zone, and one that a stack made. */
  const inUse = config.existingFileSystemId === FILE_SYSTEM_IN_USE;

  beforeAll(async () => {
    ({ resources, parts, lookUps, outputs } = await registerStack(config));
  });

  test("every part of a component bears its name, so that two of a kind fit into one program", () => {
    for (const { name: part, component } of parts) expect(part).toContain(component);
    expect(parts.length).toBeGreaterThan(50);
  });

  describe("encryption", () => {
    test("a new file system is encrypted, with the customer's key where there is one", () => {
      for (const { inputs } of all("FileSystem")) {
        expect(inputs).toMatchObject({ encrypted: true });
        expect(inputs.kmsKeyId).toBe(config.kmsKeyArn);
      }
      expect(all("FileSystem")).toHaveLength(ownFileSystem ? 1 : 0);
    });

    test("a secret parameter, and the backups, use the customer's key where there is one", () => {
      expect(one("Parameter", "mount-table").inputs.keyId).toBe(
        config.parameterType === "SecureString" ? config.kmsKeyArn : undefined,
      );
      expect(one("Vault", "backup-files").inputs.kmsKeyArn).toBe(config.kmsKeyArn);
    });

    test("every image repository is encrypted, and scans what it gets", () => {
      for (const { inputs } of all("Repository")) {
        expect(inputs.encryptionConfigurations).toHaveLength(1);
        expect(inputs.imageScanningConfiguration).toEqual({ scanOnPush: true });
      }
    });

    test("every bucket is encrypted, closed to the public, and refuses plain text", () => {
      for (const { name: bucket, outputs } of all("Bucket")) {
        const about = (type: string) => all(type).filter(({ inputs }) => inputs.bucket === outputs.bucket);
        expect(about("BucketServerSideEncryptionConfiguration"), bucket).toHaveLength(1);
        expect(about("BucketPublicAccessBlock")[0]?.inputs, bucket).toMatchObject({
          blockPublicAcls: true,
          blockPublicPolicy: true,
          ignorePublicAcls: true,
          restrictPublicBuckets: true,
        });
        expect(about("BucketPolicy"), bucket).toHaveLength(1);
        expect(deniesPlainText(about("BucketPolicy")[0]), bucket).toBe(true);
      }
      const ofTheCount = true;
      expect(all("Bucket")).toHaveLength(
        [config.auditTrail === "true", config.accessLogs === "true", logRouter, ofTheCount].filter(Boolean).length,
      );
    });

    test("the file system refuses plain text, and lets in routers and monitor at the access point, or anyone", () => {
      const policy = one("FileSystemPolicy");
      expect(deniesPlainText(policy)).toBe(true);
      const allowed = statementsOf(policy).filter(({ Effect }) => Effect === "Allow");
      const role = (name: string) => ({ AWS: one("Role", name).outputs.arn });
      const read = "elasticfilesystem:ClientMount";
      const write = "elasticfilesystem:ClientWrite";
      const throughMountTarget = { Bool: { "elasticfilesystem:AccessedViaMountTarget": "true" } };
      const atAccessPoint = {
        ...throughMountTarget,
        ArnEquals: { "elasticfilesystem:AccessPointArn": one("AccessPoint", "file-storage-directory").outputs.arn },
      };
      const ofMaintenance = allowed.filter(({ Sid }) => Sid === "AllowMaintenance");
      const ofClients = allowed.filter((statement) => !ofMaintenance.includes(statement));
      expect(ofClients.map(({ Principal, Action, Condition }) => [Principal, Action, Condition])).toEqual(
        config.efsIamAuthorization === "false"
          ? [[{ AWS: "*" }, [read, write], throughMountTarget]]
          : [
              [role("roles-router-task"), [read, write], atAccessPoint],
              [role("roles-file-monitor"), [read], atAccessPoint],
            ],
      );
      expect(ofMaintenance.map(({ Principal, Action, Condition }) => [Principal, Action, Condition])).toEqual(
        maintenance
          ? [
              [
                role("roles-maintenance-task"),
                [read, write, "elasticfilesystem:ClientRootAccess"],
                {
                  ...throughMountTarget,
                  ArnEquals: {
                    "elasticfilesystem:AccessPointArn": one("AccessPoint", "file-storage-root").outputs.arn,
                  },
                },
              ],
            ]
          : [],
      );
    });

    test("what clients must have is in secrets, which Pulumi never sees inside of, and routers know where", () => {
      const variables = new Map(containers()[0]?.environment?.map(({ name: variable, value }) => [variable, value]));
      const secrets = [
        ...(config.apiToken === "false" ? [] : [["API_TOKEN_SECRET_ID", "api-token"]]),
        ...(s3Api ? [["S3_ACCESS_KEYS_SECRET_ID", "s3-access-keys"]] : []),
      ];
      expect([...variables].filter(([variable]) => variable.includes("SECRET"))).toEqual(
        secrets.map(([variable, secret]) => [variable, one("Secret", secret).outputs.arn]),
      );
      expect(all("GeneratedToken").map(({ inputs }) => inputs.secretId)).toEqual(
        secrets.map(([, secret]) => one("Secret", secret).outputs.arn),
      );
      expect(all("Secret")).toHaveLength(secrets.length);
      // Each of these would put the value into the state.
      for (const type of ["SecretVersion", "RandomPassword", "RandomString", "RandomId"]) expect(all(type)).toEqual([]);
      for (const { inputs } of all("Secret")) expect(inputs.kmsKeyId).toBe(config.kmsKeyArn);
      for (const { name: container, secrets } of containers()) expect(secrets, container).toBeUndefined();
    });

    test("a certificate makes the load balancer speak HTTPS only", () => {
      const { certificateArn } = config;
      const port = certificateArn === undefined ? 80 : 443;
      const transport =
        certificateArn === undefined
          ? { protocol: "HTTP" }
          : { protocol: "HTTPS", certificateArn, sslPolicy: expect.stringContaining("TLS13") };
      const forwardTo = (name: string) => [{ type: "forward", targetGroupArn: one("TargetGroup", name).outputs.arn }];
      expect(all("Listener").map(({ inputs }) => inputs)).toMatchObject([
        { port, ...transport, defaultActions: forwardTo("router") },
        ...(s3Api ? [{ port: 8001, ...transport, defaultActions: forwardTo("router-s3") }] : []),
      ]);
    });

    test("the S3 API is where the file API is, with its keys, and only where it is switched on", () => {
      const variables = new Map(containers()[0]?.environment?.map(({ name: variable, value }) => [variable, value]));
      expect([variables.get("S3_API"), variables.get("S3_PORT"), variables.get("S3_DOMAIN")]).toEqual(
        s3Api ? ["on", "8001", config.s3Domain] : [undefined, undefined, undefined],
      );
      expect(outputs).toMatchObject(
        s3Api
          ? { s3Url: `${outputs.url}:8001`, s3AccessKeysSecret: one("Secret", "s3-access-keys").outputs.arn }
          : { s3Url: "none", s3AccessKeysSecret: "none" },
      );
    });

    test("the dashboard shows the requests of both APIs", () => {
      const body = String(one("Dashboard").inputs.dashboardBody);
      for (const { outputs: group } of all("TargetGroup")) expect(body).toContain(String(group.arnSuffix));
      expect(body.includes("S3: all")).toBe(s3Api);
    });

    test("what a client of the S3 API signed arrives, and else no header with an odd name", () => {
      const { dropInvalidHeaderFields, preserveHostHeader } = one("LoadBalancer").inputs;
      expect({ dropInvalidHeaderFields, preserveHostHeader }).toEqual(
        s3Api
          ? { dropInvalidHeaderFields: false, preserveHostHeader: true }
          : { dropInvalidHeaderFields: true, preserveHostHeader: undefined },
      );
    });

    test("the load balancer writes its logs, and stays, where the configuration says so", () => {
      const { accessLogs, enableDeletionProtection } = one("LoadBalancer").inputs;
      const [bucket] = all("Bucket").filter(({ name }) => name === "access-logs");
      expect(accessLogs).toEqual(bucket && { enabled: true, bucket: bucket.outputs.bucket });
      expect(enableDeletionProtection).toBe(config.deletionProtection === "true" ? true : undefined);
    });

    test("clients call it by the certificate's name, which is an alias of the load balancer in the hosted zone", () => {
      const { dnsName, zoneId } = one("LoadBalancer").outputs;
      const [scheme, host] = [config.certificateArn === undefined ? "http" : "https", config.domainName ?? dnsName];
      expect(outputs.url).toBe(`${scheme}://${host}`);
      const own = all("Record").filter(({ inputs }) => !sharedNames.includes(inputs.name));
      expect(own.map(({ inputs }) => inputs)).toEqual(
        config.hostedZoneId === undefined
          ? []
          : [
              {
                zoneId: config.hostedZoneId,
                name: config.domainName,
                type: "A",
                aliases: [{ name: dnsName, zoneId, evaluateTargetHealth: false }],
              },
            ],
      );
    });
  });

  describe("network", () => {
    test("EC2 takes the descriptions of security groups and their rules", () => {
      const described = resources.filter(({ type }) => /:SecurityGroup((In|E)gressRule)?$/.test(type));
      for (const { name: group, inputs } of described) {
        // AuthorizeSecurityGroupIngress and CreateSecurityGroup, EC2 API reference.
        expect(inputs.description, group).toMatch(/^[a-zA-Z0-9 ._:/()#,@[\]+=&;{}!$*-]{1,255}$/);
      }
      expect(described.length).toBeGreaterThan(8);
    });

    test("nothing can be reached from the internet, or leads there", () => {
      for (const type of ["InternetGateway", "NatGateway", "Eip"]) expect(all(type), type).toEqual([]);
      expect(all("Route").map(({ inputs }) => inputs)).toEqual(
        isPeered
          ? [
              {
                routeTableId: one("RouteTable").outputs.id,
                destinationCidrBlock: peer?.vpcCidr,
                vpcPeeringConnectionId: peeringConnectionId(),
              },
            ]
          : [],
      );
      for (const { inputs } of all("Subnet")) expect(inputs.mapPublicIpOnLaunch).toBe(false);
      for (const { inputs } of all("LoadBalancer")) expect(inputs.internal).toBe(true);
      for (const { inputs } of all("Service")) {
        expect(inputs.networkConfiguration).toMatchObject({ assignPublicIp: false });
      }
      for (const { name: rule, inputs } of all("SecurityGroupIngressRule")) {
        expect([inputs.cidrIpv4, inputs.cidrIpv6], rule).not.toContain("0.0.0.0/0");
        expect([inputs.cidrIpv4, inputs.cidrIpv6], rule).not.toContain("::/0");
      }
    });

    test("security groups let flow exactly what the system needs", () => {
      for (const { inputs } of all("SecurityGroup")) {
        expect(inputs, "rules are resources of their own").not.toHaveProperty("ingress");
        expect(inputs, "rules are resources of their own").not.toHaveProperty("egress");
      }
      const port = config.certificateArn === undefined ? 80 : 443;
      const cidrs: string[] = JSON.parse(config.allowedCidrs ?? (ownNetwork ? '["10.0.0.0/16"]' : '["10.20.0.0/16"]'));
      expect(flows("SecurityGroupIngressRule")).toEqual(
        [
          ...cidrs.map((cidr) => `${cidr} > load-balancer:${port}`),
          "load-balancer > router-tasks:8000",
          ...(s3Api
            ? [...cidrs.map((cidr) => `${cidr} > load-balancer:8001`), "load-balancer > router-tasks:8001"]
            : []),
          "router-tasks > router-tasks:8000",
          "router-tasks > mount-targets:2049",
          "file-monitor > mount-targets:2049",
          ...(endpoints ? ["router-tasks > vpc-endpoints:443", "file-monitor > vpc-endpoints:443"] : []),
          ...(maintenance ? ["maintenance > mount-targets:2049"] : []),
          ...(maintenance && endpoints ? ["maintenance > vpc-endpoints:443"] : []),
          ...(inUse
            ? ["router-tasks", "file-monitor"].map((client) => `${client} > ${EXISTING_SECURITY_GROUP_ID}:2049`)
            : []),
          ...(isPeered ? [`${peer?.vpcCidr} > vpc-endpoints-peer:443`] : []),
          // Private DNS leads all of an existing VPC to the endpoints.
          ...(endpoints && !ownNetwork ? EXISTING_VPC_CIDRS.map((cidr) => `${cidr} > vpc-endpoints:443`) : []),
        ].sort(),
      );
      expect(flows("SecurityGroupEgressRule")).toEqual(
        [
          "load-balancer > router-tasks:8000",
          ...(s3Api ? ["load-balancer > router-tasks:8001"] : []),
          "router-tasks > router-tasks:8000",
          "router-tasks > mount-targets:2049",
          "file-monitor > mount-targets:2049",
          ...(endpoints
            ? [
                "router-tasks > vpc-endpoints:443",
                "file-monitor > vpc-endpoints:443",
                "router-tasks > s3:443",
                "file-monitor > s3:443",
              ]
            : ["router-tasks > 0.0.0.0/0:443", "file-monitor > 0.0.0.0/0:443"]),
          ...(isPeered ? [`router-tasks > ${peer?.vpcCidr}:443`] : []),
          ...(config.otlpEndpoint === "http://collector.internal:4318" ? ["router-tasks > 10.0.0.0/16:4318"] : []),
          ...(config.otlpEndpoint === "https://traces.example.com/otlp"
            ? EXISTING_VPC_CIDRS.map((cidr) => `router-tasks > ${cidr}:443`)
            : []),
          ...(maintenance ? ["maintenance > mount-targets:2049"] : []),
          ...(maintenance && endpoints ? ["maintenance > vpc-endpoints:443", "maintenance > s3:443"] : []),
          ...(maintenance && !endpoints ? ["maintenance > 0.0.0.0/0:443"] : []),
          ...(inUse
            ? ["router-tasks", "file-monitor"].map((client) => `${client} > ${EXISTING_SECURITY_GROUP_ID}:2049`)
            : []),
        ].sort(),
      );
    });

    test("a new VPC has one private subnet in each Availability Zone, and the endpoints it needs", () => {
      expect(
        all("Subnet")
          .map(({ inputs }) => inputs.availabilityZone)
          .sort(),
      ).toEqual(ownNetwork ? AVAILABILITY_ZONES : []);
      expect(new Set(all("Subnet").map(({ inputs }) => inputs.cidrBlock)).size).toBe(all("Subnet").length);
      const services = all("VpcEndpoint").map(({ inputs }) => String(inputs.serviceName).split(".").slice(3).join("."));
      expect(services.sort()).toEqual(
        endpoints
          ? [
              ...["ec2", "ecr.api", "ecr.dkr", "ecs", "elasticfilesystem", "logs"],
              ...(scaleIn ? ["monitoring"] : []),
              ...["s3", "secretsmanager", "ssm"],
              ...(maintenance ? ["ssmmessages"] : []),
            ]
          : [],
      );
      for (const { inputs } of all("VpcEndpoint")) {
        if (inputs.vpcEndpointType !== "Interface") continue;
        expect(inputs.privateDnsEnabled).toBe(true);
        // Nobody waits for alarms.
        expect(inputs.subnetIds).toHaveLength(String(inputs.serviceName).endsWith(".monitoring") ? 1 : 3);
      }
    });

    test("the way to S3 is in the route table of every subnet, also where that is the VPC's main one", () => {
      expect(all("VpcEndpoint").flatMap(({ inputs }) => list(inputs.routeTableIds))).toEqual(
        ownNetwork ? [one("RouteTable").outputs.id] : endpoints ? EXISTING_ROUTE_TABLES : [],
      );
    });

    test("route tables are looked up only for the endpoints", () => {
      const asked = lookUps.filter((token) => token.endsWith(":getRouteTables"));
      expect(asked.length > 0).toBe(endpoints && !ownNetwork);
    });
  });

  describe("file system", () => {
    test("has one mount target in each of the first Availability Zones, and a function that mounts runs only there", () => {
      const made = all("MountTarget").map(({ inputs }) => inputs.subnetId);
      // Someone else's mount target in the first zone takes the place of the stack's.
      const subnets = [...(inUse ? ["subnet-0e0e0e01"] : []), ...made];
      expect(subnets).toHaveLength(2);
      expect(new Set(subnets).size).toBe(2);
      const { subnetIds } = one("Function").inputs.vpcConfig as { subnetIds: string[] };
      if (config.countVia === "nfs") expect(subnetIds).toHaveLength(3);
      else expect([...subnetIds].sort()).toEqual([...subnets].sort());
    });

    test("the function enters by an access point, rooted at the directory it counts", () => {
      const accessPoint = one("AccessPoint", "file-storage-directory");
      expect(accessPoint.inputs.rootDirectory).toMatchObject({ path: "/data", creationInfo: { ownerUid: 1000 } });
      const { fileSystemConfig, environment } = one("Function").inputs;
      if (config.countVia === "nfs") {
        expect(fileSystemConfig).toBeUndefined();
        expect(environment).toMatchObject({ variables: { EFS_ACCESS_POINT_ID: accessPoint.outputs.id } });
      } else expect(fileSystemConfig).toEqual({ arn: accessPoint.outputs.arn, localMountPath: "/mnt/efs" });
    });

    test("the first mount table lists the first mount targets", () => {
      const table = parseMountTable(String(one("Parameter", "mount-table").inputs.value));
      const made = all("MountTarget").map(({ outputs }) => outputs.id);
      const first = [...(inUse ? ["fsmt-0e0e0e01"] : []), ...made].sort();
      expect(table.mount_targets.map(({ mount_target_id }) => mount_target_id).sort()).toEqual(first);
      const { ownMountTargetIds, securityGroupId } = one("MountTargetSweeper").inputs;
      expect([...list(ownMountTargetIds)].sort(), "destroy leaves them to their owners").toEqual(first);
      expect(securityGroupId, "destroy deletes only what the monitor made of an existing file system").toBe(
        ownFileSystem ? undefined : one("SecurityGroup", "security-groups-mount-targets").outputs.id,
      );
    });

    test("another file system gets another table, once no schedule runs the function for the old one", () => {
      const fileSystemId = one("AccessPoint", "file-storage-directory").inputs.fileSystemId;
      expect(one("Parameter", "mount-table")).toMatchObject({
        replacementTrigger: fileSystemId,
        deleteBeforeReplace: true,
      });
      expect(one("EventTarget", "file-monitor").inputs.targetId).toBe(fileSystemId);
    });

    test("pulumi up leaves alone what the monitor, the autoscaling and AWS change, and nothing else", () => {
      for (const { name: parameter, ignoreChanges, replaceOnChanges } of all("Parameter")) {
        const others = ["description", "type", "keyId"].filter((input) => !replaceOnChanges.includes(input));
        expect(ignoreChanges, parameter).toEqual([...others, "value"]);
      }
      expect(one("Service").ignoreChanges).toEqual(["desiredCount"]);
      for (const { name: subnet, ignoreChanges } of all("Subnet")) {
        expect(ignoreChanges, subnet).toEqual(config.availabilityZones === undefined ? ["availabilityZone"] : []);
      }
      const others = resources.filter(({ type }) => !/:(Parameter|Service|Subnet)$/.test(type));
      expect(others.flatMap(({ ignoreChanges }) => ignoreChanges)).toEqual([]);
    });

    test("no change of a parameter writes its first value over what others have written since", () => {
      for (const { name: parameter, inputs, ignoreChanges, replaceOnChanges, deleteBeforeReplace } of all(
        "Parameter",
      )) {
        // Another name is another parameter, and tags are not written with the value.
        const inPlace = Object.keys(inputs).filter((input) => !["name", "tags"].includes(input));
        expect([...ignoreChanges, ...replaceOnChanges], parameter).toEqual(expect.arrayContaining(inPlace));
        expect(deleteBeforeReplace, parameter).toBe(true);
      }
      expect(one("Parameter", "mount-table").replaceOnChanges).toEqual(["type", "keyId"]);
    });

    test("data outlives the stack where the configuration says so, and only there", () => {
      for (const type of ["FileSystem", "Vault", "Bucket"]) {
        for (const { retainOnDelete, inputs } of all(type)) {
          expect(retainOnDelete, type).toBe(retain);
          if (type !== "FileSystem") expect(inputs.forceDestroy, type).toBe(!retain);
        }
      }
      for (const { type, name: bucket, retainOnDelete } of resources.filter(({ type }) => /:Bucket\w+$/.test(type))) {
        expect(retainOnDelete, `${type} of ${bucket}`).toBe(retain);
      }
    });

    test("it is backed up every night, for 30 days", () => {
      expect(one("Plan").inputs.rules).toEqual([
        expect.objectContaining({
          schedule: "cron(0 3 * * ? *)",
          scheduleExpressionTimezone: "Asia/Tokyo",
          lifecycle: { deleteAfter: 30 },
          ...(config.backupCopyRegion && {
            copyActions: [
              { destinationVaultArn: one("Vault", "backup-copies").outputs.arn, lifecycle: { deleteAfter: 30 } },
            ],
          }),
        }),
      ]);
      const fileSystem =
        all("FileSystem")[0]?.outputs.arn ?? expect.stringContaining(`file-system/${config.existingFileSystemId}`);
      expect(one("Selection").inputs.resources).toEqual([fileSystem]);
    });
  });

  describe("second region", () => {
    test("the parameter begins with the role and the peer, and then belongs to the failover program", () => {
      if (peer === undefined) {
        for (const type of ["Replica", "RoleFollower"]) expect(all(type), type).toEqual([]);
        expect(all("Parameter").map(({ name: parameter }) => parameter)).toEqual(["monitor-status", "mount-table"]);
        // The stack that will be its standby asks for the name.
        const regionParameterName = `/efs-mount-autoscaling${config.nameSuffix ?? ""}/region`;
        expect(outputs).toMatchObject({ regionParameterName, failoverPolicyDocument: "none" });
        return;
      }
      const { inputs, outputs: made, replaceOnChanges } = one("Parameter", "region-role");
      expect(replaceOnChanges, "a role that was given is never forgotten").toEqual([]);
      // The primary's first epoch. Of the two regions, Tokyo (ap-northeast-1) has the odd ones.
      const epoch = config.role === "primary" ? 1 : 2;
      expect(parseRegionRole(String(inputs.value))).toMatchObject({
        role: config.role,
        epoch,
        region: REGION,
        alone: false,
        peer: {
          region: peer.region,
          url: peer.url,
          parameter_name: peer.regionParameterName,
          endpoint: peer.ssmEndpoint,
        },
      });
      expect(one("RoleFollower").inputs).toMatchObject({
        parameterName: made.name,
        role: config.role,
        region: REGION,
        peerRegion: peer.region,
        peerUrl: peer.url,
        peerParameterName: peer.regionParameterName,
        peerEndpoint: peer.ssmEndpoint,
      });
      expect(outputs).toMatchObject({ regionParameterName: made.name, region: REGION });
    });

    test("each stack puts out what the other one needs to read its role", () => {
      const vpc = ownNetwork ? one("Vpc") : undefined;
      expect(outputs).toMatchObject({
        vpcId: vpc?.outputs.id ?? config.vpcId,
        vpcCidr: vpc?.inputs.cidrBlock ?? EXISTING_VPC_CIDRS[0],
      });
      const { id } = endpoints ? one("VpcEndpoint", "vpc-endpoints-ssm").outputs : { id: undefined };
      // The regional name: those of a zone are lost with it.
      expect(outputs.ssmEndpoint).toMatch(
        endpoints ? new RegExp(`^https://${id}-[0-9a-f]+\\.ssm\\.${REGION}\\.vpce\\.amazonaws\\.com$`) : /^none$/,
      );
      const [connection] = all("VpcPeeringConnection");
      expect(outputs.peeringConnectionId).toBe(connection?.outputs.id ?? "none");
    });

    test("the stack that was deployed second connects the networks, and accepts that in the other region", () => {
      const makes = isPeered && peer?.peeringConnectionId === undefined;
      expect(all("VpcPeeringConnection").map(({ inputs }) => inputs)).toEqual(
        makes
          ? [
              expect.objectContaining({
                vpcId: one("Vpc").outputs.id,
                peerVpcId: peer?.vpcId,
                peerRegion: peer?.region,
              }),
            ]
          : [],
      );
      expect(all("VpcPeeringConnectionAccepter").map(({ inputs }) => inputs)).toEqual(
        makes
          ? [
              expect.objectContaining({
                region: peer?.region,
                vpcPeeringConnectionId: peeringConnectionId(),
                autoAccept: true,
              }),
            ]
          : [],
      );
    });

    test("only the endpoint of Systems Manager is open to the other region", () => {
      const [group] = all("SecurityGroup").filter(({ name: each }) => each === "vpc-endpoints-peer");
      const open = all("VpcEndpoint").filter(({ inputs }) => list(inputs.securityGroupIds).includes(group?.outputs.id));
      expect(open.map(({ name: each }) => each)).toEqual(isPeered ? ["vpc-endpoints-ssm"] : []);
    });

    test("routers know where their role is, and how long it holds", () => {
      const variables = new Map(containers()[0]?.environment?.map(({ name: variable, value }) => [variable, value]));
      const parameter = all("Parameter").find(({ name: each }) => each === "region-role")?.outputs.name;
      expect(variables.get("REGION_PARAMETER_NAME")).toBe(parameter);
      expect(variables.get("ROLE_LEASE_SECONDS")).toBe(peer && (config.roleLeaseSeconds ?? "120"));
      // The failover program waits as long.
      expect(outputs.roleLeaseSeconds).toBe(Number(config.roleLeaseSeconds ?? 120));
    });

    test("a stack replicates into its own file system or into none", () => {
      // The one of the provider can be made again over a file system that has been promoted.
      expect(all("ReplicationConfiguration")).toEqual([]);
      // A refresh of a replica that names its protection fails: pulumi/pulumi-aws#6041.
      for (const { inputs } of all("FileSystem")) expect(inputs.protection).toBeUndefined();
      for (const { inputs, retainOnDelete } of all("Replica")) {
        expect(inputs).toMatchObject({ fileSystemId: one("FileSystem").outputs.id, region: REGION });
        expect(inputs.source).toEqual(
          config.role === "standby" ? { fileSystemId: peer?.fileSystemId, region: peer?.region } : undefined,
        );
        expect(retainOnDelete, "a file system that stays is a replica still").toBe(retain);
      }
      expect(all("Replica")).toHaveLength(peer ? 1 : 0);
    });

    test("the lag of the replica is watched in both regions", () => {
      const [alarm] = all("MetricAlarm").filter(({ name: each }) => each === "alarms-replica-lag");
      const [source, destination] = [
        one("AccessPoint", "file-storage-directory").inputs.fileSystemId,
        peer?.fileSystemId,
      ];
      const dimensions =
        config.role === "standby"
          ? { FileSystemId: destination, DestinationFileSystemId: source }
          : { FileSystemId: source, DestinationFileSystemId: destination };
      expect(alarm?.inputs).toEqual(
        peer &&
          expect.objectContaining({
            namespace: "AWS/EFS",
            metricName: "TimeSinceLastSync",
            dimensions,
            statistic: "Maximum",
            threshold: 60 * Number(config.replicaLagMinutes ?? 20),
            comparisonOperator: "GreaterThanThreshold",
          }),
      );
      expect(String(one("Dashboard").inputs.dashboardBody).includes("TimeSinceLastSync")).toBe(peer !== undefined);
    });

    test("names of both regions lead to a healthy one, within seconds", () => {
      const [check] = all("HealthCheck");
      const alarm = all("MetricAlarm").find(({ name: each }) => each === "regional-dns");
      expect(all("HealthCheck")).toHaveLength(sharedNames.length > 0 ? 1 : 0);
      expect(check?.inputs.cloudwatchAlarmName).toBe(alarm?.outputs.name);
      // Route 53 follows no alarm of an extended statistic, such as a percentile.
      expect(alarm?.inputs.statistic).toBe(check && "Maximum");
      // Route 53 keeps the alarm's settings as they were, until the health check is updated.
      const { alarmDescription, alarmActions, okActions, tags, ...settings } = alarm?.inputs ?? {};
      const [triggers = "{}"] = all("HealthCheck").flatMap(({ inputs }) => Object.values(inputs.triggers ?? {}));
      expect(JSON.parse(String(triggers))).toEqual(settings);
      const records = sharedNames.flatMap((shared) => all("Record").filter(({ inputs }) => inputs.name === shared));
      expect(records.map(({ inputs }) => inputs)).toEqual(
        sharedNames.map((shared) => ({
          zoneId: config.hostedZoneId,
          name: shared,
          type: "CNAME",
          ttl: 10,
          records: [one("LoadBalancer").outputs.dnsName],
          setIdentifier: REGION,
          healthCheckId: check?.outputs.id,
          ...(shared === config.sharedDomainName
            ? { weightedRoutingPolicies: [{ weight: 1 }] }
            : { latencyRoutingPolicies: [{ region: REGION }] }),
        })),
      );
    });

    test("copies of the backups are in the other region, under a key of that region", () => {
      expect(all("Vault").map(({ inputs }) => inputs.region)).toEqual([undefined, ...list(config.backupCopyRegion)]);
      const [, copies] = all("Vault");
      expect(copies?.inputs.kmsKeyArn).toBe(config.backupCopyKmsKeyArn);
      expect(outputs.backupCopyVault).toBe(copies?.outputs.name ?? "none");
      const told = all("EventRule").map(({ name: rule }) => rule);
      expect(told.includes("alarms-backup-copy-failed")).toBe(copies !== undefined);
    });

    test("restoring is tested with the newest backup, and a failure is told", () => {
      const told = all("EventRule").map(({ name: rule }) => rule);
      expect(told.includes("alarms-restore-failed")).toBe(config.restoreTest !== undefined);
      expect(all("RestoreTestingPlan")).toHaveLength(config.restoreTest ? 1 : 0);
      for (const { inputs } of all("RestoreTestingPlan")) {
        expect(inputs.recoveryPointSelection).toMatchObject({
          algorithm: "LATEST_WITHIN_WINDOW",
          includeVaults: [one("Vault", "backup-files").outputs.arn],
          recoveryPointTypes: ["SNAPSHOT"],
        });
      }
      for (const { inputs, ...options } of all("RestoreTestingSelection")) {
        expect(options, "another file system is tested, too, which AWS's provider does not tell AWS").toMatchObject({
          replaceOnChanges: ["protectedResourceArns"],
          deleteBeforeReplace: true,
        });
        expect(options.dependsOn, "its role can be assumed").toEqual(["backup"]);
        expect(inputs).toMatchObject({
          restoreTestingPlanName: one("RestoreTestingPlan").outputs.name,
          protectedResourceType: "EFS",
          protectedResourceArns: [one("FileSystem").outputs.arn],
          iamRoleArn: one("Role", "backup").outputs.arn,
          validationWindowHours: 24,
        });
      }
    });
  });

  describe("permissions", () => {
    test("no statement names every action, or every resource where AWS could be told which", async () => {
      for (const [policy, statements] of policiesOf(resources)) {
        for (const statement of statements.filter(({ Effect }) => Effect === "Allow")) {
          const resource = list(statement.Resource);
          for (const action of list(statement.Action).map(String)) {
            const where = `${policy} ${statement.Sid}: ${action}`;
            expect(action, where).not.toContain("*");
            const [service = "", operation = ""] = action.split(":");
            if (await isWildcardOnlyAction(service, operation)) continue;
            // It is authorized on container instances, of which Fargate has none.
            if (action === "ecs:ListTasks") {
              expect(statement.Condition, where).toEqual({
                ArnEquals: { "ecs:cluster": one("Cluster", "routers").outputs.arn },
              });
              continue;
            }
            expect(resource, where).not.toContain("*");
            for (const arn of resource) {
              if (isAskedOfNoResource(action, arn)) continue;
              expect(String(arn), where).toMatch(/^arn:aws:[a-z0-9-]+:[^*]*:[^*]*:[^*]+/);
            }
          }
        }
      }
    });

    test("the function's role may delete an interface that is not named, which Lambda asks before it makes the function", () => {
      const allowed = (policiesOf(resources).get("file-monitor") ?? [])
        .filter(({ Effect, Action }) => Effect === "Allow" && list(Action).includes("ec2:DeleteNetworkInterface"))
        .flatMap(({ Resource }) => Resource);
      expect(allowed).toContain(`arn:aws:ec2:${REGION}:${ACCOUNT_ID}:*/*`);
    });

    test("every statement says what it is for", () => {
      for (const [policy, statements] of policiesOf(resources)) {
        const sids = statements.map(({ Sid }) => Sid);
        expect(sids, policy).not.toContain(undefined);
        expect(new Set(sids).size, policy).toBe(sids.length);
      }
    });

    test("only Lambda, ECS and AWS Backup take on a role", () => {
      expect(
        all("Role").map(({ name: role, inputs }) => {
          const [statement] = JSON.parse(String(inputs.assumeRolePolicy)).Statement;
          return [role, statement.Principal.Service];
        }),
      ).toEqual(
        expect.arrayContaining([
          ["roles-file-monitor", "lambda.amazonaws.com"],
          ["roles-router-task", "ecs-tasks.amazonaws.com"],
          ["roles-router-execution", "ecs-tasks.amazonaws.com"],
          ["backup", "backup.amazonaws.com"],
          ...(maintenance
            ? [
                ["roles-maintenance-task", "ecs-tasks.amazonaws.com"],
                ["roles-maintenance-execution", "ecs-tasks.amazonaws.com"],
              ]
            : []),
        ]),
      );
    });

    test("only the schedule's rule may invoke the function", () => {
      expect(one("Permission").inputs).toMatchObject({
        principal: "events.amazonaws.com",
        sourceArn: one("EventRule", "file-monitor").outputs.arn,
      });
    });
  });

  describe("operation", () => {
    test("EventBridge may publish to the topic without a condition, which it would not fulfil", () => {
      const statements = statementsOf(one("TopicPolicy"));
      const ofEvents = statements.filter(({ Principal }) => JSON.stringify(Principal).includes("events.amazonaws.com"));
      expect(ofEvents.map(({ Condition }) => Condition)).toEqual([undefined]);
    });

    test("every log group has a retention", () => {
      expect(all("LogGroup").length).toBeGreaterThan(0);
      for (const { name: group, inputs } of all("LogGroup")) {
        expect(inputs.retentionInDays, group).toBe(Number(config.logRetentionDays ?? 30));
      }
    });

    test("function and tasks write to log groups of the stack", () => {
      const groups = all("LogGroup").map(({ outputs }) => outputs.name);
      expect(groups).toContain((one("Function").inputs.loggingConfig as Record<string, unknown>).logGroup);
      for (const { name: container, logConfiguration } of containers()) {
        const routed = logRouter && container === "router";
        expect(logConfiguration.logDriver, container).toBe(routed ? "awsfirelens" : "awslogs");
        if (!routed) expect(groups).toContain(logConfiguration.options["awslogs-group"]);
      }
    });

    test("the outputs name every place where logs are", () => {
      const nameOf = (type: string, name: string) =>
        all(type).find((resource) => resource.name === name)?.outputs.name ?? "none";
      expect(outputs).toMatchObject({
        monitorLogGroup: nameOf("LogGroup", "file-monitor"),
        errorLogGroup: nameOf("LogGroup", logRouter ? "log-router-errors" : "router"),
        logRouterLogGroup: nameOf("LogGroup", "log-router-firelens"),
        logBucket: nameOf("Bucket", "log-router-logs"),
        auditBucket: nameOf("Bucket", "audit-trail"),
        accessLogBucket: nameOf("Bucket", "access-logs"),
      });
    });

    test("everything that can be tagged names project, stack and owner", () => {
      for (const { type, name: resource, inputs, taggable } of resources) {
        if (!taggable) continue;
        expect(inputs.tags, `${type} ${resource}`).toMatchObject({
          Project: "efs-mount-autoscaling",
          Stack: "test",
          Owner: config.owner ?? "operations",
        });
      }
      expect(resources.filter(({ taggable }) => taggable).length).toBeGreaterThan(20);
    });

    test("every alarm tells someone, when it goes off and when it is over", () => {
      const topic = one("Topic").outputs.arn;
      for (const { name: alarm, inputs } of all("MetricAlarm")) {
        expect(inputs, alarm).toMatchObject({ alarmActions: [topic], okActions: [topic] });
        expect(inputs.alarmDescription, alarm).toMatch(/\.$/);
      }
      for (const rule of ["tasks-failed", "tasks-replaced", "deployment-failed", "backup-failed"].map(
        (name) => `alarms-${name}`,
      )) {
        expect(one("EventTarget", rule).inputs, rule).toMatchObject({
          rule: one("EventRule", rule).outputs.name,
          arn: topic,
        });
      }
      expect(
        all("MetricAlarm")
          .map(({ name: alarm }) => alarm)
          .sort(),
      ).toEqual(
        [
          ...[
            "counts-wrong",
            "io-limit",
            "load-balancer-errors",
            "monitor-error-rate",
            "monitor-idle",
            "mount-target-creation-failed",
            "no-room-to-grow",
            "tasks-below-desired",
            "tasks-unhealthy",
            ...(ownFileSystem || config.throughputMode ? [] : ["burst-credits-low"]),
            ...(config.meteredGibPerDay === undefined ? [] : ["metered-above-budget"]),
            ...(peer ? ["replica-lag"] : []),
          ].map((alarm) => `alarms-${alarm}`),
          ...(sharedNames.length > 0 ? ["regional-dns"] : []),
          ...(logRouter ? ["log-router-errors", "log-router-router-errors"] : []),
        ].sort(),
      );
      expect(all("TopicSubscription").map(({ inputs }) => inputs.endpoint)).toEqual(list(config.alarmEmail));
    });

    test("a monitor that does not run raises an alarm, and only there no data is bad news", () => {
      expect(one("MetricAlarm", "alarms-monitor-idle").inputs).toMatchObject({
        metricName: "Invocations",
        dimensions: { FunctionName: one("Function").outputs.name },
        comparisonOperator: "LessThanThreshold",
        threshold: 1,
        period: 1200,
        evaluationPeriods: 1,
      });
      const breaching = all("MetricAlarm").filter(({ inputs }) => inputs.treatMissingData === "breaching");
      // A region whose load balancer says nothing is lost, too.
      const ofDns = sharedNames.length > 0 ? ["regional-dns"] : [];
      expect(breaching.map(({ name: alarm }) => alarm).sort()).toEqual(["alarms-monitor-idle", ...ofDns]);
    });

    test("a run of the monitor is one at a time, not retried, and reported when it fails", () => {
      expect(one("Function").inputs).toMatchObject({
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        timeout: 900,
        reservedConcurrentExecutions: 1,
      });
      expect(one("FunctionEventInvokeConfig").inputs).toMatchObject({
        maximumRetryAttempts: 0,
        destinationConfig: { onFailure: { destination: one("Topic").outputs.arn } },
      });
      // The next event waits for the longest run, and Lambda pauses for up to five minutes between two tries.
      const { maximumEventAgeInSeconds } = one("FunctionEventInvokeConfig").inputs;
      expect(Number(maximumEventAgeInSeconds)).toBeGreaterThan(Number(one("Function").inputs.timeout) + 300);
      expect(one("EventTarget", "file-monitor").inputs.retryPolicy).toMatchObject({ maximumRetryAttempts: 0 });
      expect(one("EventRule", "file-monitor").inputs.scheduleExpression).toBe("rate(5 minutes)");
    });

    test("tasks roll without a gap, and back when they do not become healthy", () => {
      expect(one("Service").inputs).toMatchObject({
        deploymentMinimumHealthyPercent: 100,
        deploymentMaximumPercent: 200,
        deploymentCircuitBreaker: { enable: true, rollback: true },
        availabilityZoneRebalancing: "ENABLED",
      });
      const ports = s3Api ? [8000, 8001] : [8000];
      expect(one("Service").inputs.loadBalancers).toEqual(
        ports.map((containerPort, index) => ({
          targetGroupArn: all("TargetGroup")[index]?.outputs.arn,
          containerName: "router",
          containerPort,
        })),
      );
      expect(all("TargetGroup").map(({ inputs }) => inputs.port)).toEqual(ports);
      for (const { inputs } of all("TargetGroup")) {
        expect(inputs).toMatchObject({
          healthCheck: { path: "/healthz" },
          deregistrationDelay: Number(config.drainSeconds ?? 60),
        });
        const { port = inputs.port } = z.object({ port: z.coerce.number().optional() }).parse(inputs.healthCheck);
        expect(port, "The file API answers for both").toBe(8000);
      }
      // `pulumi up` waits until the old tasks are drained.
      expect(one("Service").customTimeouts).toMatchObject({ update: config.drainSeconds === "600" ? "30m" : "21m" });
      expect(one("Cluster", "routers").inputs.settings).toEqual([{ name: "containerInsights", value: "enabled" }]);
    });

    test("what Container Insights writes is kept as long as other lines, and goes with the cluster", () => {
      expect(one("SharedLogGroup").inputs).toMatchObject({
        logGroupName: `/aws/ecs/containerinsights/${one("Cluster", "routers").outputs.name}/performance`,
        retentionDays: Number(config.logRetentionDays ?? 30),
        tags: { Project: "efs-mount-autoscaling", Stack: "test", Owner: config.owner ?? "operations" },
      });
      for (const { name: cluster, inputs } of all("Cluster").filter(({ name }) => name !== "routers")) {
        expect(inputs.settings, cluster).toEqual([{ name: "containerInsights", value: "disabled" }]);
      }
    });

    test("routers have time to find a mount target, and to see that one is silent", () => {
      const environment = Object.fromEntries(
        (containers()[0]?.environment ?? []).map(({ name: variable, value }) => [variable, value]),
      );
      const start = Number(environment.START_TIMEOUT_SECONDS);
      expect(start).toBe(Number(config.startTimeoutSeconds ?? 180));
      expect(Number(one("Service").inputs.healthCheckGracePeriodSeconds)).toBeGreaterThan(start);
      // What AWS advises for soft mounts, which give up as well.
      expect(environment.NFS_DETECTION_TIMEOUT_SECONDS).toBe(config.detectionTimeoutSeconds ?? "15");
    });

    test("routers keep idle connections for longer than the load balancer, and trust the client addresses that it forwards", () => {
      const environment = Object.fromEntries(
        (containers()[0]?.environment ?? []).map(({ name: variable, value }) => [variable, value]),
      );
      const { idleTimeout, xffHeaderProcessingMode } = one("LoadBalancer").inputs;
      expect(Number(environment.KEEP_ALIVE_TIMEOUT_SECONDS)).toBeGreaterThan(Number(idleTimeout));
      expect(xffHeaderProcessingMode).toBe("append");
      expect(environment.TRUSTED_PROXIES).toBe(ownNetwork ? "10.0.0.0/16" : "10.20.0.0/16");
      const memory = Number(config.taskMemory ?? 1024);
      expect(Number(environment.MAX_MEMORY_BYTES)).toBe(Math.floor(memory * 0.8) * 2 ** 20);
      expect(Number(environment.TRANSFER_MEMORY_BYTES)).toBe((memory / 8) * 2 ** 20);
      expect(environment.RATE_LIMIT_PER_MINUTE).toBe("0");
    });

    test("tasks scale on CPU and on requests", () => {
      expect(
        all("Policy")
          .map(
            ({ inputs }) =>
              (inputs.targetTrackingScalingPolicyConfiguration as Record<string, Record<string, unknown>>)
                .predefinedMetricSpecification?.predefinedMetricType,
          )
          .sort(),
      ).toEqual([
        "ALBRequestCountPerTarget",
        ...(s3Api ? ["ALBRequestCountPerTarget"] : []),
        "ECSServiceAverageCPUUtilization",
      ]);
    });

    test("containers run read-only, by digest, and have time to stop", () => {
      for (const container of containers()) {
        expect(container, container.name).toMatchObject({
          readonlyRootFilesystem: true,
          image: expect.stringMatching(/@sha256:/),
          healthCheck: { command: expect.arrayContaining(["CMD"]) },
        });
        expect(container.stopTimeout).toBeGreaterThanOrEqual(30);
      }
      expect(containers().map(({ name }) => name)).toEqual(logRouter ? ["router", "log-router"] : ["router"]);
    });

    test("an image that was there before can be pushed again, to go back to it", () => {
      for (const { name: repository, inputs } of all("Repository")) {
        expect(inputs.imageTagMutability, repository).toBe("MUTABLE");
      }
    });

    test("the router runs as a user without capabilities, and only it can be reached", () => {
      const [router, ...others] = containers();
      expect(router).toMatchObject({ user: "1000:1000", linuxParameters: { capabilities: { drop: ["ALL"] } } });
      expect(router?.portMappings?.map(({ containerPort }) => containerPort)).toEqual(s3Api ? [8000, 8001] : [8000]);
      for (const { name: container, portMappings } of others) expect(portMappings, container).toBeUndefined();
    });

    test("whoever works on the file system as root has what the routers have of it, but its root", () => {
      expect(all("TaskDefinition")).toHaveLength(maintenance ? 2 : 1);
      const nameOf = (type: string, resource: string) => one(type, resource).outputs.name;
      expect(outputs.maintenanceLogGroup).toBe(maintenance ? nameOf("LogGroup", "maintenance") : "none");
      if (!maintenance) {
        expect([outputs.maintenanceTask, outputs.maintenanceCommand]).toEqual(["none", "none"]);
        expect(resources.filter(({ name: resource }) => /maintenance|root/.test(resource))).toEqual([]);
        return;
      }
      const [root] = containersOf("maintenance");
      const [router] = containers();
      const variables = new Map(router?.environment?.map(({ name: variable, value }) => [variable, value]));
      for (const { name: variable, value } of root?.environment ?? []) {
        const own = {
          EFS_ACCESS_POINT_ID: one("AccessPoint", "file-storage-root").outputs.id,
          EFS_IAM_AUTHORIZATION: "on",
        };
        expect(value, variable).toBe(
          Object.entries(own).find(([each]) => each === variable)?.[1] ?? variables.get(variable),
        );
      }
      const ofNfs = [...variables.keys()].filter((variable) => /^(AWS_REGION|EFS_|NFS_TLS|ROOT_|SSM_)/.test(variable));
      expect(root?.environment?.map(({ name: variable }) => variable).sort()).toEqual(ofNfs.sort());
      expect(one("AccessPoint", "file-storage-root").inputs).toMatchObject({
        posixUser: { uid: 0, gid: 0 },
        rootDirectory: { path: "/" },
      });
    });

    test("an operator starts the maintenance task where it can reach all it needs, and enters it; sessions are recorded", () => {
      if (!maintenance) return;
      const cluster = one("Cluster", "maintenance");
      const subnets = list(one("LoadBalancer").inputs.subnets).join(",");
      const group = one("SecurityGroup", "security-groups-maintenance").outputs.id;
      const { family } = one("TaskDefinition", "maintenance").inputs;
      const where = `--region ${REGION} --cluster ${cluster.outputs.name}`;
      expect(outputs.maintenanceTask).toBe(
        `aws ecs run-task ${where} --task-definition ${family} --launch-type FARGATE --enable-execute-command --network-configuration "awsvpcConfiguration={subnets=[${subnets}],securityGroups=[${group}],assignPublicIp=DISABLED}" --query "tasks[0].taskArn" --output text`,
      );
      expect(outputs.maintenanceCommand).toBe(
        `aws ecs execute-command ${where} --task "$(aws ecs list-tasks ${where} --query "taskArns[0]" --output text)" --container ${containersOf("maintenance")[0]?.name} --interactive --command "nfs ls /"`,
      );
      const logGroup = one("LogGroup", "maintenance").outputs.name;
      expect(cluster.inputs.configuration).toEqual({
        executeCommandConfiguration: { logging: "OVERRIDE", logConfiguration: { cloudWatchLogGroupName: logGroup } },
      });
      expect(one("TaskStopper").inputs.cluster).toBe(cluster.outputs.arn);
    });

    test("only names that are fixed by design are fixed", () => {
      const suffix = config.nameSuffix ?? "";
      const fixed = resources
        // A name that only a title is, or is only seen inside a named one, can be there twice.
        .filter(({ type }) => !/^docker-build:|:(NamedQuery|CatalogTable|RestoreTestingSelection)$/.test(type))
        .filter(({ inputs }) => inputs.name !== undefined)
        .map(({ inputs }) => inputs.name);
      const table = ownFileSystem
        ? `/efs-mount-autoscaling${suffix}/mount-targets`
        : `/efs-mount-autoscaling${suffix}/${config.existingFileSystemId}/mount-targets`;
      expect(fixed.sort()).toEqual(
        [
          `/aws/lambda/efs-mount-autoscaling-file-monitor${suffix}`,
          ...list(config.domainName),
          ...sharedNames,
          ...(peer ? [`/efs-mount-autoscaling${suffix}/region`] : []),
          ...(config.restoreTest ? ["efs_mount_autoscaling_test"] : []),
          "efs-mount-autoscaling-test",
          ...(maintenance ? [`/ecs/efs-mount-autoscaling-maintenance${suffix}`] : []),
          table,
          `${table}.status`,
          ...(logRouter
            ? [
                `/ecs/backend/errors${suffix}`,
                `/ecs/firelens${suffix}`,
                `fluent-bit-custom${suffix}`,
                `efs_mount_autoscaling${suffix.replaceAll("-", "_")}`,
              ]
            : [`/ecs/efs-mount-autoscaling-fargate${suffix}`]),
        ].sort(),
      );
    });
  });
});

/**
 * The one exception: Lambda asks whether the role may delete an interface without naming one, and refuses the role
 * otherwise (Lambda developer guide, "required IAM permissions"). Only network interfaces know these actions.
 */
function isAskedOfNoResource(action: string, resource: unknown): boolean {
  return (
    /^ec2:(DeleteNetworkInterface|(Assign|Unassign)PrivateIpAddresses)$/.test(action) &&
    resource === `arn:aws:ec2:${REGION}:${ACCOUNT_ID}:*/*`
  );
}

function containers(): Container[] {
  return containersOf("router");
}

function containersOf(taskDefinition: string): Container[] {
  return JSON.parse(String(one("TaskDefinition", taskDefinition).inputs.containerDefinitions));
}

interface Container {
  readonly name: string;
  readonly stopTimeout: number;
  readonly portMappings?: readonly { readonly containerPort: number }[];
  readonly environment?: readonly { readonly name: string; readonly value: string }[];
  readonly secrets?: unknown;
  readonly logConfiguration: { readonly logDriver: string; readonly options: Readonly<Record<string, string>> };
}

function statementsOf(policy: Registered | undefined): Statement[] {
  return JSON.parse(String(policy?.inputs.policy)).Statement;
}

function deniesPlainText(policy: Registered | undefined): boolean {
  return statementsOf(policy).some(
    ({ Effect, Principal, Action, Condition }) =>
      Effect === "Deny" &&
      JSON.stringify(Principal) === '{"AWS":"*"}' &&
      /^(s3|elasticfilesystem):\*$/.test(String(Action)) &&
      JSON.stringify(Condition) === '{"Bool":{"aws:SecureTransport":"false"}}',
  );
}

/** Rules as `from > to:port`. */
function flows(type: "SecurityGroupIngressRule" | "SecurityGroupEgressRule"): string[] {
  return all(type)
    .map(({ inputs }) => {
      expect(inputs.ipProtocol).toBe("tcp");
      expect(inputs.fromPort).toBe(inputs.toPort);
      const own = groupById(inputs.securityGroupId);
      const other =
        inputs.prefixListId === undefined ? groupById(inputs.referencedSecurityGroupId ?? inputs.cidrIpv4) : "s3";
      const [from, to] = type === "SecurityGroupIngressRule" ? [other, own] : [own, other];
      return `${from} > ${to}:${inputs.toPort}`;
    })
    .sort();
}
