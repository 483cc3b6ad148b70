/** Addresses of this machine for mount targets: each its own, all with one port, as on AWS. */
import { once } from "node:events";
import { createServer } from "node:net";
import { platform } from "node:os";

/** An address that this machine cannot listen on. The message says how to add it. */
export class LoopbackAddressError extends Error {
  override readonly name = "LoopbackAddressError";
}

const ATTEMPTS = 20;

/**
 * Finds a port that is free on all the addresses.
 *
 * @throws {LoopbackAddressError} when an address is not one of this machine's.
 */
export async function findCommonPort(addresses: readonly string[]): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await tryPorts(addresses);
    if (port !== undefined) return port;
  }
  throw new Error(`No port was free on ${addresses.join(", ")} in ${ATTEMPTS} attempts`);
}

/** The port that the first address gets, if the others have it free too. */
async function tryPorts(addresses: readonly string[]): Promise<number | undefined> {
  let port = 0;
  const unavailable: string[] = [];
  for (const address of addresses) {
    const result = await listenOnce(address, port);
    if (result === "unavailable") unavailable.push(address);
    else if (result === "in use") return undefined;
    else port = result;
  }
  if (unavailable.length > 0) throw unavailableError(unavailable);
  return port;
}

async function listenOnce(host: string, port: number): Promise<number | "in use" | "unavailable"> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRINUSE") return "in use";
    if (code === "EADDRNOTAVAIL") return "unavailable";
    throw error;
  }
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error("A TCP server has no port");
  return bound.port;
}

function unavailableError(addresses: readonly string[]): LoopbackAddressError {
  const add = platform() === "darwin" ? "ifconfig lo0 alias ADDRESS up" : "ip address add ADDRESS/8 dev lo";
  const commands = addresses.map((address) => `  sudo ${add.replace("ADDRESS", address)}`);
  return new LoopbackAddressError(
    [`This machine cannot listen on ${addresses.join(", ")}. Add what is missing first:`, ...commands].join("\n"),
  );
}
