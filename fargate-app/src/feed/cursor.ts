/** A place in all logs at once, as the id of an event: what comes behind it is what a subscriber has not seen. */

/** Up to where the log of a process was read. */
export interface Position {
  readonly segment: number;
  /** Bytes. */
  readonly offset: number;
}

export interface Cursor {
  /** Of all that was recorded before, nothing comes behind the cursor. Milliseconds since 1970. */
  readonly time: number;
  /** By writer, of all logs, or of {@link MAX_POSITIONS}: those that were written to last. */
  readonly positions: ReadonlyMap<string, Position>;
}

/** A cursor is sent in a header, of which many servers take 8 KiB at most. */
export const MAX_POSITIONS = 400;

/** A text that is no cursor. */
export class CursorError extends Error {
  override readonly name = "CursorError";
}

const RADIX = 36;
const FORM = /^[0-9a-z]{1,9}(~[\w-]{8}\.[0-9a-z]{1,6}\.[0-9a-z]{1,6})*$/;

/** For example `mgt1x2k0~q3J9xQ2a.5.7vk`: letters, digits and `-_.~`. */
export function formatCursor({ time, positions }: Cursor): string {
  const parts = [...positions].map(
    ([writer, { segment, offset }]) => `~${writer}.${segment.toString(RADIX)}.${offset.toString(RADIX)}`,
  );
  return [Math.max(0, Math.floor(time)).toString(RADIX), ...parts].join("");
}

/** @throws {CursorError} */
export function parseCursor(text: string): Cursor {
  if (!FORM.test(text)) throw new CursorError(`${JSON.stringify(text.slice(0, 80))} is not the id of an event`);
  const [time = "", ...parts] = text.split("~");
  const positions = parts.map((part): [string, Position] => {
    const [writer = "", segment = "", offset = ""] = part.split(".");
    return [writer, { segment: Number.parseInt(segment, RADIX), offset: Number.parseInt(offset, RADIX) }];
  });
  return { time: Number.parseInt(time, RADIX), positions: new Map(positions) };
}
