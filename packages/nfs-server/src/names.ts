/** Names of directory entries as clients send them (RFC 8881 §14, §15.1.7). */
import { isUtf8 } from "node:buffer";
import { decodeName, type XdrReader } from "nfs-client/wire";
import type { Dialect } from "./dialect/dialect.ts";
import { MAX_NAME } from "./protocol.ts";
import { StatusError } from "./status-error.ts";

/** Longer ones are not decoded at all; a name between the two limits is told that it is too long. */
const MAX_ON_WIRE = 16 * 1024;

const SLASH = 0x2f;

/** @throws {StatusError} when no entry of a directory can have the name. */
export function readName(args: XdrReader, { utf8Names }: Pick<Dialect, "utf8Names">): string {
  const bytes = args.opaque(MAX_ON_WIRE);
  if (bytes.length === 0) throw new StatusError("NFS4ERR_INVAL");
  if (bytes.length > MAX_NAME) throw new StatusError("NFS4ERR_NAMETOOLONG");
  if (utf8Names && !isUtf8(bytes)) throw new StatusError("NFS4ERR_INVAL");
  if (bytes.includes(SLASH) || bytes.includes(0)) throw new StatusError("NFS4ERR_BADCHAR");
  const name = decodeName(bytes);
  if (name === "." || name === "..") throw new StatusError("NFS4ERR_BADNAME");
  return name;
}
