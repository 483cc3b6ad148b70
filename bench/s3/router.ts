/** A router with its S3 API, as a process. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { S3_ACCESS_KEYS_SECRET_ID } from "../../local/environments.ts";
import { findCommonPort } from "../../local/machine/loopback.ts";
import type { RouterProcess } from "../../tests/support/router-bundle.ts";
import { startFileService } from "../file-service.ts";
import type { Exported } from "../nfs/servers.ts";
import { answers } from "../peers/http-peer.ts";
import type { Bench } from "../row.ts";
import type { S3Server } from "./requests.ts";

export interface S3Router {
  readonly router: RouterProcess;
  readonly server: S3Server;
  /** Milliseconds that are added to each of its round trips of NFS. */
  readonly delay: number;
}

const BUCKET = "bench";
const ACCESS_KEY = { accessKeyId: "AKIABENCHBENCHBENCH1", secretAccessKey: "secret".repeat(7) };

/** Starts one over this NFS server alone. */
export async function startS3Router(
  bench: Bench,
  { host, port, path, directory }: Exported,
  delay: number,
): Promise<S3Router> {
  await mkdir(join(directory, BUCKET), { recursive: true });
  const service = await startFileService(bench, { mountTargets: 1, s3AccessKeys: [ACCESS_KEY] });
  const s3Port = await findCommonPort(["127.0.0.1"]);
  const router = await service.startRouter([{ host, port }], {
    ROOT_DIRECTORY: path === "" ? "/" : path,
    S3_API: "on",
    S3_PORT: String(s3Port),
    S3_ACCESS_KEYS_SECRET_ID,
  });
  const server = { url: `http://127.0.0.1:${s3Port}`, bucket: BUCKET, accessKey: ACCESS_KEY };
  if (!(await answers(server.url))) throw new Error("The S3 API of the router did not start");
  return { router, server, delay };
}
