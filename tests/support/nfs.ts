/**
 * Clients and servers of NFS as a run of the suites wants them: `NFS_CONNECTIONS` says how many connections a client may
 * have, and `LOCAL_NFS_PROFILE` and `LOCAL_NFS_DIALECT` how servers differ. Without them, they are as the packages have them.
 */
import * as server from "@efs-mount-autoscaling/nfs-server";
import * as client from "nfs-client";
import { expect } from "vitest";
import { dialectOfEnvironment } from "../../local/mount-targets/dialect.ts";
import { CONNECTIONS } from "./connections.ts";

export function connectNfs(options: client.NfsClientOptions): Promise<client.NfsClient> {
  return client.connectNfs({ connections: CONNECTIONS, ...options });
}

export function startNfsServer(options: server.NfsServerOptions): Promise<server.NfsServer> {
  const given = dialectOfEnvironment(process.env);
  return server.startNfsServer({ ...given, ...options, dialect: { ...given.dialect, ...options.dialect } });
}

/** Expects what so many clients may have, each of them: one at least, and no connection that is of no use any more. */
export function expectConnectionsOf(clients: number, connections: readonly number[]): void {
  for (const each of connections) {
    expect(each).toBeGreaterThanOrEqual(clients);
    expect(each).toBeLessThanOrEqual(clients * CONNECTIONS);
  }
}
