/** The servers that the NFS client's suites run against: each of them keeps the other, and the client, honest. */
import { GaneshaServer, ganesha } from "./ganesha.ts";
import { describeRequiring } from "./requirements.ts";

/** A running NFSv4.1 server, and the directory behind it as this machine sees it. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly directory: string;
  stop(): Promise<void>;
}

/** Runs `suite` once for each kind of server; `start` gives it a fresh one. */
export function describeEachServer(name: string, suite: (start: () => Promise<TestServer>) => void): void {
  describeRequiring([ganesha], `${name} (nfs-ganesha)`, ([command]) => suite(() => GaneshaServer.start(command)));
}
