/** The environments of the router's tasks and of the monitor, as the Pulumi program sets them on AWS. */
import { DEFAULT_REGION_PARAMETER_NAME } from "@efs-mount-autoscaling/mount-table";
import {
  ACCOUNT_ID,
  CLUSTER_NAME,
  type Location,
  REGION,
  SECURITY_GROUP_ID,
  SERVICE_NAME,
  TOKYO,
  VPC_ID,
} from "./account.ts";

export const PARAMETER_NAME = "/efs-mount-autoscaling/mount-targets";

/** In which the monitor says what its last run saw and did. */
export const STATUS_PARAMETER_NAME = `${PARAMETER_NAME}.status`;

/** The role of the region, where there are two. */
export const REGION_PARAMETER_NAME = DEFAULT_REGION_PARAMETER_NAME;

/** The secret with the API's token, where the local stack has one. */
export const API_TOKEN_SECRET_ID = `arn:aws:secretsmanager:${REGION}:${ACCOUNT_ID}:secret:api-token-AbCdEf`;

/** The secret with the access keys of the S3 API. */
export const S3_ACCESS_KEYS_SECRET_ID = `arn:aws:secretsmanager:${REGION}:${ACCOUNT_ID}:secret:s3-access-keys-AbCdEf`;

/** Where the monitor keeps what it remembers from one run to the next. */
export const TREE_BUCKET = "file-monitor-trees";

/** The directory of the file system that is counted and served. */
export const TARGET_DIRECTORY = "/data";

/** How routers get a changed mount table. */
export type Rollout = "rolling-deployment" | "hot-reload";

/** The access key names the caller: whoever watches the control plane's calls sees it. */
function aws(endpoint: string, accessKeyId: string, region: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: "local",
    // On AWS it is Node 24: the SDK's warning about older versions would only hide other lines.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
  };
}

/** @param mountTableRefreshSeconds 0: only at the start. */
export function routerEnvironment(
  endpoint: string,
  nfsPort: number,
  mountTableRefreshSeconds: number,
  { region, fileSystemId }: Location = TOKYO,
): Record<string, string> {
  return {
    ...aws(endpoint, "ROUTER", region),
    SSM_PARAMETER_NAME: PARAMETER_NAME,
    EFS_FILE_SYSTEM_ID: fileSystemId,
    ROOT_DIRECTORY: TARGET_DIRECTORY,
    NFS_PORT: String(nfsPort),
    // Nothing stalls here that is not meant to, and what is broken should show.
    START_TIMEOUT_SECONDS: "10",
    MOUNT_TABLE_REFRESH_SECONDS: String(mountTableRefreshSeconds),
  };
}

/** Settings of the router that a local run takes from its own environment. */
export const ROUTER_SETTINGS = ["ROUTER_WORKERS", "NFS_CONNECTIONS"];

/** Those with one of the names that are not empty. */
export function variablesOf(environment: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, environment[name] ?? ""]).filter(([, value]) => value !== ""));
}

export function monitorEnvironment(
  endpoint: string,
  mountPath: string,
  fileCountThreshold: number,
  rollout: Rollout,
  { region, fileSystemId }: Location = TOKYO,
): Record<string, string> {
  return {
    ...aws(endpoint, "FILE-MONITOR", region),
    TARGET_DIRECTORY,
    EFS_MOUNT_PATH: mountPath,
    FILE_COUNT_THRESHOLD: String(fileCountThreshold),
    EFS_FILE_SYSTEM_ID: fileSystemId,
    EFS_SECURITY_GROUP_ID: SECURITY_GROUP_ID,
    VPC_ID,
    SSM_PARAMETER_NAME: PARAMETER_NAME,
    ECS_CLUSTER_NAME: CLUSTER_NAME,
    ECS_SERVICE_NAME: SERVICE_NAME,
    ROLLOUT: rollout,
    MOUNT_TARGET_POLL_INTERVAL_SECONDS: "0.25",
    MOUNT_TARGET_TIMEOUT_SECONDS: "60",
  };
}
