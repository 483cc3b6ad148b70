import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { findCommonPort, LoopbackAddressError } from "../../../local/machine/loopback.ts";
import { dialectOfEnvironment } from "../../../local/mount-targets/dialect.ts";
import type { MountTargetSettings } from "../../../local/mount-targets/messages.ts";
import { startMountTargetServers } from "../../../local/mount-targets/servers.ts";
import { RawSession } from "../nfs-server/driver.ts";

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

async function start(settings: Partial<MountTargetSettings> = {}) {
  const directory = await mkdtemp(join(tmpdir(), "mount-targets-test-"));
  cleanups.push(() => rm(directory, { recursive: true }));
  const port = await findCommonPort(ADDRESSES);
  const printed: string[] = [];
  const servers = startMountTargetServers({ directory, port, ...settings }, ({ text }) => printed.push(text));
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

test("the servers speak the dialect of their settings, and another one while they run", async () => {
  const { port, servers } = await start({ profile: "efs", dialect: { maximumOperations: 5 } });
  await servers.start("127.0.0.11");
  const granted = async () => {
    const session = await RawSession.open({ host: "127.0.0.11", port }, { channel: { maximumOperations: 64 } });
    session.close();
    return session.channel;
  };
  expect(await granted()).toMatchObject({ maximumOperations: 5, maximumRequests: 8 });
  await servers.changeDialect({ maximumOperations: 7 });
  expect(await granted()).toMatchObject({ maximumOperations: 7 });
  await servers.changeDialect({ maximumOperations: 9 }, "127.0.0.11");
  expect(await granted()).toMatchObject({ maximumOperations: 9 });
  await expect(servers.changeDialect({}, "127.0.0.12")).rejects.toThrow(
    "127.0.0.12 did not change dialect: there is none",
  );
  await expect(servers.changeDialect({ maximumSlots: 0 })).rejects.toThrow("maximumSlots is 0");
});

test("all of them stall at once, and refuse connections", async () => {
  const { port, servers } = await start();
  const hosts = ADDRESSES.slice(0, 2);
  for (const host of hosts) await servers.start(host);
  const sessions = await Promise.all(hosts.map((host) => RawSession.open({ host, port })));
  await servers.stall(60_000);
  let answers = 0;
  const requests = sessions.map((session) => session.status([]).then(() => answers++));
  await servers.refuseConnections(60_000, hosts[0]);
  expect(await Promise.all(hosts.map((host) => listens(host, port)))).toEqual([false, true]);
  expect(answers).toBe(0);
  await servers.stall(0, hosts[1]);
  await requests[1];
  expect(answers).toBe(1);
  await servers.stall(0);
  await Promise.all(requests);
  for (const session of sessions) session.close();
});

test("the environment names the dialect, or is told what it may say", () => {
  expect(dialectOfEnvironment({})).toEqual({});
  const environment = { LOCAL_NFS_PROFILE: "efs", LOCAL_NFS_DIALECT: '{"anonymousRead":false}' };
  expect(dialectOfEnvironment(environment)).toEqual({ profile: "efs", dialect: { anonymousRead: false } });
  const wrong: [NodeJS.ProcessEnv, string][] = [
    [{ LOCAL_NFS_PROFILE: "toString" }, "LOCAL_NFS_PROFILE is toString: it must be one of full, efs, strictest"],
    [{ LOCAL_NFS_DIALECT: "{" }, "LOCAL_NFS_DIALECT is {: it must be JSON"],
    [{ LOCAL_NFS_DIALECT: '{"slots":1}' }, '"slots"'],
    [{ LOCAL_NFS_DIALECT: '{"maximumSlots":"1"}' }, "maximumSlots: "],
  ];
  for (const [variables, message] of wrong) expect(() => dialectOfEnvironment(variables)).toThrow(message);
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
