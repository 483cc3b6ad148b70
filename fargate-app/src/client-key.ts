/**
 * Begins to make the client's key where the environment asks for an identity, while the rest of the router is still being
 * loaded: a program imports this first.
 */
import cluster from "node:cluster";
import { clientKey } from "@efs-mount-autoscaling/efs-tls/client-key";

const { EFS_ACCESS_POINT_ID, EFS_IAM_AUTHORIZATION, ROUTER_WORKERS = "1" } = process.env;
const needsKey = EFS_ACCESS_POINT_ID !== undefined || EFS_IAM_AUTHORIZATION === "on";
// The primary of several workers connects to nothing.
const connects = cluster.isWorker || ROUTER_WORKERS === "1";
// Whoever waits for the key hears of a failure.
if (needsKey && connects) clientKey().catch(() => {});
