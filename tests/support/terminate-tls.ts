/** Ends TLS in front of a server of this machine, and keeps the certificates that clients come with. */
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { createServer, type PeerCertificate, type TLSSocket } from "node:tls";
import type { ServerCertificate } from "./certificates.ts";

export async function terminateTls(target: number, { certificate, key }: ServerCertificate) {
  const certificates: PeerCertificate[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false }, (socket) => {
    certificates.push(socket.getPeerCertificate());
    sockets.add(socket);
    const behind = connectTcp(target, "127.0.0.1");
    socket.pipe(behind).pipe(socket);
    socket.on("error", () => behind.destroy()).on("close", () => behind.destroy());
    behind.on("error", () => socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    certificates,
    cut,
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
