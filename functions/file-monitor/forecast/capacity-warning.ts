/** Whether the threshold is going to be passed within days: time to add a zone, raise the threshold, or clean up. */
import { forecast, learnFrom } from "./forecast.ts";
import { DAY, type History } from "./history.ts";

/** How long before an operator wants to know. */
export const WARNING_TIME = 7 * DAY;

/**
 * Whether it is likely enough, 10 % or more, that the threshold is passed within {@link WARNING_TIME}. The caller says what
 * follows: with no Availability Zone left, no mount target can be added then.
 *
 * @returns undefined while there is too little history.
 */
export function mayPassWithinWarningTime(history: History, now: number, threshold: number): boolean | undefined {
  const expected = forecast(history, now, WARNING_TIME, learnFrom(history, WARNING_TIME));
  return expected === undefined ? undefined : expected.q90 > threshold;
}
