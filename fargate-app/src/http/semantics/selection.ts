/** The part of a file that a GET or HEAD selects: all of it, a range, or nothing but a status. */
import type { ReadRange } from "@efs-mount-autoscaling/routed-files";
import type { FileAttributes } from "nfs-client";
import { type ConditionalRequest, evaluate, isConditional, isRangeOfSameVersion } from "./preconditions.ts";
import { type ByteRange, parseRange, resolveRange } from "./range.ts";
import { validatorsOf } from "./validators.ts";

export type Selection = ({ readonly status: 200 | 206 } & ByteRange) | { readonly status: 304 | 412 | 416 };

/** Decides for a file as it is now. */
export function select(request: ConditionalRequest, attributes: FileAttributes): Selection {
  const { method, headers } = request;
  const validators = validatorsOf(attributes);
  const verdict = evaluate(request, validators);
  if (verdict === "failed") return { status: 412 };
  if (verdict === "not-modified") return { status: 304 };
  const requested = method === "GET" ? parseRange(headers.range) : undefined;
  if (requested === undefined || !isRangeOfSameVersion(headers["if-range"]?.toString(), validators)) {
    return { status: 200, start: 0, length: attributes.size };
  }
  const range = resolveRange(requested, attributes.size);
  return range === undefined ? { status: 416 } : { status: 206, ...range };
}

/** What can be read before the attributes are known; undefined when it takes them to decide. */
export function rangeToRead(request: ConditionalRequest): ReadRange | undefined {
  if (isConditional(request)) return undefined;
  const { headers } = request;
  const range = parseRange(headers.range);
  if (range === undefined) return {};
  if ("suffix" in range || headers["if-range"] !== undefined) return undefined;
  const { first, last = Number.POSITIVE_INFINITY } = range;
  // Beyond the end of every file: the response depends on the size only.
  if (!Number.isSafeInteger(first)) return undefined;
  return Number.isSafeInteger(last) ? { start: first, length: last - first + 1 } : { start: first };
}

/** Whether reading `read` gives the bytes of `selected`. */
export function covers({ start = 0, length = Number.POSITIVE_INFINITY }: ReadRange, selected: ByteRange): boolean {
  return start === selected.start && length >= selected.length;
}
