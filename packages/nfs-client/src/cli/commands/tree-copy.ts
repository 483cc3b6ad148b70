/** tree-copy: a directory tree to another place, on the same server or another one. */
import { performance } from "node:perf_hooks";
import { ignoreNfsError, isStatus, PreconditionError } from "../../errors.ts";
import { newTemporaryName } from "../../files/staged-file.ts";
import type { NfsClient } from "../../types.ts";
import type { FileAttributes } from "../../wire/operations/attributes.ts";
import type { AttributeChanges } from "../../wire/operations/metadata.ts";
import { type Command, type CommandContext, operand, type Target, UNINTERRUPTED } from "../command.ts";
import { formatBytes, formatCount, formatTable } from "../format.ts";
import { UsageError } from "../location.ts";
import { Progress } from "../progress.ts";
import { type TreeEntry, walkTree } from "../walk.ts";
import { treeAt } from "./listing.ts";

const CONCURRENCY = 16;

/** Milliseconds: servers differ in how exactly they keep times. */
const SAME_TIME = 1;

const INTO_ITSELF = "A directory cannot be copied to itself, or to a place in it";

export const treeCopy: Command = {
  name: "tree-copy",
  operands: "FROM TO",
  minOperands: 2,
  maxOperands: 2,
  summary:
    "make TO what FROM is, with all below it, owners, modes and times. What is there with the same size and time " +
    "stays, so a copy that was cut off goes on; what FROM does not have stays, too",
  flags: { json: "the result as one line of JSON" },
  async run(context) {
    const from = await context.open(operand(context, 0));
    // With a memory budget of its own: what is read must not take the memory by which it is written.
    const to = await context.open(operand(context, 1), { ownClient: true });
    if (from.server === to.server && `${to.path}/`.startsWith(`${from.path === "/" ? "" : from.path}/`)) {
      throw new UsageError(INTO_ITSELF);
    }
    const copy = new TreeCopy(from, to, context);
    const result = await copy.run();
    await context.write(context.flags.json ? `${JSON.stringify(result)}\n` : describe(result));
  },
};

/** How many were copied, and how many were there already. */
interface Tally {
  copied: number;
  kept: number;
}

interface CopyResult {
  readonly directories: Tally;
  readonly files: Tally;
  readonly links: Tally;
  /** What is neither a file nor a directory nor a link: sockets, devices. They are not copied. */
  readonly others: number;
  readonly failed: number;
  /** Of the files that were copied. */
  readonly bytes: number;
  /** Entries whose owner the server did not let us set. */
  readonly withoutOwner: number;
  readonly seconds: number;
}

class TreeCopy {
  readonly #from: Target;
  readonly #to: Target;
  readonly #context: CommandContext;
  readonly #directories: Tally = { copied: 0, kept: 0 };
  readonly #files: Tally = { copied: 0, kept: 0 };
  readonly #links: Tally = { copied: 0, kept: 0 };
  #others = 0;
  #failed = 0;
  #bytes = 0;
  #withoutOwner = 0;
  /** Of the directory that all is copied to. */
  #targetId: bigint | undefined;

  constructor(from: Target, to: Target, context: CommandContext) {
    this.#from = from;
    this.#to = to;
    this.#context = context;
  }

  async run(): Promise<CopyResult> {
    const { signal, onFailure, note, isTerminal } = this.#context;
    const start = performance.now();
    const root = await treeAt(this.#from);
    const progress = new Progress(note);
    // Counting reads every directory once more: only where somebody looks on.
    if (isTerminal) progress.count(this.#from.client, root);
    try {
      await walkTree<true>(
        root,
        {
          enter: (directory) => this.#makeDirectory(directory),
          visit: async (entry) => {
            await this.#copyEntry(entry);
            progress.done(entry.attributes.size);
          },
          leave: (directory) => this.#copyAttributes(directory),
        },
        {
          client: this.#from.client,
          concurrency: CONCURRENCY,
          signal,
          onFailure: (path, error) => {
            this.#failed += 1;
            onFailure(path, error);
          },
        },
      );
    } finally {
      await progress.stop();
    }
    return {
      directories: this.#directories,
      files: this.#files,
      links: this.#links,
      others: this.#others,
      failed: this.#failed,
      bytes: this.#bytes,
      withoutOwner: this.#withoutOwner,
      seconds: (performance.now() - start) / 1000,
    };
  }

  #targetOf({ path }: TreeEntry): string {
    const below = this.#from.path === "/" ? path.replace(/^\/$/, "") : path.slice(this.#from.path.length);
    return `${this.#to.path === "/" ? "" : this.#to.path}${below}` || "/";
  }

  async #makeDirectory(directory: TreeEntry): Promise<true> {
    const { client } = this.#to;
    const target = this.#targetOf(directory);
    const isRoot = directory.path === this.#from.path;
    const there = await this.#statTarget(target);
    if (isRoot) this.#targetId = there?.fileId;
    if (await this.#isTarget(directory))
      throw isRoot ? new UsageError(INTO_ITSELF) : new PreconditionError(INTO_ITSELF);
    if (there === undefined) {
      await client.makeDirectory(target, { recursive: isRoot });
      this.#directories.copied += 1;
    } else if (there.type === "directory") {
      this.#directories.kept += 1;
    } else {
      throw inTheWay(there, target);
    }
    if (isRoot) this.#targetId ??= (await client.stat(target)).fileId;
    return true;
  }

  /**
   * Whether a directory of the source is the one that all is copied to: then the walk would find its own copies for
   * ever. Servers have names, addresses and exports of all kinds, and other file systems have the same file ids, so a
   * file shows it: what is created in one is found in the other.
   */
  async #isTarget({ path, attributes }: TreeEntry): Promise<boolean> {
    if (attributes.fileId !== this.#targetId) return false;
    const { client } = this.#to;
    const name = newTemporaryName();
    const marker = `${this.#to.path === "/" ? "" : this.#to.path}/${name}`;
    try {
      await client.writeFile(marker, Buffer.alloc(0), { createParents: false });
      return await this.#from.client.exists(`${path === "/" ? "" : path}/${name}`);
    } finally {
      await client.remove(marker, { signal: UNINTERRUPTED }).catch(ignoreNfsError);
    }
  }

  async #copyEntry(entry: TreeEntry): Promise<void> {
    switch (entry.attributes.type) {
      case "file":
        return this.#copyFile(entry);
      case "symbolic-link":
        return this.#copyLink(entry);
      default:
        this.#others += 1;
    }
  }

  async #copyFile(entry: TreeEntry): Promise<void> {
    const target = this.#targetOf(entry);
    const there = await this.#statTarget(target);
    if (there !== undefined && isSame(entry.attributes, there)) {
      this.#files.kept += 1;
      return;
    }
    const { attributes, body } = await this.#from.client.openFile(entry.path);
    await this.#to.client.writeFile(target, body, { createParents: false });
    await this.#copyAttributes({ ...entry, attributes });
    this.#files.copied += 1;
    this.#bytes += attributes.size;
  }

  async #copyLink(entry: TreeEntry): Promise<void> {
    const { client } = this.#to;
    const target = this.#targetOf(entry);
    const leadsTo = await this.#from.client.readLink(entry.path);
    const there = await this.#statTarget(target);
    if (there?.type === "symbolic-link") {
      if ((await client.readLink(target)) === leadsTo) {
        this.#links.kept += 1;
        return;
      }
      await client.remove(target);
    } else if (there !== undefined) {
      throw inTheWay(there, target);
    }
    await client.makeSymbolicLink(target, leadsTo);
    await this.#copyAttributes(entry);
    this.#links.copied += 1;
  }

  /** Owner, mode and time. Last of all: only what is whole has the time by which it is known. */
  async #copyAttributes(entry: TreeEntry): Promise<void> {
    const { type, mode, modifiedAt } = entry.attributes;
    const target = this.#targetOf(entry);
    const owners = await this.#from.client.owners(entry.path);
    const set = (changes: AttributeChanges) => this.#to.client.setAttributes(target, changes);
    const others: AttributeChanges = { modifiedAt, ...(type === "symbolic-link" ? {} : { mode }) };
    try {
      await set({ ...owners, ...others });
    } catch (error) {
      if (!isStatus(error, ...OWNER_REFUSED)) throw error;
      this.#withoutOwner += 1;
      await set(others);
    }
  }

  async #statTarget(path: string): Promise<FileAttributes | undefined> {
    return statIfThere(this.#to.client, path);
  }
}

/** Only root may give files away, and not every server knows every owner. */
const OWNER_REFUSED = ["NFS4ERR_PERM", "NFS4ERR_ACCESS", "NFS4ERR_BADOWNER", "NFS4ERR_ATTRNOTSUPP"] as const;

async function statIfThere(client: NfsClient, path: string): Promise<FileAttributes | undefined> {
  try {
    return await client.stat(path);
  } catch (error) {
    if (isStatus(error, "NFS4ERR_NOENT")) return undefined;
    throw error;
  }
}

function isSame(source: FileAttributes, target: FileAttributes): boolean {
  const { type, size, modifiedAt } = target;
  return type === source.type && size === source.size && Math.abs(modifiedAt - source.modifiedAt) < SAME_TIME;
}

function inTheWay({ type }: FileAttributes, target: string): PreconditionError {
  return new PreconditionError(`There is a ${type} at ${target} already`);
}

function describe(result: CopyResult): string {
  const { directories, files, links, others, failed, bytes, withoutOwner, seconds } = result;
  const row = (name: string, { copied, kept }: Tally) => [name, formatCount(copied), formatCount(kept)];
  const table = formatTable([
    ["", "copied", "there already"],
    row("directories", directories),
    row("files", files),
    row("symbolic links", links),
  ]);
  const rate = formatBytes(Math.round(bytes / Math.max(seconds, 0.001)));
  const notes = [
    `${formatBytes(bytes)} in ${seconds.toFixed(1)} s, ${rate}/s`,
    ...(others > 0 ? [`not copied, as they are neither files nor directories nor links: ${formatCount(others)}`] : []),
    ...(withoutOwner > 0
      ? [`copied without their owner, which the server did not let us set: ${formatCount(withoutOwner)}`]
      : []),
    ...(failed > 0 ? [`failed: ${formatCount(failed)}`] : []),
  ];
  return `${table}${notes.map((note) => `${note}\n`).join("")}`;
}
