/** One operation of a COMPOUND: how its arguments are written, and how its result is read. */
import type { XdrReader, XdrWriter } from "../wire/xdr.ts";

export interface Operation<Result> {
  readonly code: number;
  /** It changes something on the server: a COMPOUND that got past it must not simply be sent again. */
  readonly mutates: boolean;
  readonly encode: (writer: XdrWriter) => void;
  /** Reads what follows NFS4_OK. */
  readonly decode: (reader: XdrReader) => Result;
}

/** No arguments, or no result. */
export function nothing(): void {}

/** An operation that leaves the server as it is. */
export function query<Result>(
  code: number,
  encode: Operation<Result>["encode"],
  decode: Operation<Result>["decode"],
): Operation<Result> {
  return { code, mutates: false, encode, decode };
}

/** An operation that changes something on the server. */
export function mutation<Result>(
  code: number,
  encode: Operation<Result>["encode"],
  decode: Operation<Result>["decode"],
): Operation<Result> {
  return { code, mutates: true, encode, decode };
}
