import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Meter, type MeteredBounds } from "@efs-mount-autoscaling/metering";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { expect, onTestFinished, test } from "vitest";
import { countTree } from "../../../../../functions/file-monitor/observe/count/count-tree.ts";
import { MeteredMount } from "../../../../../functions/file-monitor/observe/count/metered-mount.ts";
import { MountedDirectories } from "../../../../../functions/file-monitor/observe/count/mounted-directories.ts";
import { NfsDirectories } from "../../../../../functions/file-monitor/observe/count/nfs-directories.ts";

const KIBIBYTE = 1024;
const { signal } = new AbortController();
const options = { concurrency: 4, signal, settlingTime: 0 };

const reads = ({ lower, upper }: MeteredBounds) => [lower["metadata-read"], upper["metadata-read"]];

/** A directory with 20 others, each with 40 files. */
async function makeTree(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "metered-"));
  onTestFinished(() => rm(root, { recursive: true }));
  for (let directory = 0; directory < 20; directory++) {
    await mkdir(join(root, `${directory}`));
    for (let file = 0; file < 40; file++) await writeFile(join(root, `${directory}`, `${file}`), "");
  }
  return root;
}

test("a count is metered by the directories that it reads, and a recount by those that it looks at", async () => {
  const root = await makeTree();
  const first = new MeteredMount(new MountedDirectories(root, options));
  const { kept, count } = await countTree(first, options);
  expect(count.files).toBe(800);
  // 4 KiB for the look, 5 for 20 directories, 10 for 40 files; at most, three operations of 4 KiB more.
  const lower = (21 * 4 + 5 + 20 * 10) * KIBIBYTE;
  expect(reads(first.metered)).toEqual([lower, lower + 21 * 3 * 4 * KIBIBYTE]);

  const again = new MeteredMount(new MountedDirectories(root, options));
  expect(await countTree(again, { ...options, kept })).toMatchObject({ directoriesRead: 0 });
  expect(reads(again.metered)).toEqual([21 * 4 * KIBIBYTE, 21 * 8 * KIBIBYTE]);
});

test("the two ways to count are metered alike: what a mount is estimated at is not far from what NFS takes", async () => {
  const root = await makeTree();
  const mount = new MeteredMount(new MountedDirectories(root, options));
  await countTree(mount, options);

  const server = await startNfsServer({ directory: root, durable: false });
  onTestFinished(() => server.close());
  const meter = new Meter();
  const directories = await NfsDirectories.open({
    path: "/",
    hosts: [server.host],
    port: server.port,
    tls: undefined,
    signal,
    onUnusable: () => {},
  });
  expect((await countTree(directories, options)).count.files).toBe(800);
  await directories.close();
  meter.stop();
  const [mountLower = 0, mountUpper = 0] = reads(mount.metered);
  const [nfsLower = 0, nfsUpper = 0] = reads(meter.total);
  // Over NFS, eight directories are read in one COMPOUND.
  expect(nfsLower).toBeLessThan(mountLower);
  expect(nfsUpper).toBeGreaterThan(mountLower / 2);
  expect(nfsUpper).toBeLessThan(2 * mountUpper);
});
