/** What is there: ls, stat, find, du. */
import { etagOf, type FileAttributes, type FileType } from "../../wire/operations/attributes.ts";
import { type Command, operand, type Target } from "../command.ts";
import { formatAttributes, formatMode, formatTime } from "../format.ts";
import { spellName, spellPath, UsageError } from "../location.ts";
import { type TreeEntry, walkTree } from "../walk.ts";

const CONCURRENCY = 32;

export const ls: Command = {
  name: "ls",
  operands: "DIRECTORY",
  minOperands: 1,
  maxOperands: 1,
  summary: "list a directory",
  flags: { long: "with type, mode, size and time" },
  async run(context) {
    const { client, path } = await context.open(operand(context, 0));
    for await (const { name, attributes } of client.readDirectory(path)) {
      const shown = attributes.type === "directory" ? `${spellName(name)}/` : spellName(name);
      await context.write(context.flags.long ? `${formatAttributes(attributes)} ${shown}\n` : `${shown}\n`);
    }
  },
};

export const stat: Command = {
  name: "stat",
  operands: "PLACE",
  minOperands: 1,
  maxOperands: 1,
  summary: "show the attributes of a file",
  flags: {},
  async run(context) {
    const target = await context.open(operand(context, 0));
    const attributes = await statTarget(target);
    const { owner, group } = await target.client.owners(target.path);
    const rows = {
      path: spellPath(target.path),
      type: attributes.type,
      size: attributes.size,
      mode: formatMode(attributes.mode),
      owner,
      group,
      modified: formatTime(attributes.modifiedAt),
      inode: attributes.fileId,
      etag: etagOf(attributes),
    };
    for (const [name, value] of Object.entries(rows)) await context.write(`${name.padEnd(10)}${value}\n`);
  },
};

export const find: Command = {
  name: "find",
  operands: "DIRECTORY",
  minOperands: 1,
  maxOperands: 1,
  summary: "list a directory and all that is below it, in no order",
  flags: {
    name: "only names like this, with * and ?, as find writes them",
    type: "only f (files), d (directories), l (symbolic links) or o (others)",
    "not-owner": "only what does not belong to this user",
  },
  async run(context) {
    const { flags, write, signal, onFailure } = context;
    const isWanted = matcher(flags.name, flags.type);
    const notOwner = flags["not-owner"];
    const target = await context.open(operand(context, 0));
    const { client } = target;
    const show = async ({ path, name, attributes }: TreeEntry) => {
      if (!isWanted(spellName(name), attributes.type)) return;
      if (notOwner !== undefined && (await client.owners(path)).owner === notOwner) return;
      await write(`${spellPath(path)}\n`);
    };
    const enter = async (directory: TreeEntry) => {
      await show(directory);
      return true;
    };
    await walkTree(
      await treeAt(target),
      { enter, visit: show },
      { client, signal, onFailure, concurrency: CONCURRENCY },
    );
  },
};

export const du: Command = {
  name: "du",
  operands: "DIRECTORY",
  minOperands: 1,
  maxOperands: 1,
  summary: "the bytes and the number of files in each directory, with all below it",
  flags: { summarize: "of the directory itself only" },
  async run(context) {
    const { flags, write, signal, onFailure } = context;
    const target = await context.open(operand(context, 0));
    const { client, path } = target;
    interface Total {
      bytes: number;
      files: number;
    }
    const add = (total: Total, { bytes, files }: Total) => {
      total.bytes += bytes;
      total.files += files;
    };
    await walkTree<Total>(
      await treeAt(target),
      {
        enter: async () => ({ bytes: 0, files: 0 }),
        visit: async ({ attributes }, parent) => add(parent, { bytes: attributes.size, files: 1 }),
        async leave(directory, total, parent) {
          if (parent !== undefined) add(parent, total);
          if (flags.summarize && directory.path !== path) return;
          await write(
            `${String(total.bytes).padStart(15)} ${String(total.files).padStart(10)} ${spellPath(directory.path)}\n`,
          );
        },
      },
      { client, signal, onFailure, concurrency: CONCURRENCY },
    );
  },
};

/** The attributes of what a place names; one that ends in `/` must be a directory. */
export async function statTarget({ client, path, isDirectory }: Target): Promise<FileAttributes> {
  const attributes = await client.stat(path);
  if (isDirectory && attributes.type !== "directory") {
    throw new Error(`${spellPath(path)} is no directory, but a ${attributes.type}`);
  }
  return attributes;
}

/** The root of a walk. */
export async function treeAt(target: Target): Promise<TreeEntry> {
  const attributes = await statTarget({ ...target, isDirectory: true });
  return { path: target.path, name: target.path.slice(target.path.lastIndexOf("/") + 1), attributes };
}

const TYPES: Readonly<Record<string, (type: FileType) => boolean>> = {
  f: (type) => type === "file",
  d: (type) => type === "directory",
  l: (type) => type === "symbolic-link",
  o: (type) => type !== "file" && type !== "directory" && type !== "symbolic-link",
};

function matcher(pattern: string | undefined, wanted: string | undefined): (name: string, type: FileType) => boolean {
  const isOfType = wanted === undefined ? () => true : TYPES[wanted];
  if (isOfType === undefined) throw new UsageError(`--type is f, d, l or o, not ${JSON.stringify(wanted)}`);
  const expression = pattern === undefined ? undefined : globExpression(pattern);
  return (name, type) => isOfType(type) && (expression === undefined || expression.test(name));
}

function globExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "su");
}
