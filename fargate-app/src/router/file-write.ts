/** The replacement of one file, tried at one target after the other. */
import {
  type FileAttributes,
  isStatus,
  messageOf,
  type NfsClient,
  type OperationOptions,
  OutcomeUnknownError,
  PreconditionError,
  type WriteOptions,
} from "nfs-client";
import { mayHaveBeenDone } from "./failures.ts";
import type { Target } from "./target.ts";
import type { Attempt } from "./target-pool.ts";

export type WriteCondition = WriteOptions["when"];

export interface Written {
  readonly attributes: FileAttributes;
  /** There was no file before. */
  readonly created: boolean;
}

/** Bytes of a body that is still coming: at least so many, or it would have been taken as a whole. */
const STREAM_BYTES = 2 ** 20;

export interface FileWriteOptions {
  /** Absolute. */
  readonly path: string;
  readonly data: Uint8Array | AsyncIterable<Uint8Array>;
  readonly when: WriteCondition;
  /** Called when so many bytes were written at a target. */
  readonly onWritten: (target: Target, bytes: number) => void;
}

/** What its attempts so far have found out, and left behind. */
export class FileWrite {
  readonly #path: string;
  readonly #data: Uint8Array | AsyncIterable<Uint8Array>;
  readonly #when: WriteCondition;
  readonly #onWritten: FileWriteOptions["onWritten"];
  #begun = false;
  /** There was a file before; undefined while that is not known. */
  #existed: boolean | undefined;
  /** By an attempt of which nobody can tell any more. */
  #mayBeDone = false;
  /** What the attempt before has left, which the next one resolves. */
  #unresolved: StagedWrite | undefined;

  constructor({ path, data, when, onWritten }: FileWriteOptions) {
    this.#path = path;
    this.#data = data instanceof Uint8Array ? data : onBegin(data, () => (this.#begun = true));
    this.#when = when;
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
      return await this.#write(target, client, { ...options, resolvable });
    } finally {
      end();
    }
  }

  /** What the attempt before has written; undefined when it has written nothing, or nobody knows. */
  async #resolve(client: NfsClient, options: OperationOptions): Promise<Written | undefined> {
    if (this.#unresolved === undefined) return undefined;
    const published = await this.#unresolved.wasPublished(client, options);
    if (published === "yes") {
      return { attributes: await client.stat(this.#path, options), created: this.#existed === false };
    }
    this.#unresolved = undefined;
    this.#mayBeDone ||= published === "unknown";
    return undefined;
  }

  async #write(target: Target, client: NfsClient, options: WriteOptions): Promise<Written> {
    // A write cannot tell: RENAME does not say what it replaced, and a LOOKUP that finds nothing ends its COMPOUND.
    // (LINK fails where there is a file, but then every replacement takes two round trips.) So this is asked beside
    // it, in front of it in the same segment, and costs no time.
    const existing = this.#existed ?? client.exists(this.#path, options).catch(() => undefined);
    const condition = this.#when === undefined ? {} : { when: this.#when };
    try {
      const attributes = await client.writeFile(this.#path, this.#data, { ...options, ...condition });
      this.#onWritten(target, attributes.size);
      return { attributes, created: (await existing) === false };
    } catch (error) {
      this.#existed = await existing;
      throw this.#judge(error, options);
    }
  }

  /** Remembers what a failed attempt may have done. Returns what to report of it. */
  #judge(error: unknown, { resolvable }: WriteOptions): unknown {
    if (this.#mayBeDone && error instanceof PreconditionError) {
      const message = "The file is not as the condition says, but a lost attempt may have made it so";
      return new OutcomeUnknownError(message, { cause: error });
    }
    if (error instanceof OutcomeUnknownError && error.stagedPath !== undefined && resolvable) {
      this.#unresolved = new StagedWrite(error.stagedPath);
    } else {
      this.#mayBeDone ||= mayHaveBeenDone(error);
    }
    return error;
  }
}

/** A write whose file was staged, and then perhaps published: see {@link OutcomeUnknownError.stagedPath}. */
class StagedWrite {
  readonly #path: string;
  #mayBeRemoved = false;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Whether the file got its name. If it is not published by now, it never will be.
   *
   * @throws {OutcomeUnknownError} when this could not be found out, with the reason.
   */
  async wasPublished(client: NfsClient, options: OperationOptions): Promise<"yes" | "no" | "unknown"> {
    try {
      await client.remove(this.#path, { ...options, once: true });
      return "no";
    } catch (error) {
      if (isStatus(error, "NFS4ERR_NOENT") && error.operation === "REMOVE") {
        return this.#mayBeRemoved ? "unknown" : "yes";
      }
      this.#mayBeRemoved ||= error instanceof OutcomeUnknownError;
      throw new OutcomeUnknownError(messageOf(error), { cause: error, stagedPath: this.#path });
    }
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
