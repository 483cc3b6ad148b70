/** What the client tells of a file: the attributes it asks for in every COMPOUND (RFC 8881 §5). */
import { toBitmap } from "./wire/bitmap.ts";
import { Attribute, FileTypeCode } from "./wire/protocol.ts";

export type FileType =
  | "file"
  | "directory"
  | "block-device"
  | "character-device"
  | "symbolic-link"
  | "socket"
  | "fifo"
  | "unknown";

export interface FileAttributes {
  readonly type: FileType;
  /** Bytes. */
  readonly size: number;
  /** Differs after every change to the file's data or attributes. */
  readonly change: bigint;
  /** The inode number: the same file has the same one, a replaced file has another. */
  readonly fileId: bigint;
  /** Permission bits. */
  readonly mode: number;
  /** When the data last changed, in milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** A strong validator for the content: the same etag means the same file with the same bytes. */
export function etagOf({ fileId, change }: Pick<FileAttributes, "fileId" | "change">): string {
  return `${fileId.toString(16)}-${change.toString(16)}`;
}

/** The bitmap that asks for all of {@link FileAttributes}. */
export const FILE_ATTRIBUTES = toBitmap([
  Attribute.TYPE,
  Attribute.CHANGE,
  Attribute.SIZE,
  Attribute.FILEID,
  Attribute.MODE,
  Attribute.TIME_MODIFY,
]);

export const FILE_TYPES: Readonly<Record<number, FileType>> = {
  [FileTypeCode.REGULAR]: "file",
  [FileTypeCode.DIRECTORY]: "directory",
  [FileTypeCode.BLOCK_DEVICE]: "block-device",
  [FileTypeCode.CHARACTER_DEVICE]: "character-device",
  [FileTypeCode.SYMBOLIC_LINK]: "symbolic-link",
  [FileTypeCode.SOCKET]: "socket",
  [FileTypeCode.FIFO]: "fifo",
};
