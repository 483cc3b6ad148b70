/** The conditions of S3's requests: those of HTTP, in S3's words. */
import { evaluate } from "../../http/semantics/preconditions.ts";
import { validatorsOf } from "../../http/semantics/validators.ts";
import { S3Error } from "../errors.ts";
import { etagOfObject, type StoredObject } from "./stored-object.ts";

/** What a write is to find. */
export type ObjectCondition = "absent" | { readonly etag: string };

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * The condition of a write, from If-Match or If-None-Match.
 *
 * @throws {S3Error} NotImplemented for what S3 does not have either.
 */
export function writeConditionOf(headers: Headers): ObjectCondition | undefined {
  const match = headers["if-match"]?.toString();
  const noneMatch = headers["if-none-match"]?.toString();
  if (match !== undefined && noneMatch !== undefined) {
    throw new S3Error("NotImplemented", "If-Match and If-None-Match do not go together");
  }
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === "*") return "absent";
    throw new S3Error("NotImplemented", "If-None-Match must be * where an object is written");
  }
  return match === undefined ? undefined : { etag: unquoted(match) };
}

/** @param prefix Of the headers' names: `x-amz-copy-source-` for those about the source of a copy. */
export function verdictOnRead(
  method: "GET" | "HEAD",
  headers: Headers,
  object: StoredObject,
  prefix = "",
): "proceed" | "not-modified" | "failed" {
  const names = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] as const;
  const given = names.flatMap((name): [string, string][] => {
    const value = headers[prefix + name]?.toString();
    return value === undefined ? [] : [[name, name.endsWith("match") ? inQuotes(value) : value]];
  });
  const validators = { ...validatorsOf(object.attributes), etag: `"${etagOfObject(object)}"` };
  return evaluate({ method, headers: Object.fromEntries(given) }, validators);
}

/** Clients send entity tags without their quotes, too. */
function inQuotes(tags: string): string {
  return tags
    .split(",")
    .map((tag) => tag.trim())
    .map((tag) => (tag === "*" || tag.includes('"') ? tag : `"${tag}"`))
    .join(", ");
}

export function unquoted(etag: string): string {
  return etag.trim().replace(/^"(.*)"$/, "$1");
}
