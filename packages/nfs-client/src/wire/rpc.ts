/** ONC RPC version 2 (RFC 5531): messages, and the records that carry them over TCP. */
import { XdrError, type XdrReader, XdrWriter } from "./xdr.ts";

export const RPC_VERSION = 2;
export const NFS_PROGRAM = 100_003;
export const NFS_VERSION = 4;

/** Procedures of NFS version 4 (RFC 8881 §16). */
export const Procedure = { NULL: 0, COMPOUND: 1 } as const;

export const MessageType = { CALL: 0, REPLY: 1 } as const;
export const ReplyStatus = { ACCEPTED: 0, DENIED: 1 } as const;
export const AcceptStatus = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const;
export const AuthFlavor = { NONE: 0, SYS: 1 } as const;

/** Bytes in the body of a credential or verifier (RFC 5531 §8.2). */
export const MAX_AUTH_BODY_SIZE = 400;

/** AUTH_SYS (RFC 5531 appendix A): who the client says it is. */
export interface AuthSys {
  /** At most 255 bytes. */
  readonly machineName: string;
  readonly uid: number;
  readonly gid: number;
  /** At most 16. */
  readonly gids: readonly number[];
}

/** A user, by numbers, who is in at most 16 further groups. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly gids?: readonly number[] | undefined;
}

export function writeAuthSys(writer: XdrWriter, { machineName, uid, gid, gids }: AuthSys): void {
  writer.uint32(AuthFlavor.SYS);
  const setLength = writer.placeholder();
  const start = writer.length;
  writer.uint32(0).string(machineName).uint32(uid).uint32(gid).uint32(gids.length);
  for (const each of gids) writer.uint32(each);
  setLength(writer.length - start);
}

/** A program that a server has, in one of its versions. */
export interface RpcProgram {
  readonly program: number;
  readonly version: number;
}

const NFS: RpcProgram = { program: NFS_PROGRAM, version: NFS_VERSION };

/** The part of a call in front of its arguments. */
export function writeCallHeader(
  writer: XdrWriter,
  xid: number,
  procedure: number,
  credential: AuthSys | undefined,
  { program, version }: RpcProgram = NFS,
): void {
  writer.uint32(xid).uint32(MessageType.CALL).uint32(RPC_VERSION);
  writer.uint32(program).uint32(version).uint32(procedure);
  if (credential === undefined) writer.uint32(AuthFlavor.NONE).uint32(0);
  else writeAuthSys(writer, credential);
  writer.uint32(AuthFlavor.NONE).uint32(0);
}

/** The call was not executed; `reason` is the name of RFC 5531 for why. */
export interface RpcRefusal {
  readonly reason: string;
}

/** Reads what is between the xid and the results. Returns `undefined` when the results follow. */
export function readReplyHeader(reader: XdrReader): RpcRefusal | undefined {
  const type = reader.uint32();
  if (type !== MessageType.REPLY) return { reason: `message type ${type} where a reply was due` };
  if (reader.uint32() === ReplyStatus.DENIED) return { reason: readDenial(reader) };
  reader.uint32();
  reader.skipOpaque(MAX_AUTH_BODY_SIZE);
  const status = reader.uint32();
  return status === AcceptStatus.SUCCESS ? undefined : { reason: acceptStatusName(status) };
}

function readDenial(reader: XdrReader): string {
  if (reader.uint32() === 0) return "RPC_MISMATCH";
  return `AUTH_ERROR ${reader.uint32()}`;
}

function acceptStatusName(status: number): string {
  const entry = Object.entries(AcceptStatus).find(([, value]) => value === status);
  return entry?.[0] ?? `accept status ${status}`;
}

// Record marking (RFC 5531 §11): a record is sent in fragments. In front of each is a word with its length; the highest
// bit is set for the last fragment of a record.

const HEADER = 4;
const LAST_FRAGMENT = 0x8000_0000;

/** Fragments in one record. Real peers send one; this stops an endless record of empty fragments. */
const MAX_FRAGMENTS = 1024;

/** The header that goes in front of a record sent as one fragment of `length` bytes. */
export function recordHeader(length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER);
  header.writeUInt32BE((LAST_FRAGMENT | length) >>> 0);
  return header;
}

/** What `write` writes, as one record of one fragment, in consecutive parts. */
export function recordOf(write: (writer: XdrWriter) => void): Buffer[] {
  const writer = new XdrWriter();
  const setHeader = writer.placeholder();
  write(writer);
  setHeader((LAST_FRAGMENT | (writer.length - HEADER)) >>> 0);
  return writer.segments();
}

/** Bytes read at once while the length of the next record is not known. */
const SCRATCH = 64 * 1024;

/**
 * Cuts a byte stream into records, and calls `onRecord` with each.
 *
 * Each record gets a buffer of its announced length, which may be `maximumLength` at most. The stream is {@link
 * push}ed, or read straight into the {@link space} of its record, which is then {@link filled}.
 */
export class RecordAssembler {
  readonly #maximumLength: number;
  readonly #onRecord: (record: Buffer) => void;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH);
  readonly #header = Buffer.alloc(HEADER);
  #headerBytes = 0;
  #fragment: Buffer | undefined;
  #fragmentBytes = 0;
  #fragmentIsLast = false;
  #earlier: Buffer[] = [];
  #earlierBytes = 0;

  constructor(maximumLength: number, onRecord: (record: Buffer) => void) {
    this.#maximumLength = maximumLength;
    this.#onRecord = onRecord;
  }

  /** Where the next bytes of the stream are to be put: into their record, once its length is known. */
  space(): Buffer {
    return this.#fragment?.subarray(this.#fragmentBytes) ?? this.#scratch;
  }

  /**
   * `count` bytes are in the {@link space}.
   *
   * @throws {XdrError} when a record is longer than allowed; the stream is useless then.
   */
  filled(count: number): void {
    if (this.#fragment === undefined) {
      this.push(this.#scratch.subarray(0, count));
      return;
    }
    this.#fragmentBytes += count;
    if (this.#fragmentBytes === this.#fragment.length) this.#finish(this.#fragment);
  }

  /** @throws {XdrError} when a record is longer than allowed; the stream is useless then. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#fragment !== undefined) {
        const taken = Math.min(chunk.length - at, this.#fragment.length - this.#fragmentBytes);
        chunk.copy(this.#fragment, this.#fragmentBytes, at, at + taken);
        this.#fragmentBytes += taken;
        at += taken;
        if (this.#fragmentBytes === this.#fragment.length) this.#finish(this.#fragment);
        continue;
      }
      const taken = Math.min(chunk.length - at, HEADER - this.#headerBytes);
      chunk.copy(this.#header, this.#headerBytes, at, at + taken);
      this.#headerBytes += taken;
      at += taken;
      if (this.#headerBytes < HEADER) return;
      this.#headerBytes = 0;
      const length = this.#readHeader();
      if (length <= chunk.length - at) {
        this.#finish(Buffer.from(chunk.subarray(at, at + length)));
        at += length;
      } else {
        this.#fragment = Buffer.allocUnsafe(length);
        this.#fragmentBytes = 0;
      }
    }
  }

  #readHeader(): number {
    const word = this.#header.readUInt32BE();
    this.#fragmentIsLast = word >= LAST_FRAGMENT;
    const length = this.#fragmentIsLast ? word - LAST_FRAGMENT : word;
    if (this.#earlierBytes + length > this.#maximumLength) {
      throw new XdrError(`A record of ${this.#earlierBytes + length} bytes where at most ${this.#maximumLength} fit`);
    }
    if (this.#earlier.length >= MAX_FRAGMENTS) {
      throw new XdrError(`A record of more than ${MAX_FRAGMENTS} fragments`);
    }
    return length;
  }

  #finish(fragment: Buffer): void {
    this.#fragment = undefined;
    if (!this.#fragmentIsLast) {
      this.#earlier.push(fragment);
      this.#earlierBytes += fragment.length;
      return;
    }
    const record = this.#earlier.length === 0 ? fragment : Buffer.concat([...this.#earlier, fragment]);
    this.#earlier = [];
    this.#earlierBytes = 0;
    this.#onRecord(record);
  }
}
