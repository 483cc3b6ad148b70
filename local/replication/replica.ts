/**
 * The destination's side of a replication: applies changes to its directory.
 *
 * A file appears whole: it is written beside the tree, and then takes its name. Everything may be done twice, since the
 * source does not know what was done when a response is lost.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, link, mkdir, readdir, readlink, rename, rm, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Attributes, absolute, entryAt, ifThere, type Kind, scan } from "./tree.ts";

export type Change =
  | { readonly what: "directory"; readonly path: string }
  | ({ readonly what: "attributes"; readonly path: string } & Attributes)
  | { readonly what: "symbolic-link"; readonly path: string; readonly target: string }
  /** Another name of the file at `to`. */
  | { readonly what: "link"; readonly path: string; readonly to: string }
  /** With everything below it. */
  | { readonly what: "remove"; readonly path: string };

/** What the destination has at a path. */
export interface Held extends Attributes {
  readonly path: string;
  readonly kind: Kind;
  /** SHA-256 of a file's bytes, or of a symbolic link's target. */
  readonly digest?: string;
}

/** What a source sends its changes to. */
export interface Destination {
  /** Ends what an earlier sync has in flight. */
  begin(): Promise<void>;
  list(): Promise<readonly Held[]>;
  put(path: string, attributes: Attributes, content: Readable): Promise<void>;
  apply(changes: readonly Change[]): Promise<void>;
}

/** A directory, and another one of the same file system for what is not complete yet. */
export class Replica implements Destination {
  readonly #root: string;
  readonly #staging: string;
  #staged = 0;

  constructor(root: string, staging: string) {
    this.#root = root;
    this.#staging = staging;
  }

  async begin(): Promise<void> {
    await mkdir(this.#root, { recursive: true });
  }

  async list(): Promise<Held[]> {
    const held: Held[] = [];
    for (const { path, kind, mode, modifiedAt } of (await scan(this.#root)).values()) {
      const digest = await digestOf(this.#root, path, kind);
      held.push({ path, kind, mode, modifiedAt, ...(digest === undefined ? {} : { digest }) });
    }
    return held;
  }

  async put(path: string, attributes: Attributes, content: Readable): Promise<void> {
    await this.#replace(path, async (staged) => {
      await pipeline(content, createWriteStream(staged));
      await setAttributes(staged, attributes);
    });
  }

  async apply(changes: readonly Change[]): Promise<void> {
    for (const change of changes) await this.#apply(change);
  }

  /**
   * Moves what an interrupted sync left incomplete into the tree, where EFS puts it when a replication is deleted (EFS
   * user guide, "Deleting replication configurations").
   */
  async keepIncomplete(source: string, now: Date): Promise<void> {
    const names = (await ifThere(readdir(this.#staging))) ?? [];
    if (names.length > 0) {
      await rename(this.#staging, join(this.#root, `efs-replication-lost+found-${source}-${now.getTime()}`));
    }
    await rm(this.#staging, { recursive: true, force: true });
  }

  async #apply(change: Change): Promise<void> {
    const path = absolute(this.#root, change.path);
    switch (change.what) {
      case "directory":
        if ((await entryAt(this.#root, change.path))?.kind !== "directory") await mkdir(path);
        return;
      case "attributes":
        await setAttributes(path, change);
        return;
      case "symbolic-link":
        await this.#replace(change.path, (staged) => symlink(Buffer.from(change.target, "latin1"), staged));
        return;
      case "link":
        await this.#replace(change.path, (staged) => link(absolute(this.#root, change.to), staged));
        return;
      case "remove":
        // rm takes no bytes for a path, and what is removed can have any name.
        await this.#remove(change.path);
    }
  }

  async #remove(path: string): Promise<void> {
    const trash = join(this.#staging, `removed-${++this.#staged}`);
    await mkdir(this.#staging, { recursive: true });
    await ifThere(rename(absolute(this.#root, path), trash));
    await rm(trash, { recursive: true, force: true });
  }

  async #replace(path: string, write: (staged: string) => Promise<void>): Promise<void> {
    const staged = join(this.#staging, `incomplete-${++this.#staged}`);
    await mkdir(this.#staging, { recursive: true });
    await rm(staged, { force: true });
    try {
      await write(staged);
      await rename(staged, absolute(this.#root, path));
    } finally {
      // Two names of one file are both left by a rename from one to the other.
      await rm(staged, { force: true });
    }
  }
}

/** `undefined` for directories, and for what is gone. */
export async function digestOf(root: string, path: string, kind: Kind): Promise<string | undefined> {
  if (kind === "directory") return undefined;
  const hash = createHash("sha256");
  if (kind === "symbolic-link") {
    const target = await ifThere(readlink(absolute(root, path), { encoding: "buffer" }));
    return target === undefined ? undefined : hash.update(target).digest("hex");
  }
  return ifThere(pipeline(createReadStream(absolute(root, path)), hash).then(() => hash.digest("hex")));
}

/**
 * Node.js takes times as seconds in a double, which has steps of a quarter of a microsecond in this century, and cuts them
 * to microseconds.
 */
async function setAttributes(path: string | Buffer, { mode, modifiedAt }: Attributes): Promise<void> {
  await chmod(path, mode);
  await utimes(path, new Date(), Number(modifiedAt) / 1e9);
}
