/** One file system behind three mount targets, which the parameter of an account lists, for files without a router. */
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { type MountTable, serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { type EmbeddedFiles, type OpenFilesOptions, openFiles } from "efs-files/embedded";
import { vi } from "vitest";
import { createAccount } from "../../local/account.ts";
import { startControlPlane } from "../../local/control-plane/server.ts";
import { clients } from "./aws-clients.ts";
import { stubAws } from "./aws-environment.ts";
import { type LocalMountTargets, startLocalTargets } from "./mount-targets.ts";
import { tableOf } from "./router-bundle.ts";

export const PARAMETER_NAME = "/efs-mount-autoscaling/mount-targets";

export interface EmbeddedFileSystem {
  readonly targets: LocalMountTargets;
  /** All of the mount targets. */
  readonly table: MountTable;
  publish(table: MountTable): Promise<void>;
  /** What it opens is closed with it. */
  open(options?: OpenFilesOptions): Promise<EmbeddedFiles>;
  close(): Promise<void>;
}

/** The environment is that of a task until it is closed. */
export async function startEmbeddedFileSystem(): Promise<EmbeddedFileSystem> {
  const controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  stubAws(controlPlane.url);
  const targets = await startLocalTargets();
  const table = tableOf(targets.addresses);
  const { ssm } = clients(controlPlane.url);
  const opened: EmbeddedFiles[] = [];
  const publish = async (changed: MountTable) => {
    const Value = serializeMountTable(changed);
    await ssm.send(new PutParameterCommand({ Name: PARAMETER_NAME, Value, Type: "String", Overwrite: true }));
  };
  await publish(table);
  return {
    targets,
    table,
    publish,
    async open(options) {
      // A busy machine may well be silent for as long as the default allows.
      const quiet = { parameterName: PARAMETER_NAME, tls: false, detectionTimeout: 10_000, closeTimeout: 0 };
      const files = await openFiles({ ...quiet, ...options });
      opened.push(files);
      return files;
    },
    async close() {
      await Promise.all(opened.map((files) => files.close()));
      await targets.stop();
      await controlPlane.close();
      vi.unstubAllEnvs();
    },
  };
}
