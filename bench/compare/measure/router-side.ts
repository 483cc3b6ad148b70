/** The files through the router's HTTP API, over connections that are kept. */
import { Agent, type IncomingMessage, request } from "node:http";
import type { Side } from "./side.ts";

/** Milliseconds; the router's own limit for an operation is shorter. */
const TIMEOUT = 60_000;

/** @param url the directory of the comparison. */
export function routerSide(url: string): Side {
  const agent = new Agent({ keepAlive: true });

  async function send(method: "GET" | "PUT", name: string, body?: Buffer): Promise<Buffer> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${url}/${name}`, { method, agent, signal: AbortSignal.timeout(TIMEOUT) }, resolve)
        .on("error", reject)
        .end(body);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw new Error(`${method} ${name}: ${status} ${Buffer.concat(chunks)}`);
    return Buffer.concat(chunks);
  }

  return {
    name: "router",
    read: (name) => send("GET", name),
    async replace(name, content) {
      await send("PUT", name, content);
    },
    close: () => agent.destroy(),
  };
}
