/** Whether requests stay in the own zone: they leave it at once, and return when its target has been well for a while. */

/** Milliseconds for which the target must have been well. */
export const WELL_FOR = 10_000;

export interface ZoneStay {
  readonly stay: boolean;
  /** Since when the target has been well; undefined while it is not. */
  readonly wellSince: number | undefined;
}

export const FIRST_STAY: ZoneStay = { stay: true, wellSince: undefined };

/** @param now Milliseconds on any clock that does not go back. */
export function nextStay(
  { stay, wellSince = Number.POSITIVE_INFINITY }: ZoneStay,
  well: boolean,
  now: number,
): ZoneStay {
  if (!well) return { stay: false, wellSince: undefined };
  const since = Math.min(wellSince, now);
  return { stay: stay || now - since >= WELL_FOR, wellSince: since };
}
