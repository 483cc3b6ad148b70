/** Bytes in and out of files (RFC 8881 §18.3, §18.22, §18.32). */
import type { BigIntStats } from "node:fs";
import { readStateid, ShareAccess, StableHow, type Stateid, XdrError, type XdrReader } from "nfs-client/wire";
import type { Compound } from "../compound.ts";
import { fdatasync, fsync, readFully, writeFully } from "../file-system/descriptors.ts";
import { requireRegularFile } from "../file-system/inode.ts";
import type { OpenFile } from "../file-system/open-file.ts";
import { StatusError } from "../status-error.ts";
import { findState, requireState } from "./stateids.ts";

/** Whether it is the end, and the length of the data. */
const READ_RESULT_HEADER = 8;
const WRITE_RESULT = 16;
const VERIFIER_RESULT = 8;

export async function read(compound: Compound, args: XdrReader): Promise<void> {
  const stateid = readStateid(args);
  const offset = args.uint64();
  const count = args.uint32();
  requireRegularFile(compound.current);
  if (!compound.dialect.anonymousRead) requireState(compound, stateid, compound.current);
  await withFile(compound, stateid, ShareAccess.READ, async (file) => {
    const { size } = await compound.stat();
    const length = Math.min(count, compound.dialect.bytesAtOnce, available(size, offset));
    compound.requireRoom(READ_RESULT_HEADER + length);
    const data = await readFully(file.descriptor, Number(offset), length);
    // Bytes that others cut off meanwhile make the read shorter, which is the end of the file as well.
    const isEnd = data.length < length || offset + BigInt(data.length) >= size;
    compound.reply.bool(isEnd).opaque(data);
  });
}

function available(size: BigIntStats["size"], offset: bigint): number {
  return offset >= size ? 0 : Number(size - offset);
}

export async function write(compound: Compound, args: XdrReader): Promise<void> {
  const stateid = readStateid(args);
  const offset = args.uint64();
  const stable = args.uint32();
  const { maximumMessageBytes, bytesAtOnce } = compound.dialect;
  const data = args.opaque(maximumMessageBytes).subarray(0, bytesAtOnce);
  if (stable > StableHow.FILE_SYNC) throw new XdrError(`A stability of ${stable}`);
  const inode = compound.current;
  requireRegularFile(inode);
  if (offset + BigInt(data.length) > BigInt(Number.MAX_SAFE_INTEGER)) throw new StatusError("NFS4ERR_FBIG");
  const { durable, refuseWrite } = compound.mountTarget.options;
  const refusal = refuseWrite();
  if (refusal !== undefined) throw new StatusError(refusal);
  compound.requireWritable();
  compound.requireRoom(WRITE_RESULT);
  await withFile(compound, stateid, ShareAccess.WRITE, async (file) => {
    await writeFully(file.descriptor, data, Number(offset));
    compound.tree.changed(inode);
    if (durable && stable === StableHow.FILE_SYNC) await fsync(file.descriptor);
    if (durable && stable === StableHow.DATA_SYNC) await fdatasync(file.descriptor);
  });
  compound.reply.uint32(data.length).uint32(stable).fixedOpaque(compound.mountTarget.fileSystem.writeVerifier);
}

export async function commit(compound: Compound, args: XdrReader): Promise<void> {
  args.uint64();
  args.uint32();
  const inode = compound.current;
  requireRegularFile(inode);
  compound.requireRoom(VERIFIER_RESULT);
  if (compound.mountTarget.options.durable) await compound.tree.sync(inode);
  compound.reply.fixedOpaque(compound.mountTarget.fileSystem.writeVerifier);
}

/** Runs `work` with the file that the stateid has open, or with one that is open only for it. */
async function withFile(
  compound: Compound,
  stateid: Stateid,
  access: number,
  work: (file: OpenFile) => Promise<void>,
): Promise<void> {
  const inode = compound.current;
  const state = findState(compound, stateid, inode);
  const open = state?.kind === "lock" ? state.open : state;
  if (open !== undefined && (open.access & access) === 0) throw new StatusError("NFS4ERR_OPENMODE");
  const file =
    open === undefined ? await compound.tree.acquire(inode, access === ShareAccess.WRITE) : open.file.retain();
  try {
    await work(file);
  } finally {
    file.release();
  }
}
