/**
 * Record marking for RPC over a byte stream (RFC 5531 §11): fragments of a record, each behind a word that holds its
 * length and, in the highest bit, whether it is the last.
 */
import { XdrError, XdrWriter } from "./xdr.ts";

const HEADER = 4;
const LAST_FRAGMENT = 0x8000_0000;

/** Fragments in one record; real peers send one, so this only keeps an endless record of empty ones from hanging us. */
const MAXIMUM_FRAGMENTS = 1024;

/** The header that goes in front of a record sent as one fragment of `length` bytes. */
export function recordHeader(length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER);
  header.writeUInt32BE((LAST_FRAGMENT | length) >>> 0);
  return header;
}

/** What `write` writes, as one record of one fragment, in parts that follow one another. */
export function recordOf(write: (writer: XdrWriter) => void): Buffer[] {
  const writer = new XdrWriter();
  const setHeader = writer.placeholder();
  write(writer);
  setHeader((LAST_FRAGMENT | (writer.length - HEADER)) >>> 0);
  return writer.segments();
}

/** Bytes read at once while it is not known what they are. */
const SCRATCH = 64 * 1024;

/**
 * Cuts a byte stream into records and hands each to `onRecord`.
 *
 * Each record has memory of its own, of its announced length, allocated only up to `maximumLength`. The stream can be
 * {@link push}ed, or read straight to where it belongs: into {@link space}, and then {@link filled}.
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
    if (this.#earlier.length >= MAXIMUM_FRAGMENTS) {
      throw new XdrError(`A record of more than ${MAXIMUM_FRAGMENTS} fragments`);
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
