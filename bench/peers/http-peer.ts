/** HTTP servers that ours is compared with, as processes of their own. */
import { setTimeout as sleep } from "node:timers/promises";
import { startProcess } from "../../local/machine/process.ts";
import type { Command } from "../../tests/support/programs.ts";
import type { Bench } from "../row.ts";

const START_TIMEOUT = 10_000;
const STOP_TIMEOUT = 2_000;

export interface HttpPeer {
  readonly name: string;
  readonly command: Command;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it listens. */
  readonly url: string;
}

/** Starts a server, and waits until it answers. It ends with the row. */
export async function startHttpPeer(
  { cleanups }: Pick<Bench, "cleanups">,
  { name, command, environment = {}, url }: HttpPeer,
): Promise<void> {
  const lines: string[] = [];
  const server = startProcess(command, { env: environment, onLine: (line) => lines.push(line) });
  cleanups.add(() => server.stop(STOP_TIMEOUT));
  if (!(await answers(url))) throw new Error(`${name} did not start: ${lines.join("; ")}`);
}

/** Waits until something answers at a URL, whatever it says. */
export async function answers(url: string): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    await response?.arrayBuffer();
    if (response !== undefined) return true;
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
}
