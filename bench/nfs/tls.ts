/** Servers over TLS, as mount targets have it, and the TLS end of a client that has none of its own. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { CertificateAuthority } from "../../tests/support/certificates.ts";
import { Stunnel, stunnel } from "../../tests/support/stunnel.ts";
import type { Address } from "../file-service.ts";
import { processorSeconds } from "../processor-time.ts";
import type { Bench } from "../row.ts";
import type { Exported } from "./servers.ts";

/** What a client needs to know of a server that speaks TLS. */
export interface ServerTls {
  /** The one that signed its certificate, as PEM. */
  readonly authority: string;
  readonly serverName: string;
}

export type TlsServer = Exported & { readonly tls: ServerTls };

/** A mount target is addressed by IP, and its certificate has a name such as this. */
export const SERVER_NAME = "fs-1.efs.ap-northeast-1.amazonaws.com";

/**
 * stunnel in front of a server.
 *
 * @returns the server as it is reached through it; undefined when stunnel is not installed, which is noted.
 */
export async function startTlsServer<Server extends Address>(
  { cleanups, note }: Pick<Bench, "cleanups" | "note">,
  server: Server,
): Promise<(Server & { readonly tls: ServerTls }) | undefined> {
  const command = stunnel.find();
  if (command === undefined) {
    note(`Nothing is measured over TLS: ${stunnel.name} is missing (${stunnel.howToGet}).`);
    return undefined;
  }
  const authority = await CertificateAuthority.create();
  const certificate = await authority.issue(SERVER_NAME);
  const front = await Stunnel.start(command, { certificate, host: server.host, connect: server.port });
  cleanups.add(() => front.stop());
  return {
    ...server,
    host: front.host,
    port: front.port,
    tls: { authority: authority.certificate, serverName: SERVER_NAME },
  };
}

/** What the environment of a router has to say of such servers. */
export async function tlsEnvironment(
  { cleanups }: Pick<Bench, "cleanups">,
  { authority, serverName }: ServerTls,
): Promise<Record<string, string>> {
  const folder = await makeTemporaryDirectory("bench-tls-");
  cleanups.add(() => folder.remove());
  const file = join(folder.path, "authority.pem");
  await writeFile(file, authority);
  return { NFS_TLS: "on", NFS_TLS_SERVER_NAME: serverName, NFS_TLS_CA_FILE: file };
}

/** A stunnel client, by which a program reaches a server that speaks TLS as if it did not. */
export interface TlsClient {
  /** The server as the program reaches it. */
  readonly at: Exported;
  /** Since it began. */
  processorSeconds(): Promise<number>;
  stop(): Promise<void>;
}

/** @throws {Error} when stunnel is not installed, without which there is no {@link TlsServer}. */
export async function startTlsClient({ tls: { authority, serverName }, ...server }: TlsServer): Promise<TlsClient> {
  const command = stunnel.find();
  if (command === undefined) throw new Error(`${stunnel.name} is missing (${stunnel.howToGet})`);
  const client = await Stunnel.startClient(command, { connect: server.port, authority, serverName });
  return {
    at: { ...server, host: client.host, port: client.port },
    processorSeconds: () => processorSeconds(client.pid),
    stop: () => client.stop(),
  };
}

/** How a server is reached, as part of a row: what `--only` takes. */
export const TRANSPORTS = ["plain", "tls"] as const;

/** A server over one transport, and what is added to the names of the figures that are measured so. */
export interface Reached {
  readonly server: Exported;
  readonly suffix: string;
}

/** The server over those transports that are wanted. */
export async function overTransports(bench: Bench, server: Exported): Promise<Reached[]> {
  const reached: Reached[] = [];
  if (bench.wants("plain")) reached.push({ server, suffix: "" });
  const tlsServer = bench.wants("tls") ? await startTlsServer(bench, server) : undefined;
  if (tlsServer !== undefined) reached.push({ server: tlsServer, suffix: ", TLS" });
  return reached;
}
