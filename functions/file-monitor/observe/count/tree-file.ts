/**
 * A tree of directories as bytes: what is kept from one count to the next.
 *
 * First the names of format and file system, then the columns of the tree, each with its length in front; all of it
 * compressed with gzip, whose checksum tells of damage. The directories are in breadth-first order, so that the number
 * of directories in each says where they are. Numbers are LEB128; of numbers of 64 bits all first bytes come first, then
 * all second ones, and so on: the high ones hardly differ, and take next to nothing.
 */
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { MAX_FILE_HANDLE_SIZE } from "nfs-client/wire";
import * as z from "zod";
import type { KeptTree } from "./count-tree.ts";
import { DirectoryTree, ROOT } from "./directory-tree.ts";

/** What a tree is of. One of another file system, or read in another way, is of no use. */
export interface TreeSource {
  readonly fileSystemId: string;
  /** Path inside the file system. */
  readonly directory: string;
  /** Marks and handles are those of a mount, or of NFS. */
  readonly via: "mount" | "nfs";
}

/** The bytes are no tree, or another one: the message says why. */
export class TreeFileError extends Error {
  override readonly name = "TreeFileError";
}

const VERSION = 2;

const headerSchema = z.object({
  version: z.literal(VERSION),
  source: z.object({ fileSystemId: z.string(), directory: z.string(), via: z.enum(["mount", "nfs"]) }),
  startedAt: z.number(),
  readAllAt: z.number(),
  size: z.int().min(1),
});

type Header = z.infer<typeof headerSchema>;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** The fastest one: the columns are made for it. */
const COMPRESSION = { level: 1 };
/** Of a tree of 40 million directories, which is more than the function's memory holds. */
const MAX_BYTES = 2 ** 31 - 1;
const MAX_HEADER_BYTES = 4096;

/** How many values {@link flagsOf} has. */
const FLAGS = 4;

export async function encodeTree(source: TreeSource, saved: KeptTree): Promise<Buffer> {
  const { tree, startedAt, readAllAt } = saved;
  const header: Header = { version: VERSION, source, startedAt, readAllAt, size: tree.size };
  const order = breadthFirst(tree);
  const columns = [
    Buffer.from(JSON.stringify(header)),
    numbers(order, (directory) => tree.childCount(directory)),
    numbers(order, (directory) => tree.files(directory) * FLAGS + flagsOf(tree, directory)),
    longs(order, (directory) => tree.mark(directory)),
    longs(order, (directory) => tree.id(directory)),
    strings(order, (directory) => tree.nameBytes(directory)),
    strings(order, (directory) => tree.handle(directory) ?? Buffer.of()),
  ];
  return await compress(Buffer.concat(columns.flatMap((column) => [lengthOf(column), column])), COMPRESSION);
}

/** @throws {TreeFileError} when it is damaged, of another version, or of something else than `source`. */
export async function decodeTree(bytes: Uint8Array, source: TreeSource): Promise<KeptTree> {
  try {
    const columns = splitColumns(await decompress(bytes, { maxOutputLength: MAX_BYTES }));
    const { size, startedAt, readAllAt, source: found } = readHeader(columns.next());
    for (const part of ["fileSystemId", "directory", "via"] as const) {
      if (found[part] !== source[part]) throw new TreeFileError(`It is of ${part} ${found[part]}, not ${source[part]}`);
    }
    const children = readNumbers(columns.next(), size);
    const files = readNumbers(columns.next(), size);
    const marks = readLongs(columns.next(), size);
    const ids = readLongs(columns.next(), size);
    const names = readStrings(columns.next(), size);
    const handles = readStrings(columns.next(), size);
    return { tree: buildTree({ size, children, files, marks, ids, names, handles }), startedAt, readAllAt };
  } catch (cause) {
    if (cause instanceof TreeFileError) throw cause;
    throw new TreeFileError(`It is damaged: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

interface Columns {
  readonly size: number;
  readonly children: Float64Array;
  readonly files: Float64Array;
  readonly marks: BigUint64Array;
  readonly ids: BigUint64Array;
  readonly names: Iterator<Buffer>;
  readonly handles: Iterator<Buffer>;
}

function buildTree({ size, children, files, marks, ids, names, handles }: Columns): DirectoryTree {
  const tree = new DirectoryTree();
  next(names);
  for (let directory = ROOT; directory < size; directory++) {
    if (directory >= tree.size) throw new TreeFileError("It is damaged: a directory is in none");
    const handle = next(handles);
    if (handle.length > MAX_FILE_HANDLE_SIZE) throw new TreeFileError("It is damaged: a handle is too long");
    const filesAndFlags = files[directory] ?? 0;
    tree.set(directory, {
      files: Math.floor(filesAndFlags / FLAGS),
      settled: filesAndFlags % 2 === 1,
      checked: filesAndFlags % FLAGS >= 2,
      mark: marks[directory] ?? 0n,
      id: ids[directory] ?? 0n,
      handle: handle.length === 0 ? undefined : handle,
    });
    const count = children[directory] ?? 0;
    if (tree.size + count > size) throw new TreeFileError("It is damaged: there are more directories than it says");
    if (count > 0)
      tree.addChildren(
        directory,
        Array.from({ length: count }, () => next(names).toString("latin1")),
      );
  }
  return tree;
}

function flagsOf(tree: DirectoryTree, directory: number): number {
  return (tree.isSettled(directory) ? 1 : 0) + (tree.isChecked(directory) ? 2 : 0);
}

/** The directories level by level. In this order, those in a directory follow those in the one before it. */
function breadthFirst(tree: DirectoryTree): Uint32Array {
  const order = new Uint32Array(tree.size);
  let found = 1;
  for (const directory of order) {
    const first = tree.firstChild(directory);
    for (let child = first; child < first + tree.childCount(directory); child++) order[found++] = child;
  }
  return order;
}

function readHeader(column: Buffer): Header {
  if (column.length > MAX_HEADER_BYTES) throw new TreeFileError("It is damaged: its header is too long");
  const result = headerSchema.safeParse(JSON.parse(column.toString()));
  if (!result.success) throw new TreeFileError(`It is of another version: ${z.prettifyError(result.error)}`);
  return result.data;
}

function lengthOf(column: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(column.length);
  return length;
}

function splitColumns(bytes: Buffer): { next(): Buffer } {
  let at = 0;
  return {
    next() {
      const start = at + 4;
      at = start + bytes.readUInt32LE(at);
      if (at > bytes.length) throw new TreeFileError("It is damaged: it ends too soon");
      return bytes.subarray(start, at);
    },
  };
}

const MAX_NUMBER_BYTES = 8;

class NumberWriter {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  number(value: number): void {
    this.#reserve(MAX_NUMBER_BYTES);
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#length + count));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function numbers(order: Uint32Array, of: (directory: number) => number): Buffer {
  const writer = new NumberWriter();
  for (const directory of order) writer.number(of(directory));
  return writer.written();
}

function readNumbers(column: Buffer, size: number): Float64Array {
  const reader = new NumberReader(column);
  if (size > column.length) throw new TreeFileError("It is damaged: a column is too short");
  const values = new Float64Array(size);
  for (let index = 0; index < size; index++) values[index] = reader.number();
  return values;
}

class NumberReader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    let value = 0;
    for (let scale = 1, byte = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = this.#bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw new TreeFileError("It is damaged: a number is too large");
    }
    return value;
  }

  bytes(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw new TreeFileError("It is damaged: a name is too long");
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
}

const LONG_BYTES = 8;

function longs(order: Uint32Array, of: (directory: number) => bigint): Buffer {
  const column = Buffer.allocUnsafe(order.length * LONG_BYTES);
  const long = Buffer.alloc(LONG_BYTES);
  for (const [index, directory] of order.entries()) {
    long.writeBigUInt64LE(of(directory));
    for (let byte = 0; byte < LONG_BYTES; byte++) column[byte * order.length + index] = long[byte] ?? 0;
  }
  return column;
}

function readLongs(column: Buffer, size: number): BigUint64Array {
  if (column.length !== size * LONG_BYTES) throw new TreeFileError("It is damaged: a column has another length");
  const values = new BigUint64Array(size);
  const long = Buffer.alloc(LONG_BYTES);
  for (let index = 0; index < size; index++) {
    for (let byte = 0; byte < LONG_BYTES; byte++) long[byte] = column[byte * size + index] ?? 0;
    values[index] = long.readBigUInt64LE();
  }
  return values;
}

/** Each with how many bytes it has in common with the start of the one before. */
function strings(order: Uint32Array, of: (directory: number) => Buffer): Buffer {
  const writer = new NumberWriter();
  let before: Buffer = Buffer.of();
  for (const directory of order) {
    const bytes = of(directory);
    const common = commonStart(before, bytes);
    writer.number(common);
    writer.number(bytes.length - common);
    writer.bytes(bytes.subarray(common));
    before = bytes;
  }
  return writer.written();
}

function* readStrings(column: Buffer, size: number): Generator<Buffer, undefined> {
  const reader = new NumberReader(column);
  let before = Buffer.of();
  for (let index = 0; index < size; index++) {
    const common = reader.number();
    if (common > before.length) throw new TreeFileError("It is damaged: a name begins like none before it");
    before = Buffer.concat([before.subarray(0, common), reader.bytes(reader.number())]);
    yield before;
  }
}

function next(strings: Iterator<Buffer>): Buffer {
  const { value, done } = strings.next();
  if (done === true) throw new TreeFileError("It is damaged: a name is missing");
  return value;
}

function commonStart(a: Buffer, b: Buffer): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length += 1;
  return length;
}
