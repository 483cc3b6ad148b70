/** Many writers change files through three routers, which are killed again and again; subscribers follow what they do. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { EventStreamClient, type ServerSentEvent } from "../support/event-stream.ts";
import { type LocalMountTargets, startLocalTargets } from "../support/mount-targets.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { type StandaloneRouter, startStandaloneRouter } from "../support/standalone-router.ts";

const ROUTERS = 3;
const WRITERS = 24;
const CHANGES = rounds(1_500, 100_000);
const KILLS = rounds(2, 40);

/** A change that was acknowledged, as an event has it. */
interface Acknowledged {
  readonly event: string;
  /** Of a write or an append. */
  readonly etag: string | undefined;
  readonly at: number;
}

const counts = {
  changes: 0,
  acknowledged: 0,
  "outcome unknown": 0,
  "routers killed": 0,
  reconnects: 0,
  events: 0,
  duplicates: 0,
  superseded: 0,
  uncertain: 0,
  lost: 0,
  "out of order": 0,
  "last event is not the final state": 0,
  "half of the events within, ms": 0,
  "99 % of the events within, ms": 0,
};

reportAtEnd("change feed", () => counts);

describe("the change feed", () => {
  const random = seededRandom(seed);
  let targets: LocalMountTargets;
  let routers: (StandaloneRouter | undefined)[] = [];

  const start = () => startStandaloneRouter(targets.addresses, { CHANGE_FEED: "on", ROOT_DIRECTORY: "/data" });

  /** Some router that is not being killed. */
  function someRouter(): StandaloneRouter {
    const live = routers.filter((router) => router !== undefined);
    const router = live[Math.floor(random() * live.length)];
    if (router === undefined) throw new Error("There is no router");
    return router;
  }

  beforeAll(async () => {
    targets = await startLocalTargets();
    routers = await Promise.all(Array.from({ length: ROUTERS }, start));
  });

  afterAll(async () => {
    await Promise.all(routers.map((router) => router?.close()));
    await targets?.stop();
  });

  /** Follows all that happens; connects again, at any router, as long as it is not closed. */
  function follow(onEvent: (event: ServerSentEvent) => void) {
    let closed = false;
    let client = new EventStreamClient(`${someRouter().url}/events?prefix=feed/`, { onEvent });
    const { opened } = client;
    const following = (async () => {
      for (;;) {
        await client.ended;
        if (closed) return;
        counts.reconnects += 1;
        const { lastEventId } = client;
        client = new EventStreamClient(`${someRouter().url}/events?prefix=feed/`, { lastEventId, onEvent });
      }
    })();
    const close = async () => {
      closed = true;
      await client.close();
      await following;
    };
    return { opened, close };
  }

  async function killOne(): Promise<void> {
    const index = Math.floor(random() * ROUTERS);
    const victim = routers[index];
    if (victim === undefined) return;
    routers[index] = undefined;
    await victim.close();
    counts["routers killed"] += 1;
    routers[index] = await start();
  }

  test("no acknowledged change is missing, and none is out of order", { timeout: 3_600_000 }, async () => {
    const acknowledged = new Map<string, Acknowledged[]>();
    const uncertain = new Set<string>();
    const events = new Map<string, ServerSentEvent[]>();
    const arrived = new Map<string, number>();
    const follower = follow((event) => {
      const path = event.data.path ?? "";
      counts.events += 1;
      if (event.data.superseded) counts.superseded += 1;
      if (event.event === "uncertain") counts.uncertain += 1;
      const ofPath = events.get(path) ?? [];
      events.set(path, [...ofPath, event]);
      if (event.data.etag !== undefined && !arrived.has(event.data.etag)) arrived.set(event.data.etag, Date.now());
    });
    await follower.opened;

    /** One change after the other, each at any router. */
    const write = async (writer: number) => {
      for (let number = 0; number < CHANGES / WRITERS; number++) {
        const path = `feed/${writer % 5}/${writer}-${Math.floor(number / 20)}`;
        const kind = number % 10 === 9 ? "delete" : number % 3 === 1 ? "append" : "write";
        const { url } = someRouter();
        counts.changes += 1;
        try {
          const response = await send(url, path, kind, `${writer} ${number}`);
          // What a killed router did not record is deleted, or is not.
          if (response.status === 404 && uncertain.has(path)) continue;
          expect(response.ok, `${kind} ${path}: ${response.status}`).toBe(true);
          counts.acknowledged += 1;
          const ofPath = acknowledged.get(path) ?? [];
          const etag = response.headers.get("etag") ?? undefined;
          acknowledged.set(path, [...ofPath, { event: kind, etag, at: Date.now() }]);
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
          counts["outcome unknown"] += 1;
          uncertain.add(path);
        }
      }
    };
    let writing = true;
    const killing = (async () => {
      for (let kill = 0; kill < KILLS && writing; kill++) {
        const until = (counts.changes + CHANGES / (KILLS + 1)) | 0;
        await vi.waitUntil(() => counts.changes >= until || !writing, { timeout: 600_000 });
        if (writing) await killOne();
      }
    })();
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    writing = false;
    await killing;

    const missing = () =>
      [...acknowledged].filter(([path, changes]) => !isSubsequence(changes, events.get(path) ?? []));
    await vi.waitUntil(() => missing().length === 0, { timeout: 60_000, interval: 200 }).catch(() => {});
    await follower.close();

    counts.lost = missing().length;
    for (const [path, changes] of acknowledged) {
      counts["out of order"] += countOutOfOrder(changes, events.get(path) ?? []);
      const last = events
        .get(path)
        ?.filter(({ data }) => !data.superseded)
        .at(-1);
      const state = await fetch(`${someRouter().url}/files/${path}`, { method: "HEAD" });
      const isLast = last?.event === "delete" ? state.status === 404 : state.headers.get("etag") === last?.data.etag;
      if (!isLast && !uncertain.has(path)) counts["last event is not the final state"] += 1;
    }
    const delays = [...acknowledged.values()]
      .flat()
      .flatMap(({ etag, at }) => (etag === undefined ? [] : (arrived.get(etag) ?? at) - at))
      .sort((one, two) => one - two);
    counts["half of the events within, ms"] = delays[delays.length >> 1] ?? 0;
    counts["99 % of the events within, ms"] = delays[Math.floor(delays.length * 0.99)] ?? 0;
    expect(counts).toMatchObject({ lost: 0, "out of order": 0, "last event is not the final state": 0 });
    expect(counts["routers killed"]).toBeGreaterThan(0);
    expect(counts.acknowledged).toBeGreaterThan(0.9 * counts.changes);
  });

  test("of writes at the same time, the last event is the one that stays", { timeout: 120_000 }, async () => {
    const last = new Map<string, ServerSentEvent>();
    const follower = follow((event) => {
      if (!event.data.superseded) last.set(event.data.path ?? "", event);
    });
    await follower.opened;
    const paths = Array.from({ length: rounds(30, 1_000) }, (_, index) => `feed/at-once/${index}`);
    for (const path of paths) {
      const writes = routers.map((router, index) => send(router?.url ?? "", path, "write", `${index}`));
      for (const response of await Promise.all(writes)) expect(response.ok).toBe(true);
    }
    const states = await Promise.all(
      paths.map(async (path) => {
        const response = await fetch(`${someRouter().url}/files/${path}`, { method: "HEAD" });
        return [path, response.headers.get("etag")] as const;
      }),
    );
    for (const [path, etag] of states) {
      await vi.waitFor(() => expect(last.get(path)?.data.etag, path).toBe(etag), { timeout: 60_000 });
    }
    await follower.close();
  });
});

function send(url: string, path: string, kind: "write" | "append" | "delete", body: string): Promise<Response> {
  const target = `${url}/files/${path}`;
  if (kind === "delete") return fetch(target, { method: "DELETE" });
  return kind === "append"
    ? fetch(`${target}?append`, { method: "POST", body })
    : fetch(target, { method: "PUT", body });
}

/** Of a change whose reply from the mount target was lost, only that there was one is known. */
function isSame(change: Acknowledged, { event, data }: ServerSentEvent): boolean {
  return event === "uncertain" || (event === change.event && data.etag === change.etag);
}

/** Whether all changes are among the events, in their order. */
function isSubsequence(changes: readonly Acknowledged[], events: readonly ServerSentEvent[]): boolean {
  let next = 0;
  for (const event of events) {
    const change = changes[next];
    if (change !== undefined && isSame(change, event)) next += 1;
  }
  return next === changes.length;
}

/** Events of changes that an earlier event has overtaken, and that do not say so. Repetitions do not count. */
function countOutOfOrder(changes: readonly Acknowledged[], events: readonly ServerSentEvent[]): number {
  const places = new Map(changes.flatMap(({ etag }, place) => (etag === undefined ? [] : [[etag, place] as const])));
  const seen = new Set<string>();
  let latest = -1;
  let count = 0;
  for (const { data } of events) {
    const { etag, superseded } = data;
    const place = etag === undefined ? undefined : places.get(etag);
    if (etag === undefined || place === undefined) continue;
    if (seen.has(etag)) {
      counts.duplicates += 1;
      continue;
    }
    seen.add(etag);
    if (place < latest && superseded !== true) count += 1;
    latest = Math.max(latest, place);
  }
  return count;
}
