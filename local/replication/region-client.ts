/** Another region, over the loopback network: what region-server.ts answers. */
import { Readable } from "node:stream";
import { z } from "zod";
import { AwsError } from "../control-plane/aws-error.ts";
import type { Change, Destination, Held } from "./replica.ts";
import type { Attributes } from "./tree.ts";

/** The region did not answer. */
export class RegionUnreachableError extends Error {
  override readonly name = "RegionUnreachableError";
}

const TIMEOUT = 10_000;

const errorSchema = z.object({ code: z.string(), message: z.string() });
const sessionSchema = z.object({ session: z.number() });
const heldSchema = z.array(
  z.object({
    path: z.string(),
    kind: z.enum(["directory", "file", "symbolic-link"]),
    mode: z.number(),
    modifiedAt: z.string(),
    digest: z.string().exactOptional(),
  }),
) satisfies z.ZodType<Held[]>;

/** Has another region carry out one of the operations of `betweenRegions`. @throws {RegionUnreachableError} {AwsError} */
export function callRegion(url: string, operation: string, input: object, signal?: AbortSignal): Promise<unknown> {
  return send(`${url}/regions/${operation}`, { method: "POST", ...json(input) }, signal);
}

/** The destination of a replication, in another region. */
export class RemoteReplica implements Destination {
  readonly #url: string;
  readonly #signal: AbortSignal;
  #session = 0;

  constructor(url: string, replicationId: string, signal: AbortSignal) {
    this.#url = `${url}/replications/${replicationId}`;
    this.#signal = signal;
  }

  async begin(): Promise<void> {
    const answer = await send(`${this.#url}/sessions`, { method: "POST" }, this.#signal);
    this.#session = sessionSchema.parse(answer).session;
  }

  async list(): Promise<Held[]> {
    return heldSchema.parse(await send(`${this.#url}/entries`, { method: "GET" }, this.#signal));
  }

  async put(path: string, { mode, modifiedAt }: Attributes, content: Readable): Promise<void> {
    const query = new URLSearchParams({ session: String(this.#session), path, mode: String(mode), modifiedAt });
    const headers = { "content-type": "application/octet-stream" };
    const body = Readable.toWeb(content) as ReadableStream;
    await send(`${this.#url}/files?${query}`, { method: "PUT", headers, body, duplex: "half" }, this.#signal);
  }

  async apply(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    await send(`${this.#url}/changes?session=${this.#session}`, { method: "POST", ...json(changes) }, this.#signal);
  }
}

function json(body: object): RequestInit {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function send(url: string, request: RequestInit, signal?: AbortSignal): Promise<unknown> {
  const timeout = AbortSignal.timeout(TIMEOUT);
  let response: Response;
  let body: string;
  try {
    response = await fetch(url, {
      ...request,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    body = await response.text();
  } catch (cause) {
    throw new RegionUnreachableError(`${new URL(url).host} does not answer`, { cause });
  }
  if (response.ok) return JSON.parse(body);
  const { code, message } = errorSchema.parse(JSON.parse(body));
  throw new AwsError(code, response.status, message);
}
