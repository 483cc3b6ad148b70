/** How many writes a region refuses while it hands over: from the freeze until the primary is changed. */
import * as z from "zod";
import type { Side } from "./observation.ts";
import type { Glimpse, World } from "./run.ts";

/** Milliseconds for a region's routers to say how they are. */
const TIMEOUT = 5_000;

/** Characters that their answer may have. */
const MAX_LENGTH = 4_000_000;

const statusSchema = z.object({ ownRegion: z.object({ refusedWrites: z.record(z.string(), z.int()) }) });

/**
 * The writes that all routers of a region together have refused since they started. It is what their status page shows.
 *
 * @throws when they do not say.
 */
export async function readRefusedWrites(url: string, token: string | undefined): Promise<number> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(TIMEOUT)]);
  try {
    const response = await fetch(new URL("/status/events", url), { headers, signal });
    if (response.status === 401) throw new Error("the routers want the API's token, in API_TOKEN");
    if (!response.ok || response.body === null) throw new Error(`the routers answer with status ${response.status}`);
    let text = "";
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      // A blank line ends an event (HTML standard, "Server-sent events").
      const [, data] = /^event: status\ndata: (.*)\n\n/m.exec(text) ?? [];
      if (data !== undefined) return sum(statusSchema.parse(JSON.parse(data)).ownRegion.refusedWrites);
      if (text.length > MAX_LENGTH) throw new Error("the routers' status is too long");
    }
    throw new Error("the routers' status ended early");
  } finally {
    ending.abort();
  }
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** How many there were, or why nobody knows. */
export type RefusedWrites = { readonly count: number } | { readonly unknownBecause: string };

interface Frozen {
  readonly side: Side;
  readonly before: RefusedWrites;
}

/** What an earlier run has left: the change of the primary that it froze writes for is not over. */
function frozenBefore(side: Side, { role }: Glimpse): Frozen | undefined {
  if (role?.refused_writes !== undefined) return { side, before: { count: role.refused_writes } };
  if (role?.role !== "frozen") return undefined;
  return { side, before: { unknownBecause: "the run that froze them could not count them" } };
}

/** Remembers how many there were before writes are frozen: in the role's document, for a later run that goes on. */
export class RefusalCount {
  readonly #read: (side: Side) => Promise<number>;
  #frozen: Frozen | undefined;

  /** @param read Counts those of a region since its routers started. */
  constructor(read: (side: Side) => Promise<number>) {
    this.#read = read;
  }

  /** The same world, whose writes are counted. */
  watch(world: World): World {
    return {
      look: async (side) => {
        const seen = await world.look(side);
        this.#frozen ??= frozenBefore(side, seen);
        return seen;
      },
      act: async (action) => {
        if (action.kind !== "write-role" || action.role.role !== "frozen") return world.act(action);
        this.#frozen ??= { side: action.side, before: await this.#count(action.side) };
        const { before } = this.#frozen;
        const refused_writes = "count" in before ? before.count : undefined;
        return world.act({ ...action, role: { ...action.role, refused_writes } });
      },
    };
  }

  /** Those since the freeze; undefined where nothing was frozen. */
  async refused(): Promise<RefusedWrites | undefined> {
    if (this.#frozen === undefined) return undefined;
    const { side, before } = this.#frozen;
    if (!("count" in before)) return before;
    const after = await this.#count(side);
    // Routers that were replaced meanwhile have begun at 0.
    return "count" in after ? { count: Math.max(0, after.count - before.count) } : after;
  }

  async #count(side: Side): Promise<RefusedWrites> {
    try {
      return { count: await this.#read(side) };
    } catch (error) {
      return { unknownBecause: error instanceof Error ? error.message : String(error) };
    }
  }
}
