/** Routers over the mount targets of one file system, as processes of this machine: the bundle that ships. */
import { join } from "node:path";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { createAccount, SUBNETS } from "../local/account.ts";
import { startControlPlane } from "../local/control-plane/server.ts";
import { ssm } from "../local/control-plane/ssm.ts";
import { addS3AccessKeys, type S3AccessKey } from "../local/initial-deployment.ts";
import { findCommonPort } from "../local/machine/loopback.ts";
import { makeTemporaryDirectory } from "../local/machine/temporary-directory.ts";
import { startMountTargetServers } from "../local/mount-targets/servers.ts";
import { type RouterProcess, startRouter, tableOf } from "../tests/support/router-bundle.ts";
import type { Bench } from "./row.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface FileService {
  /** On the disk of this machine: what the routers serve. */
  readonly directory: string;
  /** Of the mount targets, three at most. */
  readonly addresses: readonly Address[];
  /** Ends the server of a mount target, with its connections. */
  stopMountTarget(address: Address): Promise<void>;
  startMountTarget(address: Address): Promise<void>;
  /** What the environment of a program has to say so that it finds mount targets at these addresses. */
  publish(addresses: readonly Address[]): Readonly<Record<string, string>>;
  /** Starts a router over mount targets at these addresses, and waits until it listens. */
  startRouter(addresses: readonly Address[], environment?: Readonly<Record<string, string>>): Promise<RouterProcess>;
}

interface FileServiceOptions {
  readonly mountTargets: number;
  /** The bandwidth of each mount target; unlimited when absent. */
  readonly bytesPerSecond?: number;
  /** Of the routers' S3 API, where they have it on. */
  readonly s3AccessKeys?: readonly S3AccessKey[];
}

export async function startFileService(
  { cleanups }: Pick<Bench, "cleanups">,
  { mountTargets, bytesPerSecond, s3AccessKeys = [] }: FileServiceOptions,
): Promise<FileService> {
  const hosts = SUBNETS.slice(0, mountTargets).map(({ addresses: [host = ""] }) => host);
  const port = await findCommonPort(hosts);
  const fileSystem = await makeTemporaryDirectory("bench-file-system-");
  cleanups.add(() => fileSystem.remove());
  const servers = startMountTargetServers({ directory: fileSystem.path, port, bytesPerSecond }, printTrouble);
  cleanups.add(() => servers.close());
  for (const host of hosts) await servers.start(host);
  const controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  cleanups.add(() => controlPlane.close());
  controlPlane.update((state, aws) => addS3AccessKeys(state, s3AccessKeys, aws));

  let tables = 0;
  const publish = (addresses: readonly Address[]) => {
    tables += 1;
    const parameter = `/bench/table-${tables}`;
    const Value = serializeMountTable(tableOf(addresses));
    controlPlane.update((state, now) => ssm.PutParameter(state, { Name: parameter, Value, Type: "String" }, now).state);
    return { AWS_ENDPOINT_URL: controlPlane.url, SSM_PARAMETER_NAME: parameter, ROOT_DIRECTORY: "/data" };
  };
  return {
    directory: join(fileSystem.path, "data"),
    addresses: hosts.map((host) => ({ host, port })),
    stopMountTarget: ({ host }) => servers.stop(host),
    startMountTarget: ({ host }) => servers.start(host),
    publish,
    startRouter: async (addresses, environment) => {
      // What a router ships with, where suites allow more for the sake of busy machines.
      const router = await startRouter({ ...publish(addresses), MAX_EVENT_LOOP_DELAY_SECONDS: "1", ...environment });
      cleanups.add(() => router.stop());
      if (router.url === "") throw new Error(`The router did not start: ${router.lines.at(-1)?.msg}`);
      return router;
    },
  };
}

function printTrouble({ text }: { readonly text: string }): void {
  console.error(text);
}
