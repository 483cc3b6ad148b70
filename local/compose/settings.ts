/** What the containers of `compose.yaml` have to agree on; the file itself repeats it. */

export const BUCKET = "logs-bucket";
export const ERROR_LOG_GROUP = "/ecs/backend/errors";
export const PORTS = { controlPlane: 4565, s3: 4566, logs: 4567, nfs: 20_490 };
