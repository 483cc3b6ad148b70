/** Addresses of this machine for mount targets: each its own, all with one port, as on AWS. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { platform } from "node:os";

/** An address that this machine cannot listen on. The message says how to add it. */
export class LoopbackAddressError extends Error {
  override readonly name = "LoopbackAddressError";
}

const ATTEMPTS = 100;

/**
 * Below the ports that a kernel gives to whoever asks for any (from 32768 on Linux, from 49152 by RFC 6335): one of those
 * could be another's by the time that it is used.
 */
const PORTS = { first: 20_000, count: 12_000 };

let candidates = randomInt(PORTS.count);

/**
 * Finds a port that is free on all the addresses. No two calls of a process get the same one.
 *
 * @throws {LoopbackAddressError} when an address is not one of this machine's.
 */
export async function findCommonPort(addresses: readonly string[]): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await tryPort(addresses);
    if (port !== undefined) return port;
  }
  throw new Error(`No port was free on ${addresses.join(", ")} in ${ATTEMPTS} attempts`);
}

/** The next candidate, if all addresses have it free. */
async function tryPort(addresses: readonly string[]): Promise<number | undefined> {
  candidates += 1;
  const port = PORTS.first + (candidates % PORTS.count);
  const unavailable: string[] = [];
  for (const address of addresses) {
    const result = await listenOnce(address, port);
    if (result === "unavailable") unavailable.push(address);
    if (result === "in use") return undefined;
  }
  if (unavailable.length > 0) throw unavailableError(unavailable);
  return port;
}

async function listenOnce(host: string, port: number): Promise<"free" | "in use" | "unavailable"> {
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
  server.close();
  await once(server, "close");
  return "free";
}

function unavailableError(addresses: readonly string[]): LoopbackAddressError {
  const add = platform() === "darwin" ? "ifconfig lo0 alias ADDRESS up" : "ip address add ADDRESS/8 dev lo";
  const commands = addresses.map((address) => `  sudo ${add.replace("ADDRESS", address)}`);
  return new LoopbackAddressError(
    [`This machine cannot listen on ${addresses.join(", ")}. Add what is missing first:`, ...commands].join("\n"),
  );
}
