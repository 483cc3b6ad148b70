/**
 * What the mount targets of one file system have in common: the files, and what is open and locked. Servers of one
 * process that export the same directory share it.
 */
import { randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { VERIFIER_SIZE } from "nfs-client/wire";
import { Tree, type TreeOptions } from "./file-system/tree.ts";
import { ServerState } from "./state/server-state.ts";

export interface SharedFileSystem {
  readonly tree: Tree;
  readonly state: ServerState;
  /** Differs after a restart: unstable writes from before it may be lost (RFC 8881 §18.32.3). */
  readonly writeVerifier: Buffer;
  /** The same for all its servers: what eir_server_scope says, since file handles mean the same through all of them. */
  readonly name: Buffer;
}

interface SharedFileSystemOptions extends TreeOptions {
  /** Seconds after which a client that is not heard of loses its state. */
  readonly leaseSeconds: number;
}

const inUse = new Map<string, { readonly fileSystem: SharedFileSystem; users: number }>();

/**
 * The file system of a directory: the one that is in use already, or a new one with these options. The last user to
 * release it ends all state, as a restart of all mount targets would.
 */
export function acquireFileSystem(
  directory: string,
  options: SharedFileSystemOptions,
): { fileSystem: SharedFileSystem; release: () => void } {
  const path = realpathSync(directory);
  const entry = inUse.get(path) ?? { fileSystem: createFileSystem(path, options), users: 0 };
  inUse.set(path, entry);
  entry.users++;
  return {
    fileSystem: entry.fileSystem,
    release: () => {
      entry.users--;
      if (entry.users > 0) return;
      inUse.delete(path);
      entry.fileSystem.state.close();
    },
  };
}

function createFileSystem(path: string, options: SharedFileSystemOptions): SharedFileSystem {
  const tree = new Tree(path, options);
  const { device, number } = tree.root.identity;
  const name = Buffer.from(`efs-mount-autoscaling:${device}:${number}`);
  return { tree, state: new ServerState(name, options.leaseSeconds), writeVerifier: randomBytes(VERIFIER_SIZE), name };
}
