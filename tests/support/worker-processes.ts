/** The workers of a router, as the kernel lists them (proc(5)). */
import { readFile } from "node:fs/promises";
import { type Agent, request } from "node:http";
import { buffer } from "node:stream/consumers";

/** The processes that a process has started and that run. */
export async function childrenOf(pid: number | undefined): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const running = await Promise.all(
    children
      .split(" ")
      .filter(Boolean)
      .map(async (child) => (await runs(child)) && child),
  );
  return running.filter(Boolean).map(Number);
}

async function runs(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return status !== "" && !/\) [ZX] /.test(status);
}

export interface Reply {
  readonly status: number | undefined;
  readonly body: Buffer;
}

interface RequestOptions {
  readonly method?: string;
  readonly body?: string;
  /** Default: a connection of its own, which any worker may get. */
  readonly agent?: Agent;
  readonly headers?: Record<string, string>;
}

/** @throws when the connection is lost before the whole response is there. */
export async function send(url: string, { method, body, agent, headers = {} }: RequestOptions = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ...(method && { method }), agent: agent ?? false, headers }, (response) => {
      buffer(response).then((bytes) => resolve({ status: response.statusCode, body: bytes }), reject);
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}
