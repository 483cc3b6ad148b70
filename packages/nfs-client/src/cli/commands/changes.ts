/** Changes of names, owners and modes: rm, mkdir, mv, chown, chmod. */
import { isStatus } from "../../errors.ts";
import type { AttributeChanges } from "../../wire/operations/metadata.ts";
import { type Command, type CommandContext, operand, type Target } from "../command.ts";
import { UsageError } from "../location.ts";
import { parseMode } from "../mode.ts";
import { Progress } from "../progress.ts";
import { type TreeEntry, type Visitor, walkTree } from "../walk.ts";
import { statTarget, treeAt } from "./listing.ts";

const CONCURRENCY = 32;

export const rm: Command = {
  name: "rm",
  operands: "PLACE",
  minOperands: 1,
  maxOperands: 1,
  summary: "remove a file or an empty directory",
  flags: { recursive: "a directory with all that is below it" },
  async run(context) {
    const { flags } = context;
    const target = await context.open(operand(context, 0));
    const { client, path } = target;
    const remove = async (entry: TreeEntry) => {
      await client.remove(entry.path);
    };
    if (path === "/") throw new UsageError("The root cannot be removed");
    const isTree = flags.recursive && (await statTarget(target)).type === "directory";
    if (isTree) {
      await walkWithProgress(context, target, { enter: async () => true, visit: remove, leave: remove });
      return;
    }
    if (target.isDirectory) await statTarget(target);
    await client.remove(path);
  },
};

export const mkdir: Command = {
  name: "mkdir",
  operands: "DIRECTORY",
  minOperands: 1,
  maxOperands: 1,
  summary: "make a directory",
  flags: { parents: "with the missing ones above it; it may be there already" },
  async run(context) {
    const { client, path } = await context.open(operand(context, 0));
    await client.makeDirectory(path, { recursive: context.flags.parents });
  },
};

export const mv: Command = {
  name: "mv",
  operands: "FROM TO",
  minOperands: 2,
  maxOperands: 2,
  summary: "rename a file or a directory; into TO, where that is a directory",
  flags: {},
  async run(context) {
    const from = await context.open(operand(context, 0));
    const to = await context.open(operand(context, 1));
    if (from.server !== to.server) throw new UsageError("mv renames on one server: tree-copy copies to another one");
    if (from.isDirectory) await statTarget(from);
    const name = from.path.slice(from.path.lastIndexOf("/") + 1);
    const intoDirectory = to.isDirectory || (await isDirectory(to));
    await from.client.rename(from.path, intoDirectory ? `${to.path}/${name}` : to.path);
  },
};

async function isDirectory({ client, path }: Target): Promise<boolean> {
  try {
    return (await client.stat(path)).type === "directory";
  } catch (error) {
    if (isStatus(error, "NFS4ERR_NOENT")) return false;
    throw error;
  }
}

export const chown: Command = {
  name: "chown",
  operands: "OWNER[:GROUP] PLACE",
  minOperands: 2,
  maxOperands: 2,
  summary: "change the owner, or with :GROUP the group; of a symbolic link, its own",
  flags: { recursive: "and of all that is below it" },
  async run(context) {
    const changes = parseOwners(operand(context, 0));
    await changeEach(context, () => changes);
  },
};

export const chmod: Command = {
  name: "chmod",
  operands: "MODE PLACE",
  minOperands: 2,
  maxOperands: 2,
  summary: "change the mode, such as 0644 or u+rwX,go-w; not of symbolic links, which have none",
  flags: { recursive: "and of all that is below it" },
  async run(context) {
    const change = parseMode(operand(context, 0));
    await changeEach(context, ({ attributes: { type, mode } }) => {
      const changed = change(mode, type === "directory");
      return type === "symbolic-link" || changed === mode ? undefined : { mode: changed };
    });
  },
};

/** The second operand, and with `--recursive` all below it. A directory comes before what is in it. */
async function changeEach(
  context: CommandContext,
  changesOf: (entry: TreeEntry) => AttributeChanges | undefined,
): Promise<void> {
  const { flags } = context;
  const target = await context.open(operand(context, 1));
  const { client, path } = target;
  const change = async (entry: TreeEntry) => {
    const changes = changesOf(entry);
    if (changes !== undefined) await client.setAttributes(entry.path, changes);
  };
  const attributes = await statTarget(target);
  if (!flags.recursive || attributes.type !== "directory") {
    await change({ path, name: "", attributes });
    return;
  }
  const enter = async (directory: TreeEntry) => {
    await change(directory);
    return true as const;
  };
  await walkWithProgress(context, target, { enter, visit: change });
}

/** A session without output for minutes is one that some close: so a long walk shows how far it is. */
async function walkWithProgress(
  { signal, onFailure, note }: CommandContext,
  target: Target,
  visitor: Visitor<true>,
): Promise<void> {
  const progress = new Progress(note);
  const visit = async (entry: TreeEntry, parent: true) => {
    await visitor.visit(entry, parent);
    progress.done();
  };
  const options = { client: target.client, signal, onFailure, concurrency: CONCURRENCY };
  try {
    await walkTree(await treeAt(target), { ...visitor, visit }, options);
  } finally {
    await progress.stop();
  }
}

const MAX_ID = 2 ** 32 - 2;

/** `1000`, `1000:1000` or `:1000`. */
function parseOwners(text: string): AttributeChanges {
  const [, owner, group] = /^(\d{1,10})?(?::(\d{1,10}))?$/.exec(text) ?? [];
  const ids = [owner, group].filter((id) => id !== undefined);
  if (ids.length === 0 || ids.some((id) => Number(id) > MAX_ID)) {
    throw new UsageError(
      `The owner is a number, and so is the group, like 1000:1000 or :1000, not ${JSON.stringify(text)}`,
    );
  }
  return {
    ...(owner === undefined ? {} : { owner: Number(owner) }),
    ...(group === undefined ? {} : { group: Number(group) }),
  };
}
