/** TLS in front of an NFS server, as a mount target has it: it asks clients for their certificate. */
import { once } from "node:events";
import { connect } from "node:net";
import { pipeline } from "node:stream";
import { createServer } from "node:tls";
import type { ServerCertificate } from "../tests/support/certificates.ts";
import type { Address } from "./file-service.ts";
import type { Bench } from "./row.ts";

/** @returns where it listens. */
export async function startTlsFront(
  { cleanups }: Pick<Bench, "cleanups">,
  server: Address,
  { certificate, key }: ServerCertificate,
): Promise<Address> {
  const host = "127.0.0.1";
  // The certificates are of the clients' own making.
  const options = { cert: certificate, key, requestCert: true, rejectUnauthorized: false };
  const front = createServer(options, (client) => {
    const behind = connect(server);
    pipeline(client, behind, () => {});
    pipeline(behind, client, () => {});
  });
  front.listen(0, host);
  await once(front, "listening");
  cleanups.add(async () => front.close());
  const address = front.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has no port");
  return { host, port: address.port };
}
