/** A proxy in front of a server that makes every round trip longer, in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Bench } from "../row.ts";
import type { Exported } from "./servers.ts";

/**
 * @param program `peers/delay-proxy.c`, compiled.
 * @param milliseconds added to each round trip.
 * @returns the server as it is reached through the proxy.
 */
export async function startDelayProxy(
  { cleanups }: Pick<Bench, "cleanups">,
  program: string,
  server: Exported,
  milliseconds: number,
): Promise<Exported> {
  const oneWay = (milliseconds * 1000) / 2;
  const proxy = spawn(program, [server.host, `${server.port}`, `${oneWay}`], { stdio: ["pipe", "pipe", "inherit"] });
  cleanups.add(async () => {
    if (proxy.exitCode !== null) return;
    proxy.stdin.end();
    await once(proxy, "exit");
  });
  for await (const line of createInterface({ input: proxy.stdout })) return { ...server, port: Number(line) };
  throw new Error(`${program} ended without telling its port`);
}
