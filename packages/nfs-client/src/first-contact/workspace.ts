/** The one directory that first contact works in. It has a name of its own, and goes away with all that is in it. */
import { randomBytes } from "node:crypto";
import { Backoff, Deadline } from "../deadline.ts";
import { NfsStatusError } from "../errors.ts";
import type { CompoundReply, Operation, Operations } from "../wire/compound.ts";
import { Attribute } from "../wire/constants.ts";
import { getServerAttributes, type ServerAttributes } from "../wire/operations/attributes.ts";
import {
  createDirectory,
  DIRECTORY_START,
  type DirectoryPosition,
  readDirectory,
  remove,
} from "../wire/operations/directories.ts";
import { getFileHandle, lookup, putFileHandle, putRootFileHandle } from "../wire/operations/file-handles.ts";
import type { Client } from "./client.ts";

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;

/** Bytes of one READDIR page while the directory is emptied. */
const PAGE = 32 * 1024;

/** Milliseconds for a directory to be empty: what was in flight when we stopped may still add names to it. */
const EMPTY_TIMEOUT = 20_000;

/** A directory that was made for us, and the directory it is in. */
interface Made {
  readonly parent: Buffer;
  readonly name: string;
}

export class Workspace {
  /** The names that lead to the directory. */
  readonly names: readonly string[];
  readonly #path: readonly string[];
  readonly #made: Made[] = [];
  #handle: Buffer | undefined;
  #attributes: Partial<ServerAttributes> = {};

  /** @param path The names of the directory that it will be in. */
  constructor(path: readonly string[]) {
    this.#path = path;
    this.names = [...path, `.first-contact-${randomBytes(6).toString("hex")}`];
  }

  /** As the first mount target knows it. */
  get handle(): Buffer {
    if (this.#handle === undefined) throw new Error("The directory was not made yet");
    return this.#handle;
  }

  /** Something was made, or may have been, that is to be removed. */
  get isThere(): boolean {
    return this.#made.length > 0;
  }

  /** Of the file system that the directory is in. */
  get attributes(): Partial<ServerAttributes> {
    return this.#attributes;
  }

  /** Permission bits of what is created; none where the server has no such attribute. */
  get fileMode(): number | undefined {
    return this.modeOf(FILE_MODE);
  }

  modeOf(mode: number): number | undefined {
    return this.#attributes.supported?.includes(Attribute.MODE) ? mode : undefined;
  }

  /** Makes the directory, and those above it that are missing. */
  async make(client: Client): Promise<void> {
    let at = await enter(client, putRootFileHandle, []);
    for (const name of this.names) {
      const found = await tryToEnter(client, at, name);
      if (found.succeeded) {
        at = found.handle;
        continue;
      }
      if (!found.reply.failedWith("NFS4ERR_NOENT")) found.reply.orThrow(`/${this.#path.join("/")}`);
      await this.#learnAttributes(client, at);
      this.#made.push({ parent: at, name });
      const handle = getFileHandle();
      const create = createDirectory(name, this.modeOf(DIRECTORY_MODE));
      const path = `/${this.names.join("/")}`;
      at = (await client.run([putFileHandle(at), create, handle])).orThrow(path).of(handle);
    }
    await this.#learnAttributes(client, at);
    this.#handle = at;
  }

  async #learnAttributes(client: Client, directory: Buffer): Promise<void> {
    const attributes = getServerAttributes();
    const reply = await client.run([putFileHandle(directory), attributes]);
    this.#attributes = reply.orThrow().of(attributes);
  }

  /** Removes all that {@link make} made, and what is in it. Returns what is left, if something is. */
  async remove(client: Client): Promise<string | undefined> {
    for (let made = this.#made.at(-1); made !== undefined; made = this.#made.at(-1)) {
      const isOwn = made.name === this.names.at(-1);
      const reply = await removeTree(client, made.parent, made.name, new Deadline(isOwn ? EMPTY_TIMEOUT : 0));
      const isGone = reply.succeeded || reply.failedWith("NFS4ERR_NOENT");
      if (isOwn && !isGone) return messageOfReply(reply);
      // Of the directories above our own, those stay that somebody else uses by now.
      this.#made.pop();
    }
    return undefined;
  }
}

type Entered =
  | { readonly succeeded: true; readonly handle: Buffer }
  | { readonly succeeded: false; readonly reply: CompoundReply };

async function tryToEnter(client: Client, directory: Buffer, name: string): Promise<Entered> {
  const handle = getFileHandle();
  const reply = await client.run([putFileHandle(directory), lookup(name), handle]);
  return reply.succeeded ? { succeeded: true, handle: reply.of(handle) } : { succeeded: false, reply };
}

async function enter(client: Client, start: Operation<void>, names: readonly string[]): Promise<Buffer> {
  const handle = getFileHandle();
  return (await client.run([start, ...names.map(lookup), handle])).orThrow().of(handle);
}

/** The handle of the directory at `names`, looked up name by name: however few operations a COMPOUND may have. */
export async function handleOf(client: Client, names: readonly string[]): Promise<Buffer> {
  let at = await enter(client, putRootFileHandle, []);
  for (const name of names) at = await enter(client, putFileHandle(at), [name]);
  return at;
}

/** The operations that lead to the directory at `names` in one COMPOUND. */
export function walkTo(names: readonly string[]): Operations {
  return [putRootFileHandle, ...names.map(lookup)];
}

/** Removes a name, and first what is in it where it is a directory. */
async function removeTree(client: Client, parent: Buffer, name: string, deadline: Deadline): Promise<CompoundReply> {
  const backoff = new Backoff();
  for (;;) {
    const removed = await client.run([putFileHandle(parent), remove(name)]);
    if (!removed.failedWith("NFS4ERR_NOTEMPTY") || deadline.remaining === 0) return removed;
    const found = await tryToEnter(client, parent, name);
    if (!found.succeeded) return found.reply;
    const emptied = await empty(client, found.handle, deadline);
    if (emptied !== undefined) return emptied;
    if (deadline.remaining > 0) await new Deadline(EMPTY_TIMEOUT).sleep(backoff.next());
  }
}

/** Returns the reply that says why not all could be removed. */
async function empty(client: Client, directory: Buffer, deadline: Deadline): Promise<CompoundReply | undefined> {
  let position: DirectoryPosition = DIRECTORY_START;
  for (;;) {
    const listing = readDirectory(position, PAGE);
    const reply = await client.run([putFileHandle(directory), listing]);
    if (!reply.succeeded) return reply;
    const { entries, endOfDirectory, verifier } = reply.of(listing);
    for (const { name } of entries) {
      const removed = await removeTree(client, directory, name, deadline);
      if (!removed.succeeded && !removed.failedWith("NFS4ERR_NOENT")) return removed;
    }
    const last = entries.at(-1);
    if (endOfDirectory || last === undefined) return undefined;
    position = { cookie: last.cookie, verifier };
  }
}

function messageOfReply({ failure }: CompoundReply): string {
  return failure === undefined ? "" : new NfsStatusError(failure.code, failure.operation.code).message;
}
