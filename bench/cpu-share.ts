/** Holds processes to a share of a core, by control groups of Linux: of version 2 (cpu.max), or 1 (cpu.cfs_quota_us). */
import { access, mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "nfs-client";
import type { Bench } from "./row.ts";

/** Microseconds. So short that a process which has used its share soon goes on. */
const PERIOD = 20_000;

interface Hierarchy {
  readonly root: string;
  /** Allows the groups of a folder to use so many microseconds in each {@link PERIOD}. */
  readonly limit: (group: string, quota: number) => Promise<void>;
}

const VERSION_2: Hierarchy = {
  root: "/sys/fs/cgroup",
  limit: (group, quota) => writeFile(join(group, "cpu.max"), `${quota} ${PERIOD}`),
};

const VERSION_1: Hierarchy = {
  root: "/sys/fs/cgroup/cpu",
  limit: async (group, quota) => {
    await writeFile(join(group, "cpu.cfs_period_us"), `${PERIOD}`);
    await writeFile(join(group, "cpu.cfs_quota_us"), `${quota}`);
  },
};

/** Holds each of the processes to a share of a core of its own, from 0 to 1, until the row is over. */
type HoldToShare = (pids: readonly number[], share: number) => Promise<void>;

/** @returns undefined when the control groups of the machine cannot be written, which is noted. */
export async function cpuShares({
  cleanups,
  note,
}: Pick<Bench, "cleanups" | "note">): Promise<HoldToShare | undefined> {
  const { root, limit } = (await exists(join(VERSION_1.root, "cpu.cfs_quota_us"))) ? VERSION_1 : VERSION_2;
  const makeGroup = async (name: string, share: number): Promise<string> => {
    const group = join(root, `bench-${process.pid}-${name}`);
    await mkdir(group);
    cleanups.add(() => rmdir(group));
    await limit(group, Math.round(share * PERIOD));
    return group;
  };
  try {
    await makeGroup("trial", 1);
  } catch (error) {
    note(`Skipped: the control groups of this machine cannot be written (${messageOf(error)}).`);
    return undefined;
  }
  return async (pids, share) => {
    for (const pid of pids) {
      const group = await makeGroup(String(pid), share);
      await writeFile(join(group, "cgroup.procs"), `${pid}`);
      // Only an empty group can be removed. The process may have ended by then.
      cleanups.add(() => writeFile(join(root, "cgroup.procs"), `${pid}`).catch(() => {}));
    }
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
