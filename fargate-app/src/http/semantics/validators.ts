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

export function validatorsOf(attributes: Pick<FileAttributes, "fileId" | "change" | "modifiedAt">): Validators {
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

const DAY_NAMES = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/**
 * An HTTP-date in one of its three forms (RFC 9110 §5.6.7) as milliseconds since 1970, or undefined for what is none.
 * Date.parse takes much more, and makes other times of it.
 */
export function parseHttpDate(text: string, now = Date.now()): number | undefined {
  const preferred = fromRfc850(text, now) ?? fromAsctime(text) ?? text;
  const time = Date.parse(preferred);
  return !Number.isNaN(time) && new Date(time).toUTCString() === preferred ? time : undefined;
}

/** `Sunday, 06-Nov-94 08:49:37 GMT`: the year is at most 50 years from now, else it is of the century before. */
function fromRfc850(text: string, now: number): string | undefined {
  const [, day, date, month, year, time] =
    /^([A-Z][a-z]{2})(?:|s|nes|rs|ur)day, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d:\d\d:\d\d) GMT$/.exec(text) ?? [];
  if (day === undefined || !DAY_NAMES.includes(day)) return undefined;
  const thisYear = new Date(now).getUTCFullYear();
  const century = thisYear - (thisYear % 100);
  const latest = [century + 100, century, century - 100].map((start) => start + Number(year));
  return `${day}, ${date} ${month} ${latest.find((each) => each <= thisYear + 50)} ${time} GMT`;
}

/** `Sun Nov  6 08:49:37 1994` */
function fromAsctime(text: string): string | undefined {
  const [, day, month, date, time, year] =
    /^([A-Z][a-z]{2}) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d) (\d{4})$/.exec(text) ?? [];
  return date === undefined ? undefined : `${day}, ${date.replace(" ", "0")} ${month} ${year} ${time} GMT`;
}

const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
const ENTITY_TAGS = new RegExp(`^[ \\t,]*${ENTITY_TAG.source}([ \\t]*,[ \\t,]*${ENTITY_TAG.source})*[ \\t,]*$`);

/** The entity tags of a list such as `"a", W/"b"`, with their quotes; what is none is left out. */
export function parseEntityTags(list: string): string[] {
  return list.match(ENTITY_TAG) ?? [];
}

/** Whether that is all there is in the list; `*` is none. */
export function isEntityTagList(text: string): boolean {
  return ENTITY_TAGS.test(text);
}
