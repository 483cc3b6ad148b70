/** A file system in memory, with the statuses of an NFS server. */
import {
  type AttributeChanges,
  type Changed,
  etagOf,
  type FileAttributes,
  InvalidPathError,
  isNameString,
  NfsStatusError,
  nameLength,
  type Owners,
  PreconditionError,
  type RemoveOptions,
  type WriteOptions,
} from "nfs-client";
import { Op, type StatusName, statusCode } from "nfs-client/wire";

interface FileNode {
  readonly type: "file";
  attributes: FileAttributes;
  data: Buffer;
}

interface DirectoryNode {
  readonly type: "directory";
  attributes: FileAttributes;
  readonly entries: Map<string, Node>;
}

interface LinkNode {
  readonly type: "symbolic-link";
  attributes: FileAttributes;
  readonly target: string;
}

type Node = FileNode | DirectoryNode | LinkNode;

const ROOT_OWNS: Owners = { owner: "0", group: "0" };

const MAX_NAME = 255;

/** Paths are absolute: `/data/a.txt`. */
export class MemoryFileSystem {
  /** Milliseconds since 1970, for what is changed next. */
  now = Date.UTC(2025, 0, 1);
  #fileIds = 0n;
  #changes = 0n;
  readonly #owners = new WeakMap<Node, Owners>();
  readonly #root: DirectoryNode = this.#newDirectory();

  /** The paths of all files, sorted. */
  get files(): string[] {
    const paths: string[] = [];
    const collect = ({ entries }: DirectoryNode, directory: string) => {
      for (const [name, node] of entries) {
        if (node.type === "file") paths.push(`${directory}/${name}`);
        if (node.type === "directory") collect(node, `${directory}/${name}`);
      }
    };
    collect(this.#root, "");
    return paths.sort();
  }

  read(path: string): Buffer {
    return this.#file(path, Op.READ).data;
  }

  /** Looks the file up, and reads it wherever its name leads to by then. */
  open(path: string): { readonly attributes: FileAttributes; readonly read: (start: number, end: number) => Buffer } {
    const file = this.#file(path, Op.READ);
    return { attributes: file.attributes, read: (start, end) => file.data.subarray(start, end) };
  }

  stat(path: string): FileAttributes {
    return this.#at(namesOf(path), path).attributes;
  }

  /** Undefined where there is nothing. */
  find(path: string): FileAttributes | undefined {
    try {
      return this.stat(path);
    } catch {
      return undefined;
    }
  }

  write(path: string, data: Uint8Array, { when, createParents = true }: WriteOptions = {}): FileAttributes & Changed {
    const { directory, name } = this.#parent(path, createParents);
    const current = directory.entries.get(name);
    this.#requireAs(path, current, when);
    if (current?.type === "directory") throw failure("NFS4ERR_EXIST", Op.RENAME, path);
    const file: FileNode = {
      type: "file",
      attributes: this.#newAttributes("file", data.length),
      data: Buffer.from(data),
    };
    directory.entries.set(name, file);
    return { ...file.attributes, directoryChange: file.attributes.change };
  }

  /** Gives a file that was written elsewhere its name. */
  publish(from: string, path: string, { when }: WriteOptions = {}): FileAttributes & Changed {
    const { directory, name } = this.#parent(path, false);
    this.#requireAs(path, directory.entries.get(name), when);
    this.rename(from, path);
    return { ...this.stat(path), directoryChange: ++this.#changes };
  }

  writeAt(path: string, offset: number, data: Uint8Array, { createParents = true }: WriteOptions = {}): void {
    const { directory, name } = this.#parent(path, createParents);
    if (!directory.entries.has(name)) this.write(path, Buffer.alloc(0));
    const file = this.#file(path, Op.OPEN);
    const bytes = Buffer.alloc(Math.max(file.data.length, offset + data.length));
    file.data.copy(bytes);
    bytes.set(data, offset);
    this.#change(file, bytes);
  }

  append(path: string, data: Uint8Array, options: WriteOptions = {}): FileAttributes & Changed {
    const { directory, name } = this.#parent(path, options.createParents ?? true);
    const current = directory.entries.get(name);
    if (current === undefined || options.when === "absent") return this.write(path, data, options);
    if (typeof options.when === "object") this.#require(path, current, options.when.etag);
    const file = this.#file(path, Op.OPEN);
    const directoryChange = this.#changes;
    return { ...this.#change(file, Buffer.concat([file.data, data])), directoryChange };
  }

  truncate(path: string, size: number): void {
    const file = this.#file(path, Op.SETATTR);
    this.#change(file, file.data.subarray(0, size));
  }

  remove(path: string, { when }: RemoveOptions = {}): Changed {
    const { directory, name } = this.#parent(path, false);
    const node = directory.entries.get(name);
    if (when) this.#require(path, node, when.etag);
    if (node === undefined) throw failure("NFS4ERR_NOENT", Op.REMOVE, path);
    if (node.type === "directory" && node.entries.size > 0) throw failure("NFS4ERR_NOTEMPTY", Op.REMOVE, path);
    directory.entries.delete(name);
    return { directoryChange: ++this.#changes };
  }

  rename(from: string, to: string): void {
    const source = this.#parent(from, false);
    const target = this.#parent(to, false);
    const node = source.directory.entries.get(source.name);
    const replaced = target.directory.entries.get(target.name);
    if (node === undefined) throw failure("NFS4ERR_NOENT", Op.RENAME, from);
    if (node === replaced) return;
    if (`${to}/`.startsWith(`${from}/`)) throw failure("NFS4ERR_INVAL", Op.RENAME, from);
    const isInTheWay =
      replaced?.type === "directory"
        ? node.type !== "directory" || replaced.entries.size > 0
        : node.type === "directory";
    if (replaced && isInTheWay) throw failure("NFS4ERR_EXIST", Op.RENAME, from);
    source.directory.entries.delete(source.name);
    target.directory.entries.set(target.name, node);
  }

  makeDirectory(path: string): void {
    const { directory, name } = this.#parent(path, false);
    if (directory.entries.has(name)) throw failure("NFS4ERR_EXIST", Op.CREATE, path);
    directory.entries.set(name, this.#newDirectory());
  }

  /** With all that is missing above it. */
  makeDirectories(path: string): void {
    this.#directory(namesOf(path), path, true);
  }

  makeLink(path: string, target: string): void {
    const { directory, name } = this.#parent(path, false);
    if (directory.entries.has(name)) throw failure("NFS4ERR_EXIST", Op.CREATE, path);
    directory.entries.set(name, { type: "symbolic-link", attributes: this.#newAttributes("symbolic-link"), target });
  }

  readLink(path: string): string {
    const node = this.#at(namesOf(path), path);
    if (node.type !== "symbolic-link") throw failure("NFS4ERR_WRONG_TYPE", Op.READLINK, path);
    return node.target;
  }

  owners(path: string): Owners {
    return this.#owners.get(this.#at(namesOf(path), path)) ?? ROOT_OWNS;
  }

  setAttributes(path: string, { owner, group, mode, modifiedAt }: AttributeChanges): void {
    const node = this.#at(namesOf(path), path);
    const before = this.owners(path);
    this.#owners.set(node, { owner: String(owner ?? before.owner), group: String(group ?? before.group) });
    node.attributes = {
      ...node.attributes,
      mode: mode ?? node.attributes.mode,
      modifiedAt: modifiedAt ?? node.attributes.modifiedAt,
      change: ++this.#changes,
    };
  }

  /** The entries of a directory, in the order in which they were made. */
  list(path: string): { readonly name: string; readonly attributes: FileAttributes; readonly cursor: string }[] {
    const directory = this.#at(namesOf(path), path);
    if (directory.type !== "directory") throw failure("NFS4ERR_NOTDIR", Op.READDIR, path);
    return [...directory.entries]
      .map(([name, { attributes }]) => ({ name, attributes, cursor: attributes.fileId.toString() }))
      .sort((a, b) => Number(BigInt(a.cursor) - BigInt(b.cursor)));
  }

  #requireAs(path: string, node: Node | undefined, when: WriteOptions["when"]): void {
    if (when === "absent" && node) throw new PreconditionError(`${path} exists`);
    if (typeof when === "object") this.#require(path, node, when.etag);
  }

  #require(path: string, node: Node | undefined, etag: string): void {
    if (node?.type === "directory") throw failure("NFS4ERR_ISDIR", Op.OPEN, path);
    if (node?.type === "symbolic-link") throw failure("NFS4ERR_SYMLINK", Op.OPEN, path);
    if (node && etagOf(node.attributes) === etag) return;
    const cause = node ? undefined : failure("NFS4ERR_NOENT", Op.OPEN, path);
    throw new PreconditionError(`${path} is another file than the one that was meant`, { cause });
  }

  #file(path: string, operation: number): FileNode {
    const node = this.#at(fileNamesOf(path), path);
    if (node.type === "directory") throw failure("NFS4ERR_ISDIR", operation, path);
    if (node.type === "symbolic-link") throw failure("NFS4ERR_SYMLINK", operation, path);
    return node;
  }

  /** Where the entry of a path is, or would be. */
  #parent(path: string, make: boolean): { directory: DirectoryNode; name: string } {
    const names = fileNamesOf(path);
    return { directory: this.#directory(names.slice(0, -1), path, make), name: names.at(-1) ?? "" };
  }

  #at(names: readonly string[], path: string): Node {
    const name = names.at(-1);
    if (name === undefined) return this.#root;
    const node = this.#directory(names.slice(0, -1), path).entries.get(name);
    if (node === undefined) throw failure("NFS4ERR_NOENT", Op.LOOKUP, path);
    return node;
  }

  #directory(names: readonly string[], path: string, make = false): DirectoryNode {
    let directory = this.#root;
    for (const name of names) {
      const node = directory.entries.get(name) ?? (make ? this.#newDirectory() : undefined);
      if (node === undefined) throw failure("NFS4ERR_NOENT", Op.LOOKUP, path);
      if (node.type === "symbolic-link") throw failure("NFS4ERR_SYMLINK", Op.LOOKUP, path);
      if (node.type === "file") throw failure("NFS4ERR_NOTDIR", Op.LOOKUP, path);
      directory.entries.set(name, node);
      directory = node;
    }
    return directory;
  }

  #change(file: FileNode, data: Buffer): FileAttributes {
    file.data = data;
    file.attributes = {
      ...file.attributes,
      size: data.length,
      change: ++this.#changes,
      modifiedAt: this.now,
    };
    return file.attributes;
  }

  #newDirectory(): DirectoryNode {
    return { type: "directory", attributes: this.#newAttributes("directory"), entries: new Map() };
  }

  #newAttributes(type: Node["type"], size = 0): FileAttributes {
    return {
      type,
      size,
      change: ++this.#changes,
      fileId: ++this.#fileIds,
      mode: type === "directory" ? 0o755 : 0o644,
      modifiedAt: this.now,
    };
  }
}

/** The names of a path, none for the root. @throws {InvalidPathError} when one of them cannot be a name. */
function namesOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  const invalid = names.find(
    (name) => name === ".." || name.includes("\0") || !isNameString(name) || nameLength(name) > MAX_NAME,
  );
  if (invalid !== undefined) throw new InvalidPathError(`${JSON.stringify(invalid)} cannot be a name`);
  return names;
}

/** @throws {InvalidPathError} for the root, too. */
function fileNamesOf(path: string): string[] {
  const names = namesOf(path);
  if (names.length === 0) throw new InvalidPathError(`${JSON.stringify(path)} is the root`);
  return names;
}

export function failure(status: StatusName, operation: number, path: string): NfsStatusError {
  return new NfsStatusError(statusCode(status), operation, path);
}
