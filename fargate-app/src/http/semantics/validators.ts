/** What identifies a version of a file in HTTP (RFC 9110 §8.8). */
import { etagOf, type FileAttributes } from "nfs-client";

/** The years 0 to 9999, which is what HTTP-dates and RFC 3339 have. */
const FIRST_TIME = Date.UTC(-1, 12);
const LAST_TIME = Date.UTC(10_000, 0) - 1;

export interface Validators {
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  /** When the file was modified, in whole seconds, as milliseconds since 1970. */
  readonly lastModified: number;
}

export function validatorsOf(attributes: FileAttributes): Validators {
  const modified = modificationDate(attributes).getTime();
  return { etag: `"${etagOf(attributes)}"`, lastModified: Math.floor(modified / 1000) * 1000 };
}

/** The time of a modification; one beyond the years that dates are written with is moved to the nearest of those. */
export function modificationDate({ modifiedAt }: Pick<FileAttributes, "modifiedAt">): Date {
  return new Date(Math.min(Math.max(modifiedAt, FIRST_TIME), LAST_TIME));
}

/** Milliseconds that the clocks of clients, routers and mount targets may differ. */
const MAX_CLOCK_SKEW = 60_000;

/**
 * When the file was modified, as far as a date can tell: a time that is still to come was set by somebody, and does not
 * say it. Then conditions on dates are ignored (RFC 9110 §13.1.3, §13.1.4), or its readers could never write it.
 */
export function modificationTime({ lastModified }: Validators, now = Date.now()): number | undefined {
  return lastModified > now + MAX_CLOCK_SKEW ? undefined : lastModified;
}

/** The value of a Last-Modified header, never later than `now` (RFC 9110 §8.8.2.1). */
export function lastModifiedHeader({ lastModified }: Validators, now = Date.now()): string {
  return new Date(Math.min(lastModified, now)).toUTCString();
}

/** An HTTP-date (RFC 9110 §5.6.7) as milliseconds since 1970, or undefined for what is none. */
export function parseHttpDate(text: string): number | undefined {
  // Date.parse takes much more than HTTP-dates, which all begin with the name of a day.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** The entity tags of a list such as `"a", W/"b"`, with their quotes; what is none is left out. */
export function parseEntityTags(list: string): string[] {
  return list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
}
