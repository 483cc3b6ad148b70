/** Unmodified SDK clients, pointed at a stand-in for AWS as `AWS_ENDPOINT_URL` would do it. */
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EFSClient } from "@aws-sdk/client-efs";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { REGION } from "../../local/account.ts";

export type AwsClients = ReturnType<typeof clients>;

export function clients(endpoint: string, maxAttempts = 1) {
  const configuration = {
    endpoint,
    maxAttempts,
    region: REGION,
    credentials: { accessKeyId: "AKIDLOCAL", secretAccessKey: "local" },
  };
  return {
    endpoint,
    logs: new CloudWatchLogsClient(configuration),
    efs: new EFSClient(configuration),
    ec2: new EC2Client(configuration),
    ssm: new SSMClient(configuration),
    ecs: new ECSClient(configuration),
    secretsManager: new SecretsManagerClient(configuration),
  };
}
