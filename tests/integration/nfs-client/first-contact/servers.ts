/** Mount targets for first contact, and what is left at them when it is over. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dialect, type NfsServer, type Profile, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { onTestFinished, vi } from "vitest";
import { type FirstContactOptions, firstContact } from "../../../../packages/nfs-client/src/first-contact/run.ts";
import { ClientIds } from "../../../../packages/nfs-server/src/state/client-ids.ts";

export interface TestTargets {
  readonly servers: readonly NfsServer[];
  readonly addresses: FirstContactOptions["targets"];
  /** What is in the directory behind them, which has an empty directory `data` to begin with. */
  readonly files: () => Promise<string[]>;
  /** Connections that are open to them, and client records, whoever knows them. */
  readonly state: () => { readonly connections: number; readonly clients: number };
}

/**
 * Mount targets of one file system, which go away with the test.
 *
 * @param bytesPerSecond What goes through each of them. Default: without limit.
 */
export async function startTargets(
  profile: Profile,
  dialect: Partial<Dialect> = {},
  count = 2,
  bytesPerSecond?: number,
): Promise<TestTargets> {
  const made = vi.spyOn(ClientIds.prototype, "take");
  const ended = vi.spyOn(ClientIds.prototype, "release");
  const directory = await mkdtemp(join(tmpdir(), "first-contact-"));
  await mkdir(join(directory, "data"));
  const start = () => startNfsServer({ directory, profile, dialect, durable: false, bytesPerSecond });
  const first = await start();
  const servers = [first, ...(await Promise.all(Array.from({ length: count - 1 }, start)))];
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.close()));
    for (const spy of [made, ended]) spy.mockRestore();
    await rm(directory, { recursive: true });
  });
  const [, ...others] = servers;
  return {
    servers,
    addresses: [addressOf(first), ...others.map(addressOf)],
    files: async () => (await readdir(directory, { recursive: true })).sort(),
    state: () => ({
      connections: servers.reduce((sum, server) => sum + server.statistics().connections, 0),
      clients: made.mock.calls.length - ended.mock.calls.length,
    }),
  };
}

function addressOf({ host, port }: NfsServer) {
  return { host, port };
}

/** First contact in its quick form, as the user of this process. */
export function contact(targets: FirstContactOptions["targets"], options: Partial<FirstContactOptions> = {}) {
  return firstContact({
    targets,
    path: "/data",
    credential: { machineName: "test", uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, gids: [] },
    quick: true,
    timeout: 10_000,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...options,
  });
}
