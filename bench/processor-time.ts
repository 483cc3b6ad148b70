/** What a process of this machine has taken of its processors. */
import { readFile } from "node:fs/promises";

/** The unit of /proc, which is the same on all machines with Linux (proc(5), sysconf(3)). */
const TICKS_PER_SECOND = 100;

/** Seconds of user and system time since the process began, all its threads together; not a number where there is no /proc. */
export async function processorSeconds(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // Behind the name of the program, which is in parentheses and may have spaces.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [fields?.[11], fields?.[12]].map(Number);
  return ((user ?? Number.NaN) + (system ?? Number.NaN)) / TICKS_PER_SECOND;
}
