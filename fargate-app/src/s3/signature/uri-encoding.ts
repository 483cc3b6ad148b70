/** Text of URLs as Signature Version 4 has it. */
import { encodeName, nameFromUrl } from "nfs-client";
import { S3Error } from "../errors.ts";

/** Percent-encodes all bytes but `A-Za-z0-9-._~` (Signature Version 4, "UriEncode()"). */
export function uriEncode(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text;
  return encodeName(text)
    .toString("latin1")
    .replace(/[^\w.~-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

/** @throws {S3Error} InvalidURI where a `%` is not followed by two hexadecimal digits. */
export function uriDecode(text: string): string {
  const decoded = nameFromUrl(text);
  if (decoded === undefined) throw new S3Error("InvalidURI");
  return decoded;
}
