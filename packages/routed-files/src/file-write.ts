/** The replacement of one file, tried at one target after the other. */
import {
  type Changed,
  type FileAttributes,
  FileChangedError,
  isStatus,
  messageOf,
  type NfsClient,
  type OperationOptions,
  OutcomeUnknownError,
  PreconditionError,
  type Staged,
  type WriteOptions,
} from "nfs-client";
import { mayHaveBeenDone } from "./targets/failures.ts";
import type { Target } from "./targets/target.ts";
import type { Attempt } from "./targets/target-pool.ts";

export type WriteCondition = WriteOptions["when"];

export interface Written extends Changed {
  readonly attributes: FileAttributes;
  /** There was no file before. Undefined where nobody asked. */
  readonly created: boolean | undefined;
}

/** Bytes of a body that is still coming: at least so many, or it would have been taken as a whole. */
const STREAM_BYTES = 2 ** 20;

/** How a file is written. */
export interface WriteManner extends Pick<WriteOptions, "together" | "createParents" | "beforePublishing"> {
  /** Find out whether there was a file before, which takes one more COMPOUND. Default true. */
  readonly learnCreated?: boolean;
}

export interface FileWriteOptions {
  /** Absolute. */
  readonly path: string;
  readonly data: Uint8Array | AsyncIterable<Uint8Array>;
  readonly when: WriteCondition;
  readonly how?: WriteManner;
  /** Called when so many bytes were written at a target. */
  readonly onWritten: (target: Target, bytes: number) => void;
}

/** What its attempts so far have found out, and left behind. */
export class FileWrite {
  readonly #path: string;
  readonly #data: Uint8Array | AsyncIterable<Uint8Array>;
  readonly #when: WriteCondition;
  readonly #how: Omit<WriteManner, "learnCreated">;
  readonly #learnCreated: boolean;
  readonly #onWritten: FileWriteOptions["onWritten"];
  #begun = false;
  /** There was a file before; undefined while that is not known. */
  #existed: boolean | undefined;
  /** By an attempt of which nobody can tell any more. */
  #mayBeDone = false;
  /** What the attempt before has left, which the next one resolves. */
  #unresolved: StagedWrite | undefined;

  constructor({ path, data, when, how = {}, onWritten }: FileWriteOptions) {
    this.#path = path;
    this.#data = data instanceof Uint8Array ? data : onBegin(data, () => (this.#begun = true));
    this.#when = when;
    const { learnCreated = true, ...others } = how;
    this.#how = others;
    this.#learnCreated = learnCreated;
    this.#onWritten = onWritten;
    this.#existed = when === undefined ? undefined : when !== "absent";
  }

  /** Something of a stream was read, which cannot be read again. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Finds out how the attempt before ended, where that can be found out, and writes the file if it is not written yet. */
  async attempt({ target, client, connection, fenceable, ...attempt }: Attempt): Promise<Written> {
    const resolvable = !fenceable && this.#data instanceof Uint8Array;
    // What can be resolved need not wait for a target that is given up.
    const options = resolvable ? { ...attempt.options, signal: connection.lost } : attempt.options;
    const done = await this.#resolve(client, options);
    if (done !== undefined) return done;
    const end = target.meter.carry(this.#data instanceof Uint8Array ? this.#data.length : STREAM_BYTES);
    try {
      return await this.#write(target, client, { ...options, ...this.#how, resolvable });
    } finally {
      end();
    }
  }

  /** What the attempt before has written; undefined when it has written nothing, or nobody knows. */
  async #resolve(client: NfsClient, options: OperationOptions): Promise<Written | undefined> {
    if (this.#unresolved === undefined) return undefined;
    const published = await this.#unresolved.wasPublished(client, options);
    if (published === "yes") {
      const attributes = await this.#unresolved.attributesAt(this.#path, client, options);
      return { attributes, created: this.#created(this.#existed) };
    }
    this.#unresolved = undefined;
    this.#mayBeDone ||= published === "unknown";
    return undefined;
  }

  async #write(target: Target, client: NfsClient, options: WriteOptions): Promise<Written> {
    // A write cannot tell: RENAME does not say what it replaced, and a LOOKUP that finds nothing ends its COMPOUND.
    // (LINK fails where there is a file, but then every replacement takes two round trips.) So this is asked beside
    // it, in front of it in the same segment, and costs no time.
    const existing = this.#existed ?? this.#exists(client, options);
    const condition = this.#when === undefined ? {} : { when: this.#when };
    try {
      const written = await client.writeFile(this.#path, this.#data, { ...options, ...condition });
      const { directoryChange, ...attributes } = written;
      this.#onWritten(target, attributes.size);
      const created = this.#created(await existing);
      return { attributes, created, ...(directoryChange !== undefined && { directoryChange }) };
    } catch (error) {
      this.#existed = await existing;
      throw this.#judge(error);
    }
  }

  async #exists(client: NfsClient, options: OperationOptions): Promise<boolean | undefined> {
    if (!this.#learnCreated) return undefined;
    return client.exists(this.#path, options).catch(() => undefined);
  }

  /** A file that nobody could ask for counts as one that was there. */
  #created(existed: boolean | undefined): boolean | undefined {
    return this.#learnCreated ? existed === false : undefined;
  }

  /** Remembers what a failed attempt may have done. Returns what to report of it. */
  #judge(error: unknown): unknown {
    if (this.#mayBeDone && error instanceof PreconditionError) {
      const message = "The file is not as the condition says, but a lost attempt may have made it so";
      return new OutcomeUnknownError(message, { cause: error });
    }
    if (error instanceof OutcomeUnknownError && error.staged !== undefined) {
      this.#unresolved = new StagedWrite(error.staged);
    } else {
      this.#mayBeDone ||= mayHaveBeenDone(error);
    }
    return error;
  }
}

/** A write whose file was staged, and then perhaps published: see {@link OutcomeUnknownError.staged}. */
class StagedWrite {
  readonly #staged: Staged;
  #published = false;
  #mayBeRemoved = false;

  constructor(staged: Staged) {
    this.#staged = staged;
  }

  /**
   * Whether the file got its name. If it is not published by now, it never will be.
   *
   * @throws {OutcomeUnknownError} when this could not be found out, with the reason.
   */
  async wasPublished(client: NfsClient, options: OperationOptions): Promise<"yes" | "no" | "unknown"> {
    if (this.#published) return "yes";
    try {
      await client.remove(this.#staged.path, { ...options, once: true });
      return "no";
    } catch (error) {
      if (isStatus(error, "NFS4ERR_NOENT") && error.operation === "REMOVE") {
        this.#published = !this.#mayBeRemoved;
        return this.#published ? "yes" : "unknown";
      }
      this.#mayBeRemoved ||= error instanceof OutcomeUnknownError;
      throw this.#unresolved(error);
    }
  }

  /**
   * The attributes of the file, which was published at `path`.
   *
   * @throws {OutcomeUnknownError} when they could not be read, or the file is no longer there: the write was done, but
   *   what is to be reported of it is not known.
   */
  async attributesAt(path: string, client: NfsClient, options: OperationOptions): Promise<FileAttributes> {
    try {
      const attributes = await client.stat(path, options);
      if (attributes.fileId === this.#staged.fileId) return attributes;
      throw new FileChangedError(`${path} was written, and replaced before its attributes were known`);
    } catch (error) {
      throw this.#unresolved(error);
    }
  }

  /** Keeps what failed here from being taken for how the write ended. */
  #unresolved(cause: unknown): OutcomeUnknownError {
    return new OutcomeUnknownError(messageOf(cause), { cause, staged: this.#staged });
  }
}

/** The same items; `notify` is called when the first one is asked for. */
function onBegin<Item>(items: AsyncIterable<Item>, notify: () => void): AsyncIterable<Item> {
  return {
    async *[Symbol.asyncIterator]() {
      notify();
      yield* items;
    },
  };
}
