/** Opening and closing files (RFC 8881 §18.2, §18.16, §18.18). */
import {
  Attribute,
  CreateMode,
  DelegationType,
  MAX_OPAQUE_SIZE,
  OpenClaim,
  OpenType,
  readStateid,
  ShareAccess,
  ShareDeny,
  toBitmap,
  VERIFIER_SIZE,
  writeBitmap,
  writeStateid,
  XdrError,
  type XdrReader,
  type XdrWriter,
} from "nfs-client/wire";
import { readAttributesToSet } from "../attributes.ts";
import type { Compound } from "../compound.ts";
import type { Dialect } from "../dialect/dialect.ts";
import { requireDirectory, requireRegularFile } from "../file-system/inode.ts";
import { type FileCreation, type OpenedFile, openOrCreate } from "../file-system/name-space.ts";
import { readName } from "../names.ts";
import { DelegationClaim, OpenResultFlag, ShareAccessMask, WhyNoDelegation } from "../protocol.ts";
import { advance, type OpenState, stateidOf } from "../state/client.ts";
import { requireRoomForOpen } from "../state/files.ts";
import { StatusError } from "../status-error.ts";
import { ResultSize, writeChangeInfo } from "./operation.ts";
import { INVALID_STATEID, requireState } from "./stateids.ts";

export async function open(compound: Compound, args: XdrReader): Promise<void> {
  args.uint32();
  const shareAccess = args.uint32();
  const shareDeny = args.uint32();
  args.uint64();
  const owner = args.opaque(MAX_OPAQUE_SIZE).toString("latin1");
  const creation = readCreation(args, compound.dialect);
  const claim = args.uint32();
  const name = readClaimedName(args, claim, compound.dialect);

  const access = shareAccess & ShareAccessMask.ACCESS;
  if (access === 0 || (shareAccess & ~ShareAccessMask.ALL) !== 0) throw new StatusError("NFS4ERR_INVAL");
  // As Amazon EFS does (its user guide: unsupported NFSv4 features).
  if (shareDeny !== ShareDeny.NONE) throw new StatusError("NFS4ERR_NOTSUPP");
  const forWriting = (access & ShareAccess.WRITE) !== 0;
  if (forWriting || creation !== undefined) compound.requireWritable();
  const { client, current } = compound;
  if (!client.reclaimComplete) throw new StatusError("NFS4ERR_GRACE");
  compound.requireRoom(ResultSize.OPEN);

  const { files } = compound.state;
  const opened = await openClaimed(compound, name, forWriting, creation?.file);
  const { inode, file } = opened;
  const state = files.open({ client, owner, inode, file, access }, compound.dialect);
  if (opened.did === "create") compound.changed(current);
  if (opened.did === "truncate") compound.changed(opened.inode);
  compound.setCurrent(opened.inode);
  compound.setCurrentStateid(stateidOf(state));

  const { reply } = compound;
  writeStateid(reply, stateidOf(state));
  writeChangeInfo(reply, opened.info);
  reply.uint32(OpenResultFlag.LOCKTYPE_POSIX | OpenResultFlag.PRESERVE_UNLINKED);
  writeBitmap(reply, attributesSet(opened, creation?.numbers ?? []));
  writeNoDelegation(reply, shareAccess & ShareAccessMask.WANT);
}

async function openClaimed(
  compound: Compound,
  name: string | undefined,
  forWriting: boolean,
  creation?: FileCreation,
): Promise<OpenedFile> {
  const { tree, current } = compound;
  const change = tree.changeOf(await tree.stat(current));
  const info = { before: change, after: change };
  if (name === undefined) {
    if (creation !== undefined) throw new StatusError("NFS4ERR_INVAL");
    requireRegularFile(current);
    return { inode: current, file: await tree.acquire(current, forWriting), info, did: "open" };
  }
  requireDirectory(current);
  if (creation !== undefined) {
    return openOrCreate(tree, current, name, creation, forWriting, () => {
      requireRoomForOpen(compound.client, compound.dialect);
    });
  }
  return { ...(await tree.open(current, name, forWriting)), info, did: "open" };
}

function readCreation(
  args: XdrReader,
  dialect: Dialect,
): { file: FileCreation; numbers: readonly number[] } | undefined {
  const type = args.uint32();
  if (type === OpenType.NOCREATE) return undefined;
  if (type !== OpenType.CREATE) throw new XdrError(`An open type of ${type}`);
  const mode = args.uint32();
  switch (mode) {
    case CreateMode.UNCHECKED:
    case CreateMode.GUARDED: {
      const { attributes, numbers } = readAttributesToSet(args, dialect);
      return { file: { how: mode === CreateMode.GUARDED ? "guarded" : "unchecked", attributes }, numbers };
    }
    case CreateMode.EXCLUSIVE:
    case CreateMode.EXCLUSIVE4_1: {
      const verifier = Buffer.from(args.fixedOpaque(VERIFIER_SIZE));
      const { attributes, numbers } =
        mode === CreateMode.EXCLUSIVE4_1 ? readAttributesToSet(args, dialect) : { attributes: {}, numbers: [] };
      return { file: { how: "exclusive", attributes, verifier }, numbers };
    }
    default:
      throw new XdrError(`A create mode of ${mode}`);
  }
}

/** The name that is opened in the current directory; none when the current file itself is. */
function readClaimedName(args: XdrReader, claim: number, dialect: Dialect): string | undefined {
  switch (claim) {
    case OpenClaim.NULL:
      return readName(args, dialect);
    case OpenClaim.FH:
      return undefined;
    case OpenClaim.PREVIOUS:
      throw new StatusError("NFS4ERR_NO_GRACE");
    case DelegationClaim.CURRENT:
    case DelegationClaim.PREVIOUS:
    case DelegationClaim.CURRENT_FH:
    case DelegationClaim.PREVIOUS_FH:
      throw new StatusError("NFS4ERR_NOTSUPP");
    default:
      throw new XdrError(`An open claim of ${claim}`);
  }
}

function attributesSet({ did }: OpenedFile, asked: readonly number[]): number[] {
  if (did === "create") return toBitmap(asked);
  return did === "truncate" ? toBitmap([Attribute.SIZE]) : [];
}

/** Clients that said what they want of delegations are told why they get none (RFC 8881 §18.16.3). */
function writeNoDelegation(reply: XdrWriter, want: number): void {
  if (want === 0) reply.uint32(DelegationType.NONE);
  else if (want === ShareAccess.WANT_NO_DELEGATION) {
    reply.uint32(DelegationType.NONE_EXT).uint32(WhyNoDelegation.NOT_WANTED);
  } else reply.uint32(DelegationType.NONE_EXT).uint32(WhyNoDelegation.RESOURCE).bool(false);
}

export function openDowngrade(compound: Compound, args: XdrReader): void {
  const stateid = readStateid(args);
  args.uint32();
  const access = args.uint32() & ShareAccessMask.ACCESS;
  const deny = args.uint32();
  const open = requireOpen(compound, stateid);
  const isUnion = [...unions(open.opened)].includes(access);
  if (!isUnion || deny !== ShareDeny.NONE) throw new StatusError("NFS4ERR_INVAL");
  compound.requireRoom(ResultSize.STATEID);
  open.access = access;
  for (const each of open.opened) if ((each & ~access) !== 0) open.opened.delete(each);
  const advanced = advance(open);
  compound.setCurrentStateid(advanced);
  writeStateid(compound.reply, advanced);
}

export function close(compound: Compound, args: XdrReader): void {
  args.uint32();
  const open = requireOpen(compound, readStateid(args));
  compound.requireRoom(ResultSize.STATEID);
  compound.state.files.close(open);
  compound.setCurrentStateid(INVALID_STATEID);
  writeStateid(compound.reply, INVALID_STATEID);
}

function requireOpen(compound: Compound, stateid: ReturnType<typeof readStateid>): OpenState {
  const state = requireState(compound, stateid, compound.current);
  if (state.kind !== "open") throw new StatusError("NFS4ERR_BAD_STATEID");
  return state;
}

/** All that can be made of sets of access bits by putting some of them together. */
function unions(sets: ReadonlySet<number>): Set<number> {
  const found = new Set<number>();
  for (const set of sets) {
    for (const other of [...found]) found.add(other | set);
    found.add(set);
  }
  return found;
}
