/** Unmodified SDK clients, pointed at a local control plane as `AWS_ENDPOINT_URL` would do it. */
import { EC2Client } from "@aws-sdk/client-ec2";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EFSClient } from "@aws-sdk/client-efs";
import { SSMClient } from "@aws-sdk/client-ssm";

export function clients(endpoint: string, maxAttempts = 1) {
  const configuration = {
    endpoint,
    maxAttempts,
    region: "ap-northeast-1",
    credentials: { accessKeyId: "AKIDLOCAL", secretAccessKey: "local" },
  };
  return {
    efs: new EFSClient(configuration),
    ec2: new EC2Client(configuration),
    ssm: new SSMClient(configuration),
    ecs: new ECSClient(configuration),
  };
}
