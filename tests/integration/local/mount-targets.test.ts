import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { findCommonPort, LoopbackAddressError } from "../../../local/machine/loopback.ts";
import { startMountTargetServers } from "../../../local/mount-targets/servers.ts";

const ADDRESSES = ["127.0.0.11", "127.0.0.12", "127.0.0.13"];

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function start() {
  const directory = await mkdtemp(join(tmpdir(), "mount-targets-test-"));
  cleanups.push(() => rm(directory, { recursive: true }));
  const port = await findCommonPort(ADDRESSES);
  const printed: string[] = [];
  const servers = startMountTargetServers({ directory, port }, ({ text }) => printed.push(text));
  cleanups.push(() => servers.close());
  return { port, servers, printed };
}

test("each mount target has a server on its own address, which comes and goes by itself", async () => {
  const { port, servers } = await start();
  await servers.start("127.0.0.11");
  await servers.start("127.0.0.12");
  expect(await listens("127.0.0.11", port)).toBe(true);
  expect(await listens("127.0.0.12", port)).toBe(true);
  expect(await listens("127.0.0.13", port)).toBe(false);
  await servers.stop("127.0.0.12");
  expect(await listens("127.0.0.12", port)).toBe(false);
  await servers.close();
  expect(await listens("127.0.0.11", port)).toBe(false);
});

test("a server that cannot start says why, and the others go on", async () => {
  const { port, servers } = await start();
  await servers.start("127.0.0.11");
  const blocker = createServer().listen(port, "127.0.0.12");
  await once(blocker, "listening");
  cleanups.push(async () => blocker.close());
  await expect(servers.start("127.0.0.12")).rejects.toThrow(/127\.0\.0\.12 did not start: .*EADDRINUSE/);
  expect(await listens("127.0.0.11", port)).toBe(true);
});

test("commands to a process that has ended fail at once", async () => {
  const { servers } = await start();
  await servers.close();
  await expect(servers.start("127.0.0.11")).rejects.toThrow(/NFS servers ended/);
});

test("the common port is free on every address", async () => {
  const port = await findCommonPort(ADDRESSES);
  for (const address of ADDRESSES) expect(await listens(address, port)).toBe(false);
  expect(port).toBeGreaterThan(0);
});

test("an address of another machine is refused, with the command that would add it", async () => {
  // 192.0.2.0/24 is for documentation: no machine has it.
  const error = await findCommonPort(["127.0.0.11", "192.0.2.7"]).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LoopbackAddressError);
  expect(String(error)).toMatch(/cannot listen on 192\.0\.2\.7\..*\n.*sudo (ip|ifconfig) .*192\.0\.2\.7/s);
});
