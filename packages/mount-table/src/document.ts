/** Documents in SSM parameters: JSON text, checked at the edge, and written so that equal documents are equal bytes. */
import type * as z from "zod";

/**
 * Reads a document from its JSON text. A byte order mark in front of it is ignored (RFC 8259 §8.1): some editors write
 * one.
 *
 * @param fail Makes the error of a document that is not JSON, or has a field that is missing or wrong.
 */
export function parseDocument<Document>(
  text: string,
  schema: z.ZodType<Document>,
  fail: (reason: string, cause: unknown) => Error,
): Document {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw fail(`is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${fieldName(issue.path)}: ${issue.message}`);
  throw fail(`is not valid: ${problems.join("; ")}`, result.error);
}

/** JSON text in which the keys of every object are sorted. */
export function serializeDocument(document: object): string {
  return JSON.stringify(document, sortKeys);
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function fieldName(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return name.replace(/^\./, "") || "document";
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compare(a, b)));
}
