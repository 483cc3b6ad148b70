/** The router's bundle with its S3 API, over an NFS server of this machine. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { vi } from "vitest";
import { createAccount } from "../../local/account.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane/server.ts";
import { S3_ACCESS_KEYS_SECRET_ID } from "../../local/environments.ts";
import { addS3AccessKeys, type S3AccessKey } from "../../local/initial-deployment.ts";
import { type RouterProcess, startRouter, tableOf } from "./router-bundle.ts";

export const ACCESS_KEY = { accessKeyId: "AKIATESTTESTTESTTEST", secretAccessKey: "secret".repeat(7) };

export interface S3Router {
  readonly router: RouterProcess;
  /** Of the S3 API. */
  readonly url: string;
  /** The served directory, as another NFS client sees it. */
  readonly directory: string;
  readonly controlPlane: ControlPlane;
  stop(): Promise<void>;
}

/** @param environment Variables of the router besides. */
export async function startS3Router(
  accessKeys: readonly S3AccessKey[] = [ACCESS_KEY],
  environment: Record<string, string> = {},
): Promise<S3Router> {
  const root = await mkdtemp(join(tmpdir(), "s3-router-"));
  const directory = join(root, "data");
  await mkdir(directory);
  // No suite looks at what a crash would leave.
  const server: NfsServer = await startNfsServer({ directory: root, durable: false });
  const controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  controlPlane.update((state, aws) => addS3AccessKeys(state, accessKeys, aws));
  const router = await startRouter({
    AWS_ENDPOINT_URL: controlPlane.url,
    DEFAULT_MOUNT_TARGETS: serializeMountTable(tableOf([server])),
    // A busy machine may well be silent for as long as the default allows.
    NFS_DETECTION_TIMEOUT_SECONDS: "10",
    S3_API: "on",
    S3_PORT: "0",
    S3_ACCESS_KEYS_SECRET_ID,
    ...environment,
  });
  const url = await vi.waitFor(() => listeningAt(router), { timeout: 30_000 });
  const stop = async () => {
    router.child.kill("SIGKILL");
    await router.exited;
    await server.close();
    await controlPlane.close();
    await rm(root, { recursive: true, force: true });
  };
  return { router, url, directory, controlPlane, stop };
}

function listeningAt({ lines }: RouterProcess): string {
  const [url] = lines.flatMap(({ msg }) => /^S3 API listening at (.*)$/.exec(msg)?.slice(1) ?? []);
  if (url === undefined) throw new Error("The S3 API does not listen yet");
  return url;
}
