/** The router's bundle with its S3 API, over an NFS server of this machine. */
import { vi } from "vitest";
import { S3_ACCESS_KEYS_SECRET_ID } from "../../local/environments.ts";
import { addS3AccessKeys, type S3AccessKey } from "../../local/initial-deployment.ts";
import type { RouterProcess } from "./router-bundle.ts";
import { type RouterOverDirectory, startRouterOverDirectory } from "./router-over-directory.ts";

export const ACCESS_KEY = { accessKeyId: "AKIATESTTESTTESTTEST", secretAccessKey: "secret".repeat(7) };

export interface S3Router extends RouterOverDirectory {
  /** Of the S3 API. */
  readonly url: string;
}

/** @param environment Variables of the router besides. */
export async function startS3Router(
  accessKeys: readonly S3AccessKey[] = [ACCESS_KEY],
  environment: Record<string, string> = {},
): Promise<S3Router> {
  const started = await startRouterOverDirectory(
    { S3_API: "on", S3_PORT: "0", S3_ACCESS_KEYS_SECRET_ID, ...environment },
    (controlPlane) => controlPlane.update((state, aws) => addS3AccessKeys(state, accessKeys, aws)),
  );
  return { ...started, url: await vi.waitFor(() => listeningAt(started.router), { timeout: 60_000 }) };
}

function listeningAt({ lines }: RouterProcess): string {
  const [url] = lines.flatMap(({ msg }) => /^S3 API listening at (.*)$/.exec(msg)?.slice(1) ?? []);
  if (url === undefined) throw new Error("The S3 API does not listen yet");
  return url;
}
