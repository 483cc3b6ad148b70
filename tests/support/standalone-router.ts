/** The router's bundle over NFS servers, with an account that knows nothing of them: the table is in its environment. */
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { createAccount } from "../../local/account.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane/server.ts";
import { type RouterProcess, startRouter, tableOf } from "./router-bundle.ts";

export interface StandaloneRouter extends RouterProcess {
  /** The account. */
  readonly controlPlane: ControlPlane;
  /** Ends the process at once, and the account with it. */
  close(): Promise<void>;
}

/** @param prepare What the account has before the router starts. */
export async function startStandaloneRouter(
  servers: readonly { readonly host: string; readonly port: number }[],
  environment: Record<string, string> = {},
  prepare: (controlPlane: ControlPlane) => unknown = () => {},
): Promise<StandaloneRouter> {
  const controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  await prepare(controlPlane);
  const router = await startRouter({
    AWS_ENDPOINT_URL: controlPlane.url,
    DEFAULT_MOUNT_TARGETS: serializeMountTable(tableOf(servers)),
    // A busy machine may well be silent for as long as the default allows.
    NFS_DETECTION_TIMEOUT_SECONDS: "10",
    ...environment,
  });
  const close = async () => {
    router.child.kill("SIGKILL");
    await router.exited;
    await controlPlane.close();
  };
  return { ...router, controlPlane, close };
}
