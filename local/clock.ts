/**
 * A clock that goes faster than time does, so that what the monitor decides by hours and days can be watched in seconds.
 *
 * Only clocks are fast: timers, deadlines and the network are as they are. The file system keeps its own time, and a count
 * relies on its changes not looking older than they are: let a fast clock begin so early that it stays behind.
 */
import { z } from "zod";

export const clockSchema = z.object({
  /** What it shows at the time `began`, in milliseconds since 1970. */
  shows: z.number(),
  /** In milliseconds since 1970. */
  began: z.number(),
  /** How many seconds it goes on in a second. */
  speed: z.number().positive(),
});

export type Clock = z.infer<typeof clockSchema>;

/** What the clock shows, in milliseconds since 1970. @param now The time. */
export function timeOn({ shows, began, speed }: Clock, now = Date.now()): number {
  return Math.floor(shows + (now - began) * speed);
}

/** From now on, `Date` of this process goes by the clock. */
export function goBy(clock: Clock): void {
  const { Date: RealDate } = globalThis;
  const now = () => timeOn(clock, RealDate.now());
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
  });
}
