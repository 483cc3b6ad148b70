/**
 * Several COMPOUNDs as one. Those of one directory share the way to it: SAVEFH keeps the directory, and RESTOREFH goes
 * back to it for the next of them (RFC 8881 §18.27, §18.28).
 */
import type { Operation, Operations } from "../wire/compound.ts";
import { putRootFileHandle, restoreFileHandle, saveFileHandle } from "../wire/operations/file-handles.ts";

/** How a COMPOUND may share a request with others. */
export interface Together {
  /** It begins with PUTROOTFH and a LOOKUP of each of these names. Where it saves a file handle, it is this directory's. */
  readonly directory: readonly string[];
  /** It ends with the directory as the current file handle, as after REMOVE. Default false. */
  readonly staysInDirectory?: boolean;
  /** Bytes of file data, at most. Default 0. */
  readonly dataSent?: number;
  readonly dataReceived?: number;
}

export interface Member {
  /** With the walk to the directory. */
  readonly operations: Operations;
  readonly together: Together;
}

/** What one COMPOUND may be. */
export interface JointLimits {
  /** Besides SEQUENCE. */
  readonly operations: number;
  readonly requestBytes: number;
  readonly replyBytes: number;
}

/** Bytes of one operation besides file data, at most: with one name in a request, with a file's attributes in a reply. */
const REQUEST_OF_OPERATION = 320;
const REPLY_OF_OPERATION = 100;

/** Bytes of the headers of a request and a reply, SEQUENCE included. */
const ENVELOPE = 1024;

/** What is planned into one COMPOUND so far. */
interface Load {
  readonly operations: number;
  readonly dataSent: number;
  readonly dataReceived: number;
}

/**
 * Distributes COMPOUNDs over as few requests as the limits allow, those of a directory next to each other. What fits
 * into no request with others is alone.
 */
export function planJointCompounds<Each extends Member>(members: readonly Each[], limits: JointLimits): Each[][] {
  const groups: Each[][] = [];
  let group: Each[] = [];
  let load: Load | undefined;
  for (const member of inOrderOfDirectories(members)) {
    const together: Load | undefined = load && withMember(load, group, member);
    if (together !== undefined && fits(together, limits)) {
      group.push(member);
      load = together;
    } else {
      group = [member];
      load = loadOf(member);
      groups.push(group);
    }
  }
  return groups;
}

/** One that is alone in its directory shares the way to the directory above it, for a LOOKUP of its own. */
function inOrderOfDirectories<Each extends Member>(members: readonly Each[]): Each[] {
  const groups = byDirectory(members);
  if (groups.length === 1) return groups.flat();
  return byDirectory(groups.flatMap((group) => (group.length === 1 ? group.map(shareWayAbove) : group))).flat();
}

function byDirectory<Each extends Member>(members: readonly Each[]): Each[][] {
  const directories = new Map<string, Each[]>();
  let last: Each[] = [];
  for (const member of members) {
    // Mostly, those of a directory follow each other.
    if (last[0] === undefined || !isSameDirectory(last[0], member)) {
      const key = member.together.directory.join("/");
      last = directories.get(key) ?? [];
      directories.set(key, last);
    }
    last.push(member);
  }
  return [...directories.values()];
}

/** Not where it comes back to its own directory. */
function shareWayAbove<Each extends Member>(member: Each): Each {
  const { operations, together } = member;
  const comesBack = together.staysInDirectory || operations.includes(saveFileHandle);
  return comesBack ? member : { ...member, together: { ...together, directory: together.directory.slice(0, -1) } };
}

function loadOf({ operations, together }: Member): Load {
  return {
    operations: operations.length,
    dataSent: together.dataSent ?? 0,
    dataReceived: together.dataReceived ?? 0,
  };
}

function withMember(load: Load, group: readonly Member[], member: Member): Load {
  const own = loadOf(member);
  return {
    operations: load.operations + own.operations + sharingCost(group, member),
    dataSent: load.dataSent + own.dataSent,
    dataReceived: load.dataReceived + own.dataReceived,
  };
}

/** Operations that a member takes besides its own where it follows a group: mostly fewer than none. */
function sharingCost(group: readonly Member[], member: Member): number {
  const [beforeLast, last] = [group.at(-2), group.at(-1)];
  if (last === undefined || !isSameDirectory(last, member)) return 0;
  const isFirstToShare = beforeLast === undefined || !isSameDirectory(beforeLast, member);
  const saving = isFirstToShare && !isAtRoot(member) ? 1 : 0;
  const restoring = last.together.staysInDirectory ? 0 : 1;
  return saving + restoring - walkLength(member);
}

/** Whether a COMPOUND is within the limits by itself. */
export function fitsAlone(member: Member, limits: JointLimits): boolean {
  return fits(loadOf(member), limits);
}

function fits({ operations, dataSent, dataReceived }: Load, limits: JointLimits): boolean {
  return (
    operations <= limits.operations &&
    ENVELOPE + operations * REQUEST_OF_OPERATION + dataSent <= limits.requestBytes &&
    ENVELOPE + operations * REPLY_OF_OPERATION + dataReceived <= limits.replyBytes
  );
}

export interface JointCompound {
  readonly operations: Operations;
  /** For each member, at which index of the joint operations each of its operations is. */
  readonly indexes: readonly (readonly number[])[];
}

/** One COMPOUND of several; the members of a directory must be next to each other. */
export function joinCompounds(members: readonly Member[]): JointCompound {
  const operations: Operation<unknown>[] = [];
  const indexes: number[][] = [];
  let walk: number[] = [];
  for (const [index, member] of members.entries()) {
    const [before, next] = [members[index - 1], members[index + 1]];
    const length = walkLength(member);
    if (before === undefined || !isSameDirectory(before, member)) {
      walk = range(operations.length, length);
      operations.push(...member.operations.slice(0, length));
      const isShared = next !== undefined && isSameDirectory(next, member);
      if (isShared && !isAtRoot(member)) operations.push(saveFileHandle);
    } else if (!before.together.staysInDirectory) {
      operations.push(isAtRoot(member) ? putRootFileHandle : restoreFileHandle);
    }
    const own = member.operations.slice(length);
    indexes.push([...walk, ...range(operations.length, own.length)]);
    operations.push(...own);
  }
  return { operations, indexes };
}

function range(start: number, length: number): number[] {
  return Array.from({ length }, (_, index) => start + index);
}

/** PUTROOTFH, and a LOOKUP of each name. */
function walkLength({ together }: Member): number {
  return 1 + together.directory.length;
}

function isAtRoot({ together }: Member): boolean {
  return together.directory.length === 0;
}

function isSameDirectory(one: Member, other: Member): boolean {
  const [own, others] = [one.together.directory, other.together.directory];
  return own === others || (own.length === others.length && own.every((name, index) => name === others[index]));
}
