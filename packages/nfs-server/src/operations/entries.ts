/** Entries of directories: made, removed, renamed, linked, listed (RFC 8881 §18.4, §18.9, §18.23-18.26). */
import { readlink } from "node:fs/promises";
import {
  Attribute,
  FileTypeCode,
  fromBitmap,
  readBitmap,
  statusCode,
  toBitmap,
  VERIFIER_SIZE,
  writeBitmap,
  writeComponent,
  type XdrReader,
  XdrWriter,
} from "nfs-client/wire";
import { readAttributesToSet, writeAttributeError, writeAttributes } from "../attributes.ts";
import type { Compound } from "../compound.ts";
import { type Inode, requireDirectory } from "../file-system/inode.ts";
import { indexAfter } from "../file-system/listing.ts";
import { createObject, linkEntry, type NewObject, remove, renameEntry } from "../file-system/name-space.ts";
import { readName } from "../names.ts";
import { errnoOf, StatusError, statusOf } from "../status-error.ts";
import { ResultSize, writeChangeInfo } from "./operation.ts";

/** Amazon EFS: the target of a symbolic link has at most 4,080 bytes. */
const MAX_LINK_TARGET = 4080;

/** Cookies mean the same in every listing, so there is only one verifier for them. */
const COOKIE_VERIFIER = Buffer.from("by-hash\0");

export async function create(compound: Compound, args: XdrReader): Promise<void> {
  const type = args.uint32();
  const object = readNewObject(args, type);
  const name = readName(args, compound.dialect);
  const { attributes, numbers } = readAttributesToSet(args, compound.dialect);
  const directory = compound.current;
  compound.requireWritable();
  compound.requireRoom(ResultSize.CHANGE_INFO + ResultSize.ATTRIBUTE_BITMAP);
  const { inode, info } = await createObject(compound.tree, directory, name, object, attributes, compound.dialect);
  compound.changed(directory);
  compound.setCurrent(inode);
  writeChangeInfo(compound.reply, info);
  writeBitmap(compound.reply, toBitmap(numbers));
}

function readNewObject(args: XdrReader, type: number): NewObject {
  switch (type) {
    case FileTypeCode.DIRECTORY:
      return { type: "directory" };
    case FileTypeCode.SYMBOLIC_LINK: {
      const target = args.opaque(MAX_LINK_TARGET);
      if (target.length === 0 || target.includes(0)) throw new StatusError("NFS4ERR_INVAL");
      return { type: "symbolic-link", target };
    }
    case FileTypeCode.BLOCK_DEVICE:
    case FileTypeCode.CHARACTER_DEVICE:
    case FileTypeCode.SOCKET:
    case FileTypeCode.FIFO:
      // Amazon EFS makes no devices either; sockets and FIFOs are beyond what Node.js can make.
      throw new StatusError("NFS4ERR_NOTSUPP");
    default:
      throw new StatusError("NFS4ERR_BADTYPE");
  }
}

export async function removeEntry(compound: Compound, args: XdrReader): Promise<void> {
  const name = readName(args, compound.dialect);
  const directory = compound.current;
  compound.requireWritable();
  compound.requireRoom(ResultSize.CHANGE_INFO);
  const info = await remove(compound.tree, directory, name);
  compound.changed(directory);
  writeChangeInfo(compound.reply, info);
}

export async function rename(compound: Compound, args: XdrReader): Promise<void> {
  const source = { directory: compound.saved, name: readName(args, compound.dialect) };
  const target = { directory: compound.current, name: readName(args, compound.dialect) };
  compound.requireWritable();
  compound.requireRoom(2 * ResultSize.CHANGE_INFO);
  const changes = await renameEntry(compound.tree, source, target, compound.dialect);
  compound.changed(source.directory);
  compound.changed(target.directory);
  writeChangeInfo(compound.reply, changes.source);
  writeChangeInfo(compound.reply, changes.target);
}

export async function link(compound: Compound, args: XdrReader): Promise<void> {
  const name = readName(args, compound.dialect);
  const { saved: inode, current: directory } = compound;
  compound.requireWritable();
  compound.requireRoom(ResultSize.CHANGE_INFO);
  const info = await linkEntry(compound.tree, inode, directory, name, compound.dialect);
  compound.changed(directory);
  writeChangeInfo(compound.reply, info);
}

export async function readLink(compound: Compound): Promise<void> {
  const { tree, current } = compound;
  if (current.type !== FileTypeCode.SYMBOLIC_LINK) throw new StatusError("NFS4ERR_WRONG_TYPE");
  const target = await readlink(await tree.pathOf(current), { encoding: "buffer" });
  compound.requireRoom(8 + target.length);
  compound.reply.opaque(target);
}

export async function readDirectory(compound: Compound, args: XdrReader): Promise<void> {
  const cookie = args.uint64();
  const verifier = args.fixedOpaque(VERIFIER_SIZE);
  args.uint32();
  const maximum = args.uint32();
  const asked = readBitmap(args);
  const directory = compound.current;
  requireDirectory(directory);
  if (cookie === 1n || cookie === 2n) throw new StatusError("NFS4ERR_BAD_COOKIE");
  if (cookie !== 0n && !verifier.equals(COOKIE_VERIFIER)) throw new StatusError("NFS4ERR_NOT_SAME");

  const listing = await compound.tree.list(directory, cookie === 0n);
  const page = new XdrWriter(4096).fixedOpaque(COOKIE_VERIFIER);
  const space = Math.min(maximum, compound.room) - PAGE_END;
  let isFull = false;
  let index = indexAfter(listing, cookie);
  for (; index < listing.names.length && !isFull; index++) {
    const entry = writeEntry(compound, directory, listing.names[index] ?? "", listing.cookies[index] ?? 0n, asked);
    isFull = entry !== undefined && page.length + entry.length > space;
    if (entry !== undefined && !isFull) page.raw(entry);
  }
  if (isFull && page.length === VERIFIER_SIZE) throw new StatusError("NFS4ERR_TOOSMALL");
  compound.requireRoom(page.length + PAGE_END);
  compound.reply.raw(page.toBuffer()).bool(false).bool(!isFull);
}

/** No further entry, and whether that is the end of the directory. */
const PAGE_END = 8;

/** One entry of a page; nothing for an entry that is gone since the directory was read. */
function writeEntry(
  { tree, state, dialect }: Compound,
  directory: Inode,
  name: string,
  cookie: bigint,
  asked: readonly number[],
): Buffer | undefined {
  const entry = new XdrWriter(256).bool(true).uint64(cookie);
  writeComponent(entry, name);
  try {
    const stat = tree.statEntry(directory, name);
    if (stat === undefined) return undefined;
    writeAttributes(entry, asked, {
      stat,
      change: tree.changeOf(stat),
      handle: () => tree.handleOf(tree.inodeOfEntry(directory, name, stat)),
      leaseSeconds: state.leaseSeconds,
      dialect,
    });
  } catch (error) {
    // Who asks for this attribute would rather have the entry without the others than no listing (RFC 8881 §18.23.3).
    if (errnoOf(error) === undefined || !asksFor(asked, Attribute.RDATTR_ERROR)) throw error;
    writeAttributeError(entry, statusCode(statusOf(error) ?? "NFS4ERR_SERVERFAULT"));
  }
  return entry.toBuffer();
}

function asksFor(asked: readonly number[], attribute: number): boolean {
  return [...fromBitmap(asked)].includes(attribute);
}
