/** The stand-ins for AWS that the suites run against, each with the same account: they keep each other honest. */
import { afterAll, beforeAll, describe } from "vitest";
import {
  CLUSTER_NAME,
  createAccount,
  FILE_SYSTEM_ID,
  SECURITY_GROUP_ID,
  SERVICE_NAME,
  SUBNETS,
  VPC_ID,
} from "../../local/account.ts";
import { startControlPlane } from "../../local/control-plane/server.ts";
import type { Subnet } from "../../local/control-plane/state.ts";
import { API_TOKEN_SECRET_ID } from "../../local/environments.ts";
import { addService } from "../../local/initial-deployment.ts";
import { withTokenSecret } from "./api-token.ts";
import { type AwsClients, clients } from "./aws-clients.ts";
import { createFileSystem, createNetwork, createSecret, createService, type Moto, moto, startMoto } from "./moto.ts";
import { describeRequiring } from "./requirements.ts";
import { TASK_DEFINITION } from "./task-definition.ts";

/** A VPC with a subnet in each of three Availability Zones, a file system without mount targets, and a service. */
export interface TestAccount extends AwsClients {
  readonly vpcId: string;
  /** In the Availability Zones a, c and d. */
  readonly subnetIds: readonly string[];
  /** A second one in the Availability Zone a. */
  readonly secondSubnetInA: string;
  /** In the Availability Zone c. */
  readonly subnetOfOtherVpc: string;
  readonly securityGroupId: string;
  readonly fileSystemId: string;
  readonly clusterName: string;
  readonly serviceName: string;
  /** Of a secret that has no value yet. */
  readonly secretId: string;
}

/** Runs `suite` once for each stand-in; `start` gives it a fresh account. */
export function describeEachAws(name: string, suite: (start: () => Promise<TestAccount>) => void): void {
  describeRequiring([moto], `${name} (moto)`, ([command]) => {
    let server: Moto;
    beforeAll(async () => {
      server = await startMoto(command);
    });
    afterAll(() => server.stop());
    suite(async () => {
      await server.reset();
      return createMotoAccount(clients(server.endpoint));
    });
  });
  describe(`${name} (local control plane)`, () => {
    const running: (() => Promise<void>)[] = [];
    afterAll(async () => {
      for (const close of running) await close();
    });
    suite(async () => {
      const controlPlane = await startLocalAccount();
      running.push(() => controlPlane.close());
      return { ...LOCAL_ACCOUNT, ...clients(controlPlane.url) };
    });
  });
}

async function createMotoAccount(aws: AwsClients): Promise<TestAccount> {
  const { vpcId, subnetIds, securityGroupId } = await createNetwork(aws, ["a", "c", "d", "a"]);
  const other = await createNetwork(aws, ["c"], "10.1");
  const service = { clusterName: CLUSTER_NAME, serviceName: SERVICE_NAME };
  await createService(aws, service);
  return {
    ...aws,
    ...service,
    vpcId,
    securityGroupId,
    subnetIds: subnetIds.slice(0, 3),
    secondSubnetInA: subnetIds[3] ?? "",
    subnetOfOtherVpc: other.subnetIds[0] ?? "",
    fileSystemId: await createFileSystem(aws),
    secretId: await createSecret(aws),
  };
}

const [subnetA, subnetC] = SUBNETS as [Subnet, Subnet];

const SECOND_IN_A: Subnet = { ...subnetA, subnetId: "subnet-0e5a0000000000fff", addresses: ["127.0.0.99"] };
const IN_OTHER_VPC: Subnet = { ...subnetC, subnetId: "subnet-0e5a0000000000ffe", vpcId: "vpc-0e5a0000000000002" };

const LOCAL_ACCOUNT = {
  vpcId: VPC_ID,
  subnetIds: SUBNETS.map(({ subnetId }) => subnetId),
  secondSubnetInA: SECOND_IN_A.subnetId,
  subnetOfOtherVpc: IN_OTHER_VPC.subnetId,
  securityGroupId: SECURITY_GROUP_ID,
  fileSystemId: FILE_SYSTEM_ID,
  clusterName: CLUSTER_NAME,
  serviceName: SERVICE_NAME,
  secretId: API_TOKEN_SECRET_ID,
};

async function startLocalAccount() {
  const account = createAccount(new Date());
  const controlPlane = await startControlPlane({
    state: withTokenSecret({ ...account, subnets: [...account.subnets, SECOND_IN_A, IN_OTHER_VPC] }),
  });
  controlPlane.update((state, environment) => addService(state, TASK_DEFINITION, 2, environment));
  return controlPlane;
}
