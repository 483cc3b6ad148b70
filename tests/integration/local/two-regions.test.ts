/** Two regions in processes of their own, with the real routers: what an outage ends, and what it leaves. */
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateReplicationConfigurationCommand,
  DescribeMountTargetsCommand,
  UpdateFileSystemProtectionCommand,
} from "@aws-sdk/client-efs";
import { GetParameterCommand } from "@aws-sdk/client-ssm";
import { parseRegionRole } from "@efs-mount-autoscaling/mount-table";
import { connectNfs } from "nfs-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { OSAKA, TOKYO } from "../../../local/account.ts";
import { REGION_PARAMETER_NAME } from "../../../local/environments.ts";
import { startTwoRegions, type TwoRegions } from "../../../local/regions/two-regions.ts";
import { clients } from "../../support/aws-clients.ts";

const targetsSchema = z.object({ targets: z.array(z.object({ ipAddress: z.string(), port: z.number() })) });

let temporary: string;
let regions: TwoRegions | undefined;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "two-regions-test-"));
  vi.stubEnv("TMPDIR", temporary);
  vi.stubEnv("TSX_DISABLE_CACHE", "1");
});
afterEach(async () => {
  await regions?.close();
  regions = undefined;
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true });
});

/** The processes that descend from this one, those that compile TypeScript for it aside. */
function descendants(): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "ppid=,pid=,args="], { encoding: "utf8" }).trim().split("\n");
  const processes = lines.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []);
  const found = new Set([process.pid]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const [, parent, pid, args] of processes) {
      if (found.has(Number(parent)) && !/esbuild|^ps /.test(args ?? "")) found.add(Number(pid));
    }
  }
  found.delete(process.pid);
  return [...found];
}

test("an outage ends all processes of a region at once; it starts again over its files, table, role and replication", async () => {
  const before = descendants();
  const started = await startTwoRegions({
    syncInterval: 200,
    deletionDelay: 0,
    roleLeaseSeconds: 3,
    log: () => {},
    signal: new AbortController().signal,
  });
  regions = started;
  const { home, standby } = started;
  const both = descendants();
  const [tokyo, osaka] = [clients(home.awsUrl), clients(standby.awsUrl)];

  const role = async (ssm: typeof tokyo.ssm) =>
    parseRegionRole((await ssm.send(new GetParameterCommand({ Name: REGION_PARAMETER_NAME }))).Parameter?.Value ?? "");
  expect(await role(tokyo.ssm)).toMatchObject({ role: "primary", region: TOKYO.region, peer: { url: standby.url } });
  expect(await role(osaka.ssm)).toMatchObject({ role: "standby", region: OSAKA.region, peer: { url: home.url } });

  const FileSystemId = OSAKA.fileSystemId;
  const protection = { FileSystemId, ReplicationOverwriteProtection: "DISABLED" } as const;
  await osaka.efs.send(new UpdateFileSystemProtectionCommand(protection));
  const destination = { FileSystemId, Region: OSAKA.region };
  const replication = { SourceFileSystemId: TOKYO.fileSystemId, Destinations: [destination] };
  await tokyo.efs.send(new CreateReplicationConfigurationCommand(replication));
  await vi.waitFor(
    async () => expect((await fetch(`${home.url}/files/file`, { method: "PUT", body: "content" })).ok).toBe(true),
    { timeout: 60_000 },
  );
  const arrived = () => vi.waitFor(async () => expect(await read(standby.url)).toBe("content"), { timeout: 60_000 });
  await arrived();
  // Not only the routers: nobody can write to the destination of a replication.
  await expect(writeThroughMountTarget(standby.url)).rejects.toMatchObject({ status: "NFS4ERR_ROFS" });
  const table = async () =>
    (await tokyo.efs.send(new DescribeMountTargetsCommand({ FileSystemId: TOKYO.fileSystemId }))).MountTargets;
  const targets = await table();

  await home.kill();
  const left = descendants().filter((pid) => !before.includes(pid));
  // One region has its own process, that of its mount targets, its monitor and two routers.
  expect(both.length - before.length).toBeGreaterThanOrEqual(10);
  expect(left.length).toBeLessThanOrEqual(Math.ceil((both.length - before.length) / 2));
  await expect(fetch(home.url)).rejects.toThrow();
  await expect(fetch(home.awsUrl)).rejects.toThrow();
  expect(await read(standby.url)).toBe("content");

  await home.start(new AbortController().signal);
  expect(await read(home.url)).toBe("content");
  expect(await table()).toEqual(targets);
  expect(await role(tokyo.ssm)).toMatchObject({ role: "primary" });
  await vi.waitFor(
    async () => expect((await fetch(`${home.url}/files/file`, { method: "PUT", body: "newer" })).ok).toBe(true),
    { timeout: 60_000 },
  );
  await vi.waitFor(async () => expect(await read(standby.url)).toBe("newer"), { timeout: 60_000 });

  await started.close();
  await vi.waitFor(() => expect(descendants().filter((pid) => !before.includes(pid))).toEqual([]), { timeout: 60_000 });
  expect(await readdir(temporary)).toEqual([]);
}, 180_000);

async function writeThroughMountTarget(url: string): Promise<void> {
  const { targets } = targetsSchema.parse(await (await fetch(`${url}/targets`)).json());
  const { ipAddress, port } = targets[0] ?? { ipAddress: "", port: 0 };
  const client = await connectNfs({ host: ipAddress, port });
  try {
    await client.writeFile("/data/file", Buffer.from("written past the router"));
  } finally {
    await client.close();
  }
}

async function read(url: string): Promise<string> {
  return (await fetch(`${url}/files/file`)).text();
}
