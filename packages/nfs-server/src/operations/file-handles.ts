/** Getting from object to object (RFC 8881 §18.8, §18.13, §18.14, §18.19-18.21, §18.27, §18.28). */
import { AuthFlavor, MAX_FILE_HANDLE_SIZE, XdrError, type XdrReader } from "nfs-client/wire";
import type { Compound } from "../compound.ts";
import { padHandle, trimHandle } from "../file-system/handles.ts";
import { requireDirectory } from "../file-system/inode.ts";
import { readName } from "../names.ts";
import { SecinfoStyle } from "../protocol.ts";

export function putRootHandle(compound: Compound): void {
  compound.setCurrent(compound.tree.root);
}

export async function putHandle(compound: Compound, args: XdrReader): Promise<void> {
  const handle = trimHandle(args.opaque(MAX_FILE_HANDLE_SIZE));
  compound.setCurrent(await compound.tree.fromHandle(handle));
}

export function getHandle(compound: Compound): void {
  const handle = padHandle(compound.tree.handleOf(compound.current), compound.dialect);
  compound.requireRoom(8 + handle.length);
  compound.reply.opaque(handle);
}

export function saveHandle(compound: Compound): void {
  compound.save();
}

export function restoreHandle(compound: Compound): void {
  compound.restore();
}

export async function lookup(compound: Compound, args: XdrReader): Promise<void> {
  const directory = compound.current;
  requireDirectory(directory);
  const { inode, file } = await compound.tree.lookup(directory, readName(args, compound.dialect));
  if (file !== undefined) compound.releaseAtEnd(file);
  compound.setCurrent(inode);
}

export async function lookupParent(compound: Compound): Promise<void> {
  compound.setCurrent(await compound.tree.parent(compound.current));
}

/** The security flavors of an entry. They use up the current handle (RFC 8881 §2.6.3.1.1.8). */
export async function securityOfName(compound: Compound, args: XdrReader): Promise<void> {
  const directory = compound.current;
  requireDirectory(directory);
  const { file } = await compound.tree.lookup(directory, readName(args, compound.dialect));
  file?.release();
  writeFlavors(compound);
}

export async function securityWithoutName(compound: Compound, args: XdrReader): Promise<void> {
  const style = args.uint32();
  if (style !== SecinfoStyle.CURRENT && style !== SecinfoStyle.PARENT)
    throw new XdrError(`A security style of ${style}`);
  const { current } = compound;
  if (style === SecinfoStyle.PARENT) await compound.tree.parent(current);
  writeFlavors(compound);
}

function writeFlavors(compound: Compound): void {
  compound.requireRoom(12);
  compound.clearCurrent();
  compound.reply.uint32(2).uint32(AuthFlavor.SYS).uint32(AuthFlavor.NONE);
}
