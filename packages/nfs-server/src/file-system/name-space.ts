/** Changes of the name space: each runs alone, and tells what it did to the directories it changed. */
import { type BigIntStats, constants, fstatSync } from "node:fs";
import { link, mkdir, rename, rmdir, symlink, unlink } from "node:fs/promises";
import { FileTypeCode } from "nfs-client/wire";
import { errnoOf, StatusError } from "../status-error.ts";
import { type AttributesToSet, setAttributes } from "./attributes-to-set.ts";
import { open } from "./descriptors.ts";
import { type Inode, requireDirectory, requireRegularFile } from "./inode.ts";
import type { OpenFile } from "./open-file.ts";
import { type ChangeInfo, entryPath, type Tree } from "./tree.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

const PERMISSIONS = 0o7777;
const DEFAULT_FILE_MODE = 0o644;
const DEFAULT_DIRECTORY_MODE = 0o755;

/** How many names a file may have, and how deep directories may be. */
export interface NameSpaceLimits {
  readonly linksPerFile: number;
  readonly directoryDepth: number;
}

/** How OPEN creates a file (RFC 8881 §18.16.3). */
export interface FileCreation {
  readonly how: "unchecked" | "guarded" | "exclusive";
  readonly attributes: AttributesToSet;
  /** Of the exclusive creation: the same one finds the file that it created before. */
  readonly verifier?: Buffer;
}

export interface OpenedFile {
  readonly inode: Inode;
  /** The caller releases it. */
  readonly file: OpenFile;
  readonly info: ChangeInfo;
  readonly did: "open" | "truncate" | "create";
}

/** Opens the file of that name, and creates it where there is none, unless `beforeCreation` throws. */
export function openOrCreate(
  tree: Tree,
  directory: Inode,
  name: string,
  creation: FileCreation,
  forWriting: boolean,
  beforeCreation: () => void,
): Promise<OpenedFile> {
  return tree.change(async () => {
    const found = tree.find(directory, name);
    if (found === undefined) {
      beforeCreation();
      return createFile(tree, directory, name, creation);
    }
    if (!mayExist(creation, found.inode)) throw new StatusError("NFS4ERR_EXIST");
    requireRegularFile(found.inode);
    const file = tree.acquireNow(found.inode, forWriting);
    // Of the attributes for a new file, only an empty size means something to one that is there (RFC 8881 §18.16.3).
    const truncates = creation.how === "unchecked" && creation.attributes.size === 0;
    if (truncates) await releaseOnFailure(file, setAttributes(tree, found.inode, { size: 0 }));
    return { inode: found.inode, file, info: unchanged(tree, directory), did: truncates ? "truncate" : "open" };
  });
}

function mayExist({ how, verifier }: FileCreation, { exclusiveVerifier }: Inode): boolean {
  if (how !== "exclusive") return how === "unchecked";
  return verifier !== undefined && exclusiveVerifier !== undefined && verifier.equals(exclusiveVerifier);
}

async function createFile(tree: Tree, directory: Inode, name: string, creation: FileCreation): Promise<OpenedFile> {
  const { mode = DEFAULT_FILE_MODE } = creation.attributes;
  const { result, info } = await tree.changeEntries(directory, async (at) => {
    const descriptor = await open(at(name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    const stat = fstatSync(descriptor, { bigint: true });
    const inode = tree.inodes.at(entryPath(directory, name), stat);
    const file = tree.adopt(inode, descriptor, true);
    await releaseOnFailure(file, setAttributes(tree, inode, leftToSet(creation.attributes, mode, stat)));
    if (creation.verifier !== undefined) inode.exclusiveVerifier = creation.verifier;
    return { inode, file };
  });
  return { ...result, info, did: "create" };
}

/** What the creating call did not set: all but the mode, and that too where the process's umask took bits away. */
function leftToSet({ mode: _, ...others }: AttributesToSet, mode: number, stat: BigIntStats): AttributesToSet {
  return (Number(stat.mode) & PERMISSIONS) === mode ? others : { ...others, mode };
}

async function releaseOnFailure(file: OpenFile, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    file.release();
    throw error;
  }
}

/** What CREATE makes. */
export type NewObject = { readonly type: "directory" } | { readonly type: "symbolic-link"; readonly target: Buffer };

export function createObject(
  tree: Tree,
  directory: Inode,
  name: string,
  object: NewObject,
  attributes: AttributesToSet,
  limits: NameSpaceLimits,
): Promise<{ inode: Inode; info: ChangeInfo }> {
  return tree.change(async () => {
    requireDirectory(directory);
    if (object.type === "directory") requireDepth(entryPath(directory, name), limits);
    const { mode = DEFAULT_DIRECTORY_MODE } = attributes;
    const { result, info } = await tree.changeEntries(directory, async (at) => {
      if (object.type === "directory") await mkdir(at(name), mode);
      else await symlink(object.target, at(name));
      const found = tree.find(directory, name);
      if (found === undefined) throw new StatusError("NFS4ERR_STALE");
      await setAttributes(tree, found.inode, leftToSet(attributes, mode, found.stat));
      return found.inode;
    });
    return { inode: result, info };
  });
}

/** Removes a file or an empty directory. What is open stays readable through its descriptor. */
export function remove(tree: Tree, directory: Inode, name: string): Promise<ChangeInfo> {
  return tree.change(async () => {
    const found = tree.find(directory, name);
    const { info } = await tree.changeEntries(directory, async (at) => {
      if (found === undefined) throw new StatusError("NFS4ERR_NOENT");
      const path = at(name);
      if (found.inode.type === FileTypeCode.DIRECTORY) await rmdir(path);
      else await unlink(path);
      lost(tree, found.inode, entryPath(directory, name));
    });
    return info;
  });
}

/** Renames an entry, over another one of the same kind where there is one. */
export function renameEntry(
  tree: Tree,
  source: { readonly directory: Inode; readonly name: string },
  target: { readonly directory: Inode; readonly name: string },
  limits: NameSpaceLimits,
): Promise<{ source: ChangeInfo; target: ChangeInfo }> {
  return tree.change(async () => {
    const moved = tree.find(source.directory, source.name);
    const replaced = tree.find(target.directory, target.name);
    if (moved === undefined) {
      tree.locate(source.directory);
      throw new StatusError("NFS4ERR_NOENT");
    }
    // Two names of one file: POSIX and RFC 8881 §18.26.3 have it that nothing happens.
    if (replaced?.inode === moved.inode) {
      return { source: unchanged(tree, source.directory), target: unchanged(tree, target.directory) };
    }
    if (moved.inode.type === FileTypeCode.DIRECTORY) requireDepth(entryPath(target.directory, target.name), limits);
    const move = () =>
      moveEntry(
        tree,
        moved.inode,
        replaced?.inode,
        entryPath(source.directory, source.name),
        entryPath(target.directory, target.name),
      );
    if (source.directory === target.directory) {
      const { info } = await tree.changeEntries(source.directory, move);
      return { source: info, target: info };
    }
    const { result, info } = await tree.changeEntries(target.directory, () =>
      tree.changeEntries(source.directory, move),
    );
    return { source: result.info, target: info };
  });
}

async function moveEntry(
  tree: Tree,
  moved: Inode,
  replaced: Inode | undefined,
  from: string,
  to: string,
): Promise<void> {
  await rename(tree.absolute(from), tree.absolute(to)).catch(tellAsExisting);
  if (replaced !== undefined) lost(tree, replaced, to);
  moved.paths = [...moved.paths.filter((path) => path !== from), to];
  if (moved.type === FileTypeCode.DIRECTORY) tree.inodes.moveBelow(from, to);
  tree.changed(moved);
}

/** Gives a file one more name. */
export function linkEntry(
  tree: Tree,
  inode: Inode,
  directory: Inode,
  name: string,
  { linksPerFile }: NameSpaceLimits,
): Promise<ChangeInfo> {
  return tree.change(async () => {
    requireDirectory(directory);
    if (inode.type === FileTypeCode.DIRECTORY) throw new StatusError("NFS4ERR_ISDIR");
    const isNew = tree.find(directory, name) === undefined;
    if (isNew && tree.statNow(inode).nlink >= linksPerFile) throw new StatusError("NFS4ERR_MLINK");
    const { info } = await tree.changeEntries(directory, async (at) => {
      await link(tree.absolute(tree.locate(inode).path), at(name));
      inode.paths = [...inode.paths, entryPath(directory, name)];
      tree.changed(inode);
    });
    return info;
  });
}

/** A name of the object is gone; its change attribute moves on, for the links and opens that remain. */
function lost(tree: Tree, inode: Inode, path: string): void {
  tree.inodes.removePath(inode, path);
  tree.changed(inode);
}

/** A file over a directory, the reverse, or over a full directory: one word for it in RFC 8881 §18.26.3. */
function tellAsExisting(error: unknown): never {
  const code = errnoOf(error);
  if (code !== "EISDIR" && code !== "ENOTDIR" && code !== "ENOTEMPTY") throw error;
  throw new StatusError("NFS4ERR_EXIST", { cause: error });
}

function requireDepth(path: string, { directoryDepth }: NameSpaceLimits): void {
  if (path.split("/").length > directoryDepth) throw new StatusError("NFS4ERR_NAMETOOLONG");
}

function unchanged(tree: Tree, directory: Inode): ChangeInfo {
  const change = tree.changeOf(tree.locate(directory).stat);
  return { before: change, after: change };
}
