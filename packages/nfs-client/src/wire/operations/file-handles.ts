/**
 * Operations that set, save or return the current file handle (RFC 8881 §18.8, §18.13, §18.19, §18.21, §18.27, §18.28).
 */
import { nothing, type Operation, query } from "../compound.ts";
import { MAX_FILE_HANDLE_SIZE, Op } from "../constants.ts";
import { writeComponent } from "../data-types.ts";

export const putRootFileHandle: Operation<void> = query(Op.PUTROOTFH, nothing, nothing);
export const saveFileHandle: Operation<void> = query(Op.SAVEFH, nothing, nothing);
export const restoreFileHandle: Operation<void> = query(Op.RESTOREFH, nothing, nothing);

export function putFileHandle(handle: Buffer): Operation<void> {
  return query(Op.PUTFH, (writer) => writer.opaque(handle), nothing);
}

export function lookup(name: string): Operation<void> {
  return query(Op.LOOKUP, (writer) => writeComponent(writer, name), nothing);
}

/** Returns the current file handle, as a copy. */
export function getFileHandle(): Operation<Buffer> {
  return query(Op.GETFH, nothing, (reader) => Buffer.from(reader.opaque(MAX_FILE_HANDLE_SIZE)));
}
