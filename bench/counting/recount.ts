/**
 * Counts as the file monitor does, one after the other:
 *
 *   recount HOST PORT DIRECTORY
 *
 * Over NFS, or on local disk where HOST is `-`. For each line of standard input it counts once, and prints one JSON
 * object: all of it for `0`; for `1`, what has changed since the count before. What is kept is read and written each time.
 */
import { createInterface } from "node:readline";
import { countTree } from "../../functions/file-monitor/observe/count/count-tree.ts";
import { MountedDirectories } from "../../functions/file-monitor/observe/count/mounted-directories.ts";
import { NfsDirectories } from "../../functions/file-monitor/observe/count/nfs-directories.ts";
import { decodeTree, encodeTree } from "../../functions/file-monitor/observe/count/tree-file.ts";
import { peakMemory } from "../peak-memory.ts";

/** Milliseconds: a tree that was just made or changed must not wait for the two minutes of the stack. */
const SETTLING_TIME = 500;
const CONCURRENCY = 32;

const [, , host = "", port = "", directory = ""] = process.argv;
const { signal } = new AbortController();
const source = { fileSystemId: "fs-bench", directory, via: host === "-" ? "mount" : "nfs" } as const;
let saved: Buffer | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await measure(line === "1" ? saved : undefined))}\n`);
}

async function measure(bytes: Buffer | undefined): Promise<object> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  const kept = bytes && (await decodeTree(bytes, source));
  const directories = await open();
  try {
    const options = { concurrency: CONCURRENCY, signal, kept, settlingTime: SETTLING_TIME };
    const { count, kept: tree, directoriesRead } = await countTree(directories, options);
    saved = await encodeTree(source, { ...tree, readAllAt: 0 });
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const traffic = directories instanceof NfsDirectories ? directories.statistics() : { compounds: 0, bytes: 0 };
    return {
      operations: count.files,
      seconds,
      cpuSeconds: (user + system) / 1e6,
      peakBytes: peakMemory(),
      compounds: traffic.compounds,
      bytesSent: 0,
      bytesReceived: traffic.bytes,
      directories: tree.tree.size,
      directoriesRead,
      keptBytes: saved.length,
    };
  } finally {
    if (directories instanceof NfsDirectories) await directories.close();
  }
}

async function open() {
  if (host === "-") return new MountedDirectories(directory, { concurrency: CONCURRENCY, signal });
  return await NfsDirectories.open({
    path: directory,
    hosts: [host],
    port: Number(port),
    tls: undefined,
    signal,
    onUnusable: (_, reason) => console.error(reason),
  });
}
