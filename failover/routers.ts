/** What a region's routers say of their region. They answer without a token. */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { Glimpse } from "./run.ts";

/** Milliseconds for the routers to answer. */
const TIMEOUT = 5_000;

/** Milliseconds between two questions while they take a role up. */
const POLL_INTERVAL = 1_000;

const regionSchema = z.object({ writable: z.boolean(), reason: z.string().default("it does not say why") });

type Routers = Pick<Glimpse, "routersAnswer" | "routersWrite">;

/** @param url Absent where nobody knows it: then nobody answers. */
export async function askRouters(url: string | undefined): Promise<Routers> {
  if (url === undefined) return { routersAnswer: false };
  try {
    const response = await fetch(new URL("/region", url), { signal: AbortSignal.timeout(TIMEOUT) });
    const said = regionSchema.safeParse(await response.json().catch(() => undefined)).data;
    // A load balancer without routers answers, too.
    const routersAnswer = response.status < 500;
    return { routersAnswer, routersWrite: said && (said.writable || { refusal: said.reason }) };
  } catch {
    return { routersAnswer: false };
  }
}

interface WaitOptions {
  /** Milliseconds. */
  readonly timeout: number;
  /** Called before each question but the first. */
  readonly onWait: (seconds: number) => void;
}

/** Asks the routers of a new primary until one takes writes, none answers, or the time is over. */
export async function awaitWrites(url: string | undefined, { timeout, onWait }: WaitOptions): Promise<Routers> {
  const begin = performance.now();
  for (;;) {
    const routers = await askRouters(url);
    const waited = performance.now() - begin;
    if (typeof routers.routersWrite !== "object" || waited > timeout) return routers;
    onWait(waited / 1_000);
    await sleep(POLL_INTERVAL);
  }
}

/**
 * @param pollSeconds Within which all routers read a new role.
 * @returns a sentence on the routers of a new primary.
 */
export function writesInWords({ routersAnswer, routersWrite }: Routers, pollSeconds: number): string {
  if (!routersAnswer) return "Its routers cannot be reached from here: whether they take writes is not known.";
  if (routersWrite === undefined) return "Its routers do not say whether they take writes.";
  if (routersWrite !== true) return `Its routers take no writes yet: ${routersWrite.refusal}.`;
  return `Its routers take writes, all of them within ${pollSeconds} s.`;
}
