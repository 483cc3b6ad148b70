/** SHA-256 of paths, as numbers that JavaScript computes with quickly. */
import { hash } from "node:crypto";
import { encodeName } from "nfs-client";

/**
 * The digest of `text` as a string with one character per byte: the fastest form that node:crypto gives out, because a
 * short string is cheaper to make than a Buffer. A path that is not UTF-8 is hashed by its bytes, as others are.
 */
export function sha256(text: string): string {
  return hash("sha256", text.isWellFormed() ? text : encodeName(text), "binary");
}

/** The big-endian 32-bit integer in the four bytes of `digest` that begin at `offset`. */
export function wordAt(digest: string, offset: number): number {
  return (
    (digest.charCodeAt(offset) << 24) |
    (digest.charCodeAt(offset + 1) << 16) |
    (digest.charCodeAt(offset + 2) << 8) |
    digest.charCodeAt(offset + 3)
  );
}

/** The remainder of the whole digest, read as a big-endian integer; exact for divisors below 2^45. */
export function remainder(digest: string, divisor: number): number {
  let rest = 0;
  for (let index = 0; index < digest.length; index++) rest = (rest * 256 + digest.charCodeAt(index)) % divisor;
  return rest;
}
