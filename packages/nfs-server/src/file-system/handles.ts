/**
 * File handles: which object it is, and the path where it was when the handle was made.
 *
 * The server finds an object it remembers by its identity alone. One it does not remember (after a restart, or because
 * it remembers a bounded number) it finds by the path, and believes it only if the identity matches. So a handle
 * survives a restart, unless the object was renamed since, or the path is longer than a handle can hold: then it is
 * stale.
 */
import { decodeName, encodeName, MAX_FILE_HANDLE_SIZE, nameLength } from "nfs-client/wire";
import { StatusError } from "../status-error.ts";
import type { Identity } from "./inode.ts";

const Form = { WITH_PATH: 1, WITHOUT_PATH: 2 } as const;
const FIXED_LENGTH = 1 + 3 * 8;
const MAX_PATH = MAX_FILE_HANDLE_SIZE - FIXED_LENGTH;

interface DecodedHandle {
  readonly identity: Identity;
  readonly path?: string;
}

export function encodeHandle({ device, number, birth }: Identity, path: string | undefined): Buffer {
  const pathLength = path === undefined ? Number.POSITIVE_INFINITY : nameLength(path);
  const withPath = path !== undefined && pathLength <= MAX_PATH;
  const handle = Buffer.alloc(withPath ? FIXED_LENGTH + pathLength : FIXED_LENGTH);
  handle.writeUInt8(withPath ? Form.WITH_PATH : Form.WITHOUT_PATH);
  handle.writeBigUInt64BE(device, 1);
  handle.writeBigUInt64BE(number, 9);
  handle.writeBigUInt64BE(birth, 17);
  if (withPath) encodeName(path).copy(handle, FIXED_LENGTH);
  return handle;
}

/** A handle as it is sent: in a dialect with long ones, zeros follow it up to the length that the protocol allows. */
export function padHandle(handle: Buffer, { longFileHandles }: { readonly longFileHandles: boolean }): Buffer {
  return longFileHandles ? Buffer.concat([handle], MAX_FILE_HANDLE_SIZE) : handle;
}

/** The handle before {@link padHandle}: no path ends with a zero. */
export function trimHandle(handle: Buffer): Buffer {
  let end = handle.length;
  while (end > FIXED_LENGTH && handle[end - 1] === 0) end--;
  return handle.subarray(0, end);
}

/** @throws {StatusError} NFS4ERR_BADHANDLE when no server of this kind made it. */
export function decodeHandle(handle: Buffer): DecodedHandle {
  const form = handle.length >= FIXED_LENGTH ? handle.readUInt8() : undefined;
  if (form !== Form.WITH_PATH && (form !== Form.WITHOUT_PATH || handle.length !== FIXED_LENGTH)) {
    throw new StatusError("NFS4ERR_BADHANDLE");
  }
  const identity = {
    device: handle.readBigUInt64BE(1),
    number: handle.readBigUInt64BE(9),
    birth: handle.readBigUInt64BE(17),
  };
  return form === Form.WITH_PATH ? { identity, path: decodePath(handle.subarray(FIXED_LENGTH)) } : { identity };
}

function decodePath(bytes: Buffer): string {
  const path = decodeName(bytes);
  const isProper = path === "" || path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
  if (!isProper || path.includes("\0")) throw new StatusError("NFS4ERR_BADHANDLE");
  return path;
}
