/**
 * The digests of a body that its sender gives: Content-Digest and Repr-Digest (RFC 9530), and the obsolete Digest
 * (RFC 3230) and Content-MD5 (RFC 1864). A body is stored as it is sent, so content and representation are the same.
 */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { ProblemError } from "./problem.ts";

interface Digest {
  /** The header that gives it. */
  readonly header: string;
  readonly algorithm: Algorithm;
  readonly value: Buffer;
}

/** The names of the headers' algorithms, and Node's. */
const ALGORITHMS = { md5: "md5", sha: "sha1", "sha-256": "sha256", "sha-512": "sha512" } as const;

type Algorithm = keyof typeof ALGORITHMS;

/** A member of a structured dictionary with a byte sequence as its value (RFC 8941 §3.2), and perhaps parameters. */
const MEMBER = /^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:[ \t]*;.*)?$/;

/** An instance digest (RFC 3230 §4.1.2). */
const INSTANCE_DIGEST = /^([A-Za-z0-9-]+)=([A-Za-z0-9+/]+={0,2})$/;

/**
 * The digests that can be checked.
 *
 * @throws {ProblemError} 400 for a header that is malformed, or that has only digests of unknown algorithms: a sender
 * that gives digests relies on them.
 */
export function digestsOf(headers: IncomingHttpHeaders): Digest[] {
  return [
    ...digestsIn(headers, "content-digest", MEMBER),
    ...digestsIn(headers, "repr-digest", MEMBER),
    ...digestsIn(headers, "digest", INSTANCE_DIGEST),
    ...contentMd5(headers),
  ];
}

function digestsIn(headers: IncomingHttpHeaders, header: string, form: RegExp): Digest[] {
  const value = headers[header]?.toString();
  if (value === undefined) return [];
  const digests = value.split(",").map((member): Digest | undefined => {
    const [, name, digest] = form.exec(member.trim()) ?? [];
    if (name === undefined || digest === undefined) throw malformed(header, value);
    const algorithm = name.toLowerCase();
    return isKnown(algorithm) ? { header, algorithm, value: Buffer.from(digest, "base64") } : undefined;
  });
  const known = digests.filter((digest) => digest !== undefined);
  if (known.length > 0) return known;
  const allowed = Object.keys(ALGORITHMS).join(", ");
  throw new ProblemError(400, `No digest of ${header} can be checked: the algorithms are ${allowed}`);
}

function contentMd5(headers: IncomingHttpHeaders): Digest[] {
  const header = "content-md5";
  const value = headers[header]?.toString();
  if (value === undefined) return [];
  if (!/^[A-Za-z0-9+/]{22}==$/.test(value)) throw malformed(header, value);
  return [{ header, algorithm: "md5", value: Buffer.from(value, "base64") }];
}

/**
 * The same chunks.
 *
 * @throws {ProblemError} 400 behind the last one, when they do not have the digests.
 */
export async function* withDigests(chunks: AsyncIterable<Buffer>, digests: readonly Digest[]): AsyncGenerator<Buffer> {
  const hashes = new Map(digests.map(({ algorithm }) => [algorithm, createHash(ALGORITHMS[algorithm])]));
  for await (const chunk of chunks) {
    for (const hash of hashes.values()) hash.update(chunk);
    yield chunk;
  }
  const actual = new Map([...hashes].map(([algorithm, hash]) => [algorithm, hash.digest()]));
  for (const { header, algorithm, value } of digests) {
    if (!actual.get(algorithm)?.equals(value)) {
      throw new ProblemError(400, `The body does not have the ${algorithm} digest that ${header} gives`);
    }
  }
}

function isKnown(algorithm: string): algorithm is Algorithm {
  return Object.hasOwn(ALGORITHMS, algorithm);
}

function malformed(header: string, value: string): ProblemError {
  return new ProblemError(400, `${header} is malformed: ${JSON.stringify(value)}`);
}
