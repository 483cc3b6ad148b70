/**
 * How the monitor calls AWS: which clients, for how long, and what a failed call is.
 */
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EFSClient } from "@aws-sdk/client-efs";
import { S3Client } from "@aws-sdk/client-s3";
import { SSMClient, type SSMClientConfig } from "@aws-sdk/client-ssm";
import * as z from "zod";

export interface AwsClients {
  readonly cloudwatch: CloudWatchClient;
  readonly ec2: EC2Client;
  readonly ecs: ECSClient;
  /** For calls that must not be sent twice: it does not retry. */
  readonly ecsOnce: ECSClient;
  readonly efs: EFSClient;
  readonly s3: S3Client;
  readonly ssm: SSMClient;
}

/** The clients, and the signal that ends all calls of one run. */
export type AwsSession = AwsClients & { readonly signal: AbortSignal };

/** The part of the clients' configuration that tests replace. */
export type AwsClientOptions = Pick<
  SSMClientConfig,
  "requestHandler" | "credentials" | "region" | "endpoint" | "maxAttempts"
>;

/** Creates the clients. Region, credentials and endpoint come from the environment. */
export function createAwsClients(options: AwsClientOptions = {}): AwsClients {
  const configuration = {
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 20_000, throwOnRequestTimeout: true },
    ...options,
  };
  return {
    cloudwatch: new CloudWatchClient(configuration),
    ec2: new EC2Client(configuration),
    ecs: new ECSClient(configuration),
    ecsOnce: new ECSClient({ ...configuration, maxAttempts: 1 }),
    efs: new EFSClient(configuration),
    // A bucket is a host name of its own, which only AWS has.
    s3: new S3Client({ ...configuration, forcePathStyle: isElsewhere(options) }),
    ssm: new SSMClient(configuration),
  };
}

/** Whether an endpoint is given: another one than AWS's own. */
function isElsewhere({ endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL }: AwsClientOptions) {
  return endpoint !== undefined;
}

/** A call to AWS that failed, after the SDK's own retries. */
export class AwsCallError extends Error {
  override readonly name = "AwsCallError";
  /** AWS's name for the error, like MountTargetConflict, or the SDK's own where no response came. */
  readonly code: string;

  constructor(operation: string, cause: unknown) {
    const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
    super(`${operation} failed: ${name}: ${message}`, { cause });
    this.code = name;
  }
}

/**
 * Makes one call and reads the response.
 *
 * @param schema what the monitor needs of the response: in the SDK's types every member is optional.
 * @throws {AwsCallError} when AWS refuses the call, does not respond in time, or the response lacks what is needed.
 */
export async function call<Output>(
  operation: string,
  schema: z.ZodType<Output>,
  send: () => Promise<unknown>,
): Promise<Output> {
  try {
    const result = schema.safeParse(await send());
    if (result.success) return result.data;
    throw new Error(`unexpected response: ${z.prettifyError(result.error)}`);
  } catch (cause) {
    throw new AwsCallError(operation, cause);
  }
}
