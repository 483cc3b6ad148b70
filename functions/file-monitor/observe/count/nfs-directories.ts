/**
 * Directories over NFS, through several mount targets of one file system at once.
 *
 * A directory is found by its name in the handle of its parent, so that what is found is what is there now. The mark is
 * the change attribute; a handle of the last count stands for the same directory for as long as it exists.
 */
import { setMaxListeners } from "node:events";
import {
  connectTreeReader,
  type DirectoryContents,
  type DirectoryLocation,
  isStatus,
  messageOf,
  NfsStatusError,
  type TlsOptions,
  type TreeReader,
} from "nfs-client";
import { CountError } from "./count-tree.ts";
import type { Directories, KeptContents, Listing, Reading } from "./directories.ts";
import { type DirectoryTree, ROOT } from "./directory-tree.ts";

export interface NfsDirectoriesOptions {
  /** The directory to count, as a path inside the file system or the access point. */
  readonly path: string;
  /** The addresses of the mount targets. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** Plain TCP where undefined. */
  readonly tls: TlsOptions | undefined;
  /** Ends all that is in flight. */
  readonly signal: AbortSignal;
  /** Told of mount targets that are of no use, and why. */
  readonly onUnusable: (host: string, reason: string) => void;
}

interface Target {
  readonly host: string;
  readonly reader: TreeReader;
  readonly root: Buffer;
  inFlight: number;
}

interface SmallRead {
  readonly location: DirectoryLocation;
  readonly resolve: (contents: DirectoryContents | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** How many small directories are read in one round trip, and what is small: so many entries at the last count. */
const READ_TOGETHER = 8;
const SMALL = 250;

function isSmall(kept: KeptContents | undefined): boolean {
  return kept !== undefined && kept.directories === 0 && kept.files <= SMALL;
}

/** Milliseconds until a request fails; a server that starts anew takes up to 90 seconds before it answers. */
const REQUEST_TIMEOUT = 120_000;

export class NfsDirectories implements Directories {
  readonly name: string;
  readonly #options: NfsDirectoriesOptions;
  readonly #root: Buffer;
  /** Those that are of use. */
  #targets: readonly Target[];
  readonly #all: readonly Target[];
  /** Asked for in this moment. */
  #together: SmallRead[] = [];

  /** Connects to all mount targets. @throws {CountError} when none is of use. */
  static async open(options: NfsDirectoriesOptions): Promise<NfsDirectories> {
    // Every request in flight listens.
    setMaxListeners(0, options.signal);
    const connected = await Promise.all(options.hosts.map((host) => connect(host, options)));
    const targets = connected.filter((target) => target !== undefined);
    const [first] = targets;
    if (first === undefined) {
      throw new CountError(`${options.path} can't be read over NFS: no mount target is of use`);
    }
    return new NfsDirectories(options, first.root, targets);
  }

  private constructor(options: NfsDirectoriesOptions, root: Buffer, targets: readonly Target[]) {
    this.name = options.path;
    this.#options = options;
    this.#root = root;
    this.#all = targets;
    // A handle must mean the same directory at all of them.
    this.#targets = targets.filter((target) => target.root.equals(root));
    for (const { host } of targets.filter((target) => !this.#targets.includes(target))) {
      options.onUnusable(host, "its file handles are not those of the other mount targets");
    }
  }

  get batch(): number {
    return Math.min(...this.#targets.map(({ reader }) => reader.handlesPerRequest));
  }

  async list(
    tree: DirectoryTree,
    directory: number,
    reading: Reading,
    kept: KeptContents | undefined,
  ): Promise<Listing | "vanished" | "file"> {
    try {
      const location = this.#locate(tree, directory);
      const markedAt = Date.now();
      const keptChildren = kept !== undefined && kept.directories > 0;
      const contents = isSmall(kept)
        ? await this.#readTogether(location)
        : await this.#run((reader, request) => reader.read(location, { ...request, fileIds: keptChildren }));
      if (contents === undefined) {
        if (directory === ROOT) throw new Error("it is no directory");
        return "file";
      }
      reading.opened = true;
      reading.files = contents.files;
      const { change, fileId = NO_ID, handle, changedAt = NEVER_SETTLED } = contents;
      const directories = contents.directories.map(({ name, fileId }) => ({
        name,
        id: fileId ?? (keptChildren ? UNKNOWN_ID : undefined),
      }));
      return { mark: change, id: fileId, handle, markedAt, changedAt, directories, skipped: [] };
    } catch (error) {
      if (directory !== ROOT && isStatus(error, "NFS4ERR_NOENT", "NFS4ERR_STALE", "NFS4ERR_NOTDIR")) return "vanished";
      throw error instanceof NfsStatusError
        ? Object.assign(new Error(error.message, { cause: error }), { code: error.status })
        : error;
    }
  }

  async areUnchanged(kept: DirectoryTree, directories: readonly number[]): Promise<boolean[]> {
    const handles = directories.map((directory) => kept.handle(directory) ?? NO_HANDLE);
    const changes = await this.#run((reader, request) => reader.readChanges(handles, request));
    return directories.map((directory, index) => changes[index] === kept.mark(directory));
  }

  /** Round trips and bytes so far, of all mount targets. */
  statistics(): { readonly compounds: number; readonly bytes: number } {
    const all = this.#all.map(({ reader }) => reader.statistics());
    return {
      compounds: all.reduce((sum, { compounds }) => sum + compounds, 0),
      bytes: all.reduce((sum, { bytesSent, bytesReceived }) => sum + bytesSent + bytesReceived, 0),
    };
  }

  /** Ends the sessions; never fails, because nothing depends on how they end. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#all.map(({ reader }) => reader.close()));
  }

  #locate(tree: DirectoryTree, directory: number) {
    if (directory === ROOT) return { handle: this.#root };
    return { parent: tree.handle(tree.parent(directory)) ?? NO_HANDLE, name: tree.name(directory) };
  }

  /** Reads small directories that are asked for in the same moment in one round trip. */
  #readTogether(location: DirectoryLocation): Promise<DirectoryContents | undefined> {
    return new Promise((resolve, reject) => {
      this.#together.push({ location, resolve, reject });
      if (this.#together.length > 1) return;
      queueMicrotask(() => {
        const together = this.#together;
        this.#together = [];
        for (let at = 0; at < together.length; at += READ_TOGETHER) {
          this.#readGroup(together.slice(at, at + READ_TOGETHER));
        }
      });
    });
  }

  async #readGroup(group: readonly SmallRead[]): Promise<void> {
    try {
      const locations = group.map(({ location }) => location);
      const results = await this.#run((reader, request) => reader.readEach(locations, request));
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = results[index];
        if (result?.status === "fulfilled") resolve(result.value);
        else reject(result?.reason);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  /** Runs a request at the mount target that has least to do. One that fails is not used again while there is another. */
  async #run<Result>(
    request: (
      reader: TreeReader,
      options: { signal: AbortSignal; onConnectionLoss: "recover" | "fail" },
    ) => Promise<Result>,
  ): Promise<Result> {
    for (;;) {
      const target = this.#targets.reduce((least, one) => (one.inFlight < least.inFlight ? one : least));
      const isLast = this.#targets.length === 1;
      target.inFlight += 1;
      try {
        const { signal } = this.#options;
        return await request(target.reader, { signal, onConnectionLoss: isLast ? "recover" : "fail" });
      } catch (error) {
        if (isLast || error instanceof NfsStatusError || this.#options.signal.aborted) throw error;
        this.#giveUp(target, messageOf(error));
      } finally {
        target.inFlight -= 1;
      }
    }
  }

  #giveUp(target: Target, reason: string): void {
    if (!this.#targets.includes(target) || this.#targets.length === 1) return;
    this.#targets = this.#targets.filter((one) => one !== target);
    this.#options.onUnusable(target.host, reason);
  }
}

/** Of a directory, and of one in it, where the server tells no file ids: what has changed is then always another one. */
const NO_ID = 0n;
const UNKNOWN_ID = 2n ** 64n - 1n;

/** Where the server does not tell when a directory changed, every count reads it. */
const NEVER_SETTLED = Number.POSITIVE_INFINITY;

/** No server has such a handle: it is refused. */
const NO_HANDLE = Buffer.of();

async function connect(host: string, options: NfsDirectoriesOptions): Promise<Target | undefined> {
  const { path, port, tls, signal, onUnusable } = options;
  let reader: TreeReader | undefined;
  try {
    reader = await connectTreeReader({ host, port, tls, operationTimeout: REQUEST_TIMEOUT });
    return { host, reader, root: await reader.find(path, { signal }), inFlight: 0 };
  } catch (error) {
    onUnusable(host, messageOf(error));
    await reader?.close();
    return undefined;
  }
}
