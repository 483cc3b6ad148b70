/** COMPOUND: many operations in one request (RFC 8881 §16.2). */
import { ProtocolError, statusError } from "../errors.ts";
import { MAX_OPAQUE_SIZE, MINOR_VERSION, type StatusName, statusCode, statusName } from "./constants.ts";
import { type AuthSys, Procedure, readReplyHeader, recordOf, writeCallHeader } from "./rpc.ts";
import { XdrError, type XdrReader, type XdrWriter } from "./xdr.ts";

/** One operation of a COMPOUND: how its arguments are written, and how its result is read. */
export interface Operation<Result> {
  readonly code: number;
  /** It changes something on the server: a COMPOUND that got past it must not simply be retried. */
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

export type Operations = readonly Operation<unknown>[];

const OK = statusCode("NFS4_OK");

/** The operation that a COMPOUND stopped at. */
export interface Failure {
  readonly index: number;
  readonly operation: Operation<unknown>;
  readonly code: number;
}

/** The results of the operations that succeeded, and the operation that failed, if one did. */
export class CompoundReply {
  readonly #operations: Operations;
  readonly #results: readonly unknown[];
  readonly failure: Failure | undefined;

  constructor(operations: Operations, results: readonly unknown[], failure: Failure | undefined) {
    this.#operations = operations;
    this.#results = results;
    this.failure = failure;
  }

  get succeeded(): boolean {
    return this.failure === undefined;
  }

  /** `NFS4_OK`, or that of the operation it stopped at; the bare number where RFC 8881 has no name for it. */
  get status(): StatusName | number {
    const code = this.failure?.code ?? OK;
    return statusName(code) ?? code;
  }

  /** The COMPOUND stopped with this status. */
  failedWith(...names: StatusName[]): boolean {
    const name = this.failure && statusName(this.failure.code);
    return name !== undefined && names.includes(name);
  }

  /** The first operation failed with NFS4ERR_DELAY, for example because the server is still executing this request. */
  get delayed(): boolean {
    return this.failure?.index === 0 && this.failedWith("NFS4ERR_DELAY");
  }

  /**
   * The first operation, such as SEQUENCE or EXCHANGE_ID, failed for who we are. That says nothing about a file: the
   * server no longer takes requests over this connection. Nothing was executed, and a slot is as it was.
   */
  get unauthorized(): boolean {
    return this.failure?.index === 0 && this.failedWith("NFS4ERR_ACCESS", "NFS4ERR_PERM", "NFS4ERR_WRONG_CRED");
  }

  /** An operation that changes something was done before the COMPOUND stopped. */
  get changedSomething(): boolean {
    return this.#operations.some((operation, index) => operation.mutates && index < this.#results.length);
  }

  /** Whether `operation` was done; never when the COMPOUND did not have it. */
  reached(operation: Operation<unknown>): boolean {
    const index = this.#operations.indexOf(operation);
    return index >= 0 && index < this.#results.length;
  }

  /** The result of `operation`, which must have been done: see {@link reached} and {@link orThrow}. */
  of<Result>(operation: Operation<Result>): Result {
    const index = this.#operations.indexOf(operation);
    if (index < 0 || index >= this.#results.length) throw new ProtocolError("The COMPOUND has no such result");
    // The result at this index was decoded by this very operation.
    return this.#results[index] as Result;
  }

  /**
   * The reply to a part of this COMPOUND, as if that had been sent alone: to `operations`, which are at these indexes. Both
   * are without SEQUENCE, the first operation of every part. `undefined` where the COMPOUND stopped before their end, at
   * none of them.
   */
  part(operations: Operations, indexes: readonly number[]): CompoundReply | undefined {
    const all = [...this.#operations.slice(0, 1), ...operations];
    const places = [0, ...indexes];
    const results = places.filter((index) => index < this.#results.length).map((index) => this.#results[index]);
    if (results.length === places.length) return new CompoundReply(all, results, undefined);
    if (this.failure === undefined) return undefined;
    const index = places.indexOf(this.failure.index);
    const operation = all[index];
    if (operation === undefined) return undefined;
    return new CompoundReply(all, results, { index, operation, code: this.failure.code });
  }

  /** @throws {NfsStatusError | BusyError} when an operation failed. */
  orThrow(path?: string): this {
    if (this.failure !== undefined) throw statusError(this.failure.code, this.failure.operation.code, path);
    return this;
  }
}

/** A call of COMPOUND as a record, in consecutive parts. */
export function encodeCompound(xid: number, credential: AuthSys, operations: Operations): Buffer[] {
  return recordOf((writer) => {
    writeCallHeader(writer, xid, Procedure.COMPOUND, credential);
    const emptyTag = "";
    writer.string(emptyTag).uint32(MINOR_VERSION).uint32(operations.length);
    for (const operation of operations) {
      writer.uint32(operation.code);
      operation.encode(writer);
    }
  });
}

/**
 * Reads the reply to a COMPOUND of `operations`. The reader is behind the xid.
 *
 * @throws {ProtocolError} when it is not such a reply.
 */
export function decodeCompound(reader: XdrReader, operations: Operations): CompoundReply {
  return asProtocolError(() => readCompound(reader, operations, operations.length));
}

/** Reads the result of the first operation of a reply, whatever follows it. */
export function decodeFirstResult(reader: XdrReader, operation: Operation<unknown>): CompoundReply {
  return asProtocolError(() => readCompound(reader, [operation], Number.POSITIVE_INFINITY));
}

function asProtocolError<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof XdrError)
      throw new ProtocolError(`The server's reply is malformed: ${cause.message}`, { cause });
    throw cause;
  }
}

function readCompound(reader: XdrReader, operations: Operations, maximumResults: number): CompoundReply {
  const refusal = readReplyHeader(reader);
  if (refusal !== undefined) throw new ProtocolError(`The server refused the call: ${refusal.reason}`);
  const status = reader.uint32();
  reader.skipOpaque(MAX_OPAQUE_SIZE);
  const count = reader.uint32();
  if (count > maximumResults) throw new XdrError(`${count} results for ${operations.length} operations`);
  const results: unknown[] = [];
  for (const operation of operations) {
    const index = results.length;
    if (index === count) break;
    const code = reader.uint32();
    if (code !== operation.code) throw new XdrError(`Result ${index} is of operation ${code}, not ${operation.code}`);
    const operationStatus = reader.uint32();
    if (operationStatus !== OK) {
      return new CompoundReply(operations, results, { index, operation, code: operationStatus });
    }
    results.push(operation.decode(reader));
  }
  const missing = operations[count];
  if (missing === undefined) return new CompoundReply(operations, results, undefined);
  // The server may refuse a COMPOUND as a whole, for example with NFS4ERR_MINOR_VERS_MISMATCH.
  if (status === OK) throw new XdrError(`${count} results for ${operations.length} operations that all succeeded`);
  return new CompoundReply(operations, results, { index: count, operation: missing, code: status });
}
