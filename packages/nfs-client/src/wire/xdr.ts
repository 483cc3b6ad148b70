/** XDR, the External Data Representation of RFC 4506: big-endian words of four bytes, opaques padded to a word. */

/** The bytes do not hold what the protocol says they must. */
export class XdrError extends Error {
  override readonly name = "XdrError";
  readonly code = "ERR_NFS_XDR";
}

const WORD = 4;
/** Bytes that hold most requests without file data. */
const INITIAL_CAPACITY = 512;

/** Opaques at least this long are not copied, but sent from where they are. */
const BY_REFERENCE = 16 * 1024;

const ZEROS = Buffer.alloc(WORD);

function padding(length: number): number {
  return (WORD - (length % WORD)) % WORD;
}

/** Appends XDR values to a growing buffer. Long opaques are kept by reference, so a write's data is never copied. */
export class XdrWriter {
  #buffer: Buffer;
  #position = 0;
  #flushed = 0;
  readonly #segments: Buffer[] = [];
  #flushedBytes = 0;

  constructor(capacity = INITIAL_CAPACITY) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#flushedBytes + this.#position - this.#flushed;
  }

  uint32(value: number): this {
    const at = this.#reserve(WORD);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  int32(value: number): this {
    return this.uint32(value >>> 0);
  }

  bool(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  /** A 64-bit unsigned integer; a number must be a safe integer. */
  uint64(value: bigint | number): this {
    const at = this.#reserve(2 * WORD);
    if (typeof value === "bigint") {
      this.#buffer.writeBigUInt64BE(value, at);
    } else {
      this.#buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
      this.#buffer.writeUInt32BE(value >>> 0, at + WORD);
    }
    return this;
  }

  int64(value: bigint): this {
    return this.uint64(BigInt.asUintN(64, value));
  }

  /** Bytes whose length both sides know. */
  fixedOpaque(bytes: Uint8Array): this {
    this.#append(bytes);
    return this.raw(ZEROS.subarray(0, padding(bytes.length)));
  }

  /** Bytes with their length in front. */
  opaque(bytes: Uint8Array): this {
    return this.uint32(bytes.length).fixedOpaque(bytes);
  }

  /** Bytes in several parts, with their total length in front. */
  opaqueParts(parts: readonly Uint8Array[]): this {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.uint32(length);
    for (const part of parts) this.#append(part);
    return this.raw(ZEROS.subarray(0, padding(length)));
  }

  /** A string as UTF-8, with its length in bytes in front. */
  string(text: string): this {
    const length = Buffer.byteLength(text);
    const pad = padding(length);
    const at = this.#reserve(WORD + length + pad);
    this.#buffer.writeUInt32BE(length, at);
    this.#buffer.write(text, at + WORD, length, "utf8");
    for (let index = 0; index < pad; index++) this.#buffer[at + WORD + length + index] = 0;
    return this;
  }

  /** Bytes that are XDR already. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** Reserves a word for a count that is known only later; the returned function writes it. */
  placeholder(): (value: number) => void {
    const offset = this.length;
    this.uint32(0);
    return (value) => this.#overwrite(offset, value);
  }

  /** All that was written, in order. */
  segments(): Buffer[] {
    this.#flush();
    return this.#segments;
  }

  /** All that was written, as one buffer. */
  toBuffer(): Buffer {
    const segments = this.segments();
    const [only] = segments;
    return segments.length === 1 && only !== undefined ? only : Buffer.concat(segments);
  }

  #overwrite(offset: number, value: number): void {
    let start = 0;
    for (const segment of this.#segments) {
      if (offset < start + segment.length) {
        segment.writeUInt32BE(value, offset - start);
        return;
      }
      start += segment.length;
    }
    this.#buffer.writeUInt32BE(value, this.#flushed + offset - start);
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length < BY_REFERENCE) {
      this.raw(bytes);
      return;
    }
    this.#flush();
    this.#push(asBuffer(bytes));
  }

  #push(segment: Buffer): void {
    this.#segments.push(segment);
    this.#flushedBytes += segment.length;
  }

  #flush(): void {
    if (this.#position === this.#flushed) return;
    this.#push(this.#buffer.subarray(this.#flushed, this.#position));
    this.#flushed = this.#position;
  }

  #reserve(bytes: number): number {
    const at = this.#position;
    const needed = at + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, this.#flushed, this.#flushed, at);
      this.#buffer = larger;
    }
    this.#position = needed;
    return at;
  }
}

/** Reads XDR values from a buffer. Opaques are views into it, not copies. */
export class XdrReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#buffer.length - this.#position;
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(WORD));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(WORD));
  }

  bool(): boolean {
    const value = this.uint32();
    if (value > 1) throw new XdrError(`A boolean is 0 or 1, not ${value}`);
    return value === 1;
  }

  uint64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(2 * WORD));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(2 * WORD));
  }

  /** A 64-bit unsigned integer that is a size or an offset, as a number. */
  size(): number {
    const at = this.#take(2 * WORD);
    const value = this.#buffer.readUInt32BE(at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + WORD);
    if (!Number.isSafeInteger(value)) throw new XdrError(`A size of ${value} bytes is beyond what a number holds`);
    return value;
  }

  fixedOpaque(length: number): Buffer {
    const at = this.#take(length);
    this.#take(padding(length));
    return this.#buffer.subarray(at, at + length);
  }

  /** Passes over bytes that nobody needs: there is no view of them. */
  skipFixedOpaque(length: number): void {
    this.#take(length);
    this.#take(padding(length));
  }

  /** As {@link skipFixedOpaque}, for bytes with their length in front. */
  skipOpaque(maximum: number): void {
    this.skipFixedOpaque(this.#opaqueLength(maximum));
  }

  /** Bytes with their length in front, at most `maximum` of them. */
  opaque(maximum: number): Buffer {
    return this.fixedOpaque(this.#opaqueLength(maximum));
  }

  /**
   * A string of at most `maximum` bytes of UTF-8.
   *
   * @param decodeOther For bytes that may not be UTF-8. By default U+FFFD stands for what is not.
   */
  string(maximum: number, decodeOther?: (bytes: Buffer) => string): string {
    const length = this.#opaqueLength(maximum);
    const at = this.#take(length);
    this.#take(padding(length));
    const text = this.#buffer.toString("utf8", at, at + length);
    if (decodeOther === undefined || !text.includes("\ufffd")) return text;
    return decodeOther(this.#buffer.subarray(at, at + length));
  }

  /** A count of items that follow, of at least `itemSize` bytes each: refused when they cannot be there. */
  count(itemSize: number): number {
    const count = this.uint32();
    if (count * itemSize > this.remaining) {
      throw new XdrError(`${count} items of ${itemSize} bytes or more cannot follow in ${this.remaining} bytes`);
    }
    return count;
  }

  #opaqueLength(maximum: number): number {
    const length = this.uint32();
    if (length > maximum) throw new XdrError(`An opaque of ${length} bytes where at most ${maximum} are allowed`);
    return length;
  }

  #take(bytes: number): number {
    const at = this.#position;
    if (bytes > this.#buffer.length - at) {
      throw new XdrError(`The message ends at byte ${this.#buffer.length}, in the middle of ${bytes} bytes at ${at}`);
    }
    this.#position = at + bytes;
    return at;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
