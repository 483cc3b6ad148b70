/** moto's server: a stand-in for AWS that this project has no part in. https://docs.getmoto.org */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { CreateSecurityGroupCommand, CreateSubnetCommand, CreateVpcCommand } from "@aws-sdk/client-ec2";
import { CreateClusterCommand, CreateServiceCommand, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs";
import { CreateFileSystemCommand } from "@aws-sdk/client-efs";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { REGION } from "../../local/account.ts";
import type { AwsClients } from "./aws-clients.ts";
import { type Command, findOnPath, type Requirement } from "./programs.ts";

export const moto: Requirement = {
  name: "moto's server",
  howToGet: "pip install 'moto[server]==5.2.1'",
  installedByCi: true,
  find: () => findOnPath("moto_server") ?? findPythonModule("moto.server"),
};

function findPythonModule(name: string): Command | undefined {
  const python = findOnPath("python3");
  if (!python) return undefined;
  return spawnSync(python[0], ["-c", `import ${name}`]).status === 0 ? [...python, "-m", name] : undefined;
}

export interface Moto {
  readonly endpoint: string;
  /** Empties the account. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export async function startMoto([program, ...leadingArguments]: Command): Promise<Moto> {
  const address = ["-H", "127.0.0.1", "-p", "0"];
  const server = spawn(program, [...leadingArguments, ...address], { stdio: ["ignore", "ignore", "pipe"] });
  const endpoint = await readEndpoint(server.stderr);
  return {
    endpoint,
    reset: async () => {
      await fetch(`${endpoint}/moto-api/reset`, { method: "POST" });
    },
    stop: async () => {
      server.kill();
      await once(server, "exit");
    },
  };
}

async function readEndpoint(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(output)) {
    const address = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address === undefined) continue;
    // What it writes from now on must not fill the pipe.
    output.resume();
    return address;
  }
  throw new Error("moto's server ended before it listened");
}

export interface MotoNetwork {
  readonly vpcId: string;
  /** One in each of the Availability Zones asked for. */
  readonly subnetIds: readonly string[];
  readonly securityGroupId: string;
}

/** Makes a VPC with a subnet in each of the Availability Zones, and a security group. */
export async function createNetwork(
  { ec2 }: AwsClients,
  zones: readonly string[],
  cidrPrefix = "10.0",
): Promise<MotoNetwork> {
  const vpc = await ec2.send(new CreateVpcCommand({ CidrBlock: `${cidrPrefix}.0.0/16` }));
  const vpcId = present(vpc.Vpc?.VpcId);
  const group = { GroupName: "efs", Description: "Mount targets", VpcId: vpcId };
  const { GroupId } = await ec2.send(new CreateSecurityGroupCommand(group));
  const subnetIds: string[] = [];
  for (const [index, zone] of zones.entries()) {
    const { Subnet } = await ec2.send(
      new CreateSubnetCommand({
        VpcId: vpcId,
        AvailabilityZone: REGION + zone,
        CidrBlock: `${cidrPrefix}.${index}.0/24`,
        TagSpecifications: [{ ResourceType: "subnet", Tags: [{ Key: "Name", Value: `private-${zone}` }] }],
      }),
    );
    subnetIds.push(present(Subnet?.SubnetId));
  }
  return { vpcId, subnetIds, securityGroupId: present(GroupId) };
}

/** Makes a file system without mount targets. Returns its id. */
export async function createFileSystem({ efs }: AwsClients): Promise<string> {
  return present((await efs.send(new CreateFileSystemCommand({ CreationToken: "test" }))).FileSystemId);
}

/** Makes a cluster with a service. */
export async function createService(
  { ecs }: AwsClients,
  { clusterName, serviceName }: { readonly clusterName: string; readonly serviceName: string },
): Promise<void> {
  const container = { name: "router", image: "router", memory: 128 };
  await ecs.send(new CreateClusterCommand({ clusterName }));
  await ecs.send(new RegisterTaskDefinitionCommand({ family: "router", containerDefinitions: [container] }));
  await ecs.send(new CreateServiceCommand({ cluster: clusterName, serviceName, taskDefinition: "router" }));
}

/** Makes a secret without a value. Returns its id. */
export async function createSecret({ secretsManager }: AwsClients): Promise<string> {
  return present((await secretsManager.send(new CreateSecretCommand({ Name: "api-token" }))).ARN);
}

/** @throws when moto left out a member that AWS gives. */
export function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("moto left out a member that AWS gives");
  return value;
}
