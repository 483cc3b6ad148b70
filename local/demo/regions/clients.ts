/** The clients of the demo: each writes its files again and again, to the region that takes writes. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { inParallel } from "../../machine/in-parallel.ts";
import type { Found, Side, Write } from "./ledger.ts";

export type Urls = Readonly<Record<Side, string>>;

const CLIENTS = 8;
const FILES_PER_CLIENT = 40;
/** Milliseconds between two writes of a client, and before it turns to the other region. */
const PAUSE = 10;
const PAUSE_AFTER_REFUSAL = 100;
/** Milliseconds. A client gives up, and turns to the other region, when there is no response. */
const TIMEOUT = 5_000;
const PROBE_INTERVAL = 100;
const READERS = 16;

export class Clients {
  readonly #urls: Urls;
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  readonly #versions = new Map<string, number>();
  /** Every write, in the order of their ends. */
  readonly writes: Write[] = [];
  /** Where the clients' files are. */
  directory = "files";
  /** Where the next write goes first: the region that took the last one. */
  #primary: Side = "home";

  constructor(urls: Urls) {
    this.#urls = urls;
  }

  start(): void {
    for (let client = 0; client < CLIENTS; client++) this.#running.push(this.#write(client));
    // Each region is asked to take writes at all times, whoever is the primary.
    for (const side of ["home", "standby"] as const) this.#running.push(this.#probe(side));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  /** Reads the paths through a region, and says what each holds. */
  async read(side: Side, paths: Iterable<string>, signal: AbortSignal): Promise<Map<string, Found>> {
    const found = new Map<string, Found>();
    await inParallel(signal, READERS, paths, async (path) => {
      found.set(path, await this.#find(side, path));
    });
    return found;
  }

  async #write(client: number): Promise<void> {
    for (let turn = 0; !this.#stopping.signal.aborted; turn++) {
      const side = this.#primary;
      const { outcome } = await this.#put(side, `${this.directory}/${client}/${turn % FILES_PER_CLIENT}.txt`);
      if (outcome !== "acknowledged" && this.#primary === side) this.#primary = otherSide(side);
      await this.#pause(outcome === "acknowledged" ? PAUSE : PAUSE_AFTER_REFUSAL);
    }
  }

  async #probe(side: Side): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#put(side, `probes/${side}.txt`);
      await this.#pause(PROBE_INTERVAL);
    }
  }

  async #put(side: Side, path: string): Promise<Write> {
    const version = (this.#versions.get(path) ?? 0) + 1;
    this.#versions.set(path, version);
    const sentAt = Date.now();
    const outcome = await this.#send(side, path, contentOf(path, version));
    const write = { path, version, side, sentAt, endedAt: Date.now(), outcome };
    this.writes.push(write);
    return write;
  }

  async #send(side: Side, path: string, body: string): Promise<Write["outcome"]> {
    try {
      const response = await fetch(`${this.#urls[side]}/files/${path}`, {
        method: "PUT",
        body,
        signal: AbortSignal.timeout(TIMEOUT),
      });
      await response.arrayBuffer();
      if (response.ok) return "acknowledged";
      return response.status === 403 || response.status === 503 ? "refused" : "unknown";
    } catch {
      return "unknown";
    }
  }

  async #find(side: Side, path: string): Promise<Found> {
    const response = await fetch(`${this.#urls[side]}/files/${path}`, { signal: AbortSignal.timeout(TIMEOUT) });
    const content = await response.text();
    if (response.status === 404) return "missing";
    if (!response.ok) throw new Error(`Reading ${path} in the region ${side}: status ${response.status}: ${content}`);
    const version = Number(/^version (\d+)\n/.exec(content)?.[1]);
    return content === contentOf(path, version) ? version : "damaged";
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

export function otherSide(side: Side): Side {
  return side === "home" ? "standby" : "home";
}

/** From 1 to 8 KiB that no other version of any path has. */
function contentOf(path: string, version: number): string {
  const digest = createHash("sha256").update(`${path} ${version}`).digest("hex");
  return `version ${version}\n${digest.repeat(16 + (version % 8) * 16)}`;
}
