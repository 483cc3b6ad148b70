/** The servers that the NFS client's suites run against: each of them keeps the other, and the client, honest. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { describe } from "vitest";
import { GaneshaServer, ganesha, LEASE } from "./ganesha.ts";
import { describeRequiring } from "./requirements.ts";

/** A running NFSv4.1 server, and the directory behind it as this machine sees it. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly directory: string;
  stop(): Promise<void>;
}

/** Runs `suite` once for each kind of server; `start` gives it a fresh one, `kind` names it. */
export function describeEachServer(
  name: string,
  suite: (start: () => Promise<TestServer>, kind: string) => void,
): void {
  const real = "nfs-ganesha";
  describeRequiring([ganesha], `${name} (${real})`, ([command]) => suite(() => GaneshaServer.start(command), real));
  const local = "local NFS server";
  describe(`${name} (${local})`, () => suite(startLocalServer, local));
}

async function startLocalServer(): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "nfs-server-"));
  // No suite looks at what a crash would leave, and a disk that others keep busy takes seconds for a sync.
  const server = await startNfsServer({ directory, host: "127.0.0.1", port: 0, leaseSeconds: LEASE, durable: false });
  return {
    host: server.host,
    port: server.port,
    root: "",
    directory,
    async stop() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
