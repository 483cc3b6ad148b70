/**
 * Begins to make the client's key where the environment asks for an identity, while the rest of the router is still being
 * loaded: a program imports this first.
 */
import { clientKey } from "@efs-mount-autoscaling/efs-tls/client-key";

const { EFS_ACCESS_POINT_ID, EFS_IAM_AUTHORIZATION } = process.env;
// Whoever waits for the key hears of a failure. The primary of several workers makes one in vain.
if (EFS_ACCESS_POINT_ID !== undefined || EFS_IAM_AUTHORIZATION === "on") clientKey().catch(() => {});
