/** The states of a mount target as a router sees it, and what leads from one to the next. */

/**
 * `probing`: being connected to. `connected`: gets requests. `silent`: it answers nothing, and gets no new requests; those
 * in flight wait, until it answers or another target does. `failed`: gets none until the next probe succeeds.
 */
export const TARGET_STATES = ["probing", "connected", "silent", "failed"] as const;

export type TargetState = (typeof TARGET_STATES)[number];

/**
 * `answered`: a probe succeeded. `lost`: a probe failed, or the connection did. `due`: time for the next probe.
 * `silence`: nothing arrives over the connection. `heard`: something does again.
 */
export type TargetEvent = "answered" | "lost" | "due" | "silence" | "heard";

export const FIRST_STATE: TargetState = "probing";

const TRANSITIONS: Readonly<Record<TargetState, Partial<Record<TargetEvent, TargetState>>>> = {
  probing: { answered: "connected", lost: "failed" },
  connected: { lost: "failed", silence: "silent" },
  silent: { heard: "connected", lost: "failed" },
  failed: { due: "probing" },
};

/** @throws {Error} for an event that cannot happen in this state: a defect of the caller. */
export function nextState(state: TargetState, event: TargetEvent): TargetState {
  const next = TRANSITIONS[state][event];
  if (next === undefined) throw new Error(`A mount target that is ${state} cannot be ${event}`);
  return next;
}

const MIN_DELAY = 100;
const MAX_DELAY = 10_000;

/**
 * Milliseconds to wait before the next probe: doubling with every failure in a row, and anything from half to all of
 * that, so that routers do not probe a recovering target in step.
 */
export function probeDelay(failures: number, random = Math.random()): number {
  const longest = Math.min(MAX_DELAY, MIN_DELAY * 2 ** (failures - 1));
  return longest * (0.5 + random / 2);
}
