/** READ, WRITE and COMMIT (RFC 8881 §18.22, §18.32, §18.3). */
import { mutation, type Operation, query } from "../compound.ts";
import { Op, StableHow, VERIFIER_SIZE } from "../constants.ts";
import { type Stateid, writeStateid } from "../data-types.ts";
import type { XdrReader } from "../xdr.ts";

export interface ReadResult {
  readonly endOfFile: boolean;
  /** A view into the message. */
  readonly data: Buffer;
}

export interface ReadRange {
  readonly offset: number;
  readonly length: number;
}

export function read(stateid: Stateid, { offset, length }: ReadRange): Operation<ReadResult> {
  return query(
    Op.READ,
    (writer) => {
      writeStateid(writer, stateid);
      writer.uint64(offset).uint32(length);
    },
    (reader) => ({ endOfFile: reader.bool(), data: reader.opaque(length) }),
  );
}

export interface WriteResult {
  readonly count: number;
  /** The data survives a restart of the server; else only after a COMMIT with the same verifier. */
  readonly durable: boolean;
  readonly verifier: bigint;
}

export interface WriteRequest {
  readonly offset: number;
  /** In consecutive parts, which are not copied. */
  readonly data: readonly Uint8Array[];
  /** Wait until the data is on stable storage. */
  readonly durable: boolean;
}

export function write(stateid: Stateid, { offset, data, durable }: WriteRequest): Operation<WriteResult> {
  return mutation(
    Op.WRITE,
    (writer) => {
      writeStateid(writer, stateid);
      writer.uint64(offset).uint32(durable ? StableHow.FILE_SYNC : StableHow.UNSTABLE);
      writer.opaqueParts(data);
    },
    (reader) => ({
      count: reader.uint32(),
      durable: reader.uint32() === StableHow.FILE_SYNC,
      verifier: readVerifier(reader),
    }),
  );
}

/** Makes all earlier WRITEs durable whose verifier is the one that it returns. */
export function commit(): Operation<bigint> {
  return mutation(Op.COMMIT, (writer) => writer.uint64(0).uint32(0), readVerifier);
}

function readVerifier(reader: XdrReader): bigint {
  return reader.fixedOpaque(VERIFIER_SIZE).readBigUInt64BE();
}
