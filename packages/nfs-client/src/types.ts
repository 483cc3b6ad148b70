/** The client's interface: its options and its operations. */
import type { ConnectionOptions } from "node:tls";
import type { ConnectionError, NfsError } from "./errors.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { FileAttributes } from "./wire/operations/attributes.ts";
import type { AttributeChanges, Owners } from "./wire/operations/metadata.ts";
import type { Identity } from "./wire/rpc.ts";

/** TLS options of `node:tls`. A function is called before every connection, for certificates that change with time. */
export type TlsOptions = ConnectionOptions | (() => ConnectionOptions | Promise<ConnectionOptions>);

export interface NfsClientOptions {
  /** Host name or IP address of the server. */
  readonly host: string;
  /** Default 2049. */
  readonly port?: number;
  /** Speak TLS from the first byte, as Amazon EFS does for its mount helper. Default: plain TCP. */
  readonly tls?: TlsOptions | undefined;
  /** Milliseconds until an operation fails with a {@link DeadlineError}. Default 30,000. */
  readonly operationTimeout?: number;
  /** Milliseconds within which a connection must be set up. Default 5,000. */
  readonly connectTimeout?: number;
  /** Ends connecting for the first time. The client that is made then is not bound to it: operations have their own. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds within which a server that was connected to must have made the session, or resumed it. A server that
   * stalls answers later, so this doubles with each attempt in a row that it does not answer. Default: the
   * `connectTimeout`.
   */
  readonly sessionTimeout?: number;
  /**
   * Milliseconds without a byte from the server while operations are in flight: then it is silent. The server is pinged
   * (NULL) at half of that time. Default 5,000.
   */
  readonly silenceLimit?: number;
  /**
   * Called when the server has been silent for the `silenceLimit`, before the operations in flight learn of it. What it
   * returns decides: with `"wait"` the connection stays, and so do the operations, until their deadlines; for callers
   * who know that another connection would not help. With all else the connection is replaced, and requests without a
   * reply are retried.
   */
  readonly onSilence?: (reason: ConnectionError) => unknown;
  /** Called when a server that was silent, and whose connection stayed, sends something again. */
  readonly onHeard?: () => void;
  /** The user and group that the server sees (AUTH_SYS). Default: those of this process, or 0. */
  readonly uid?: number;
  readonly gid?: number;
  /** Requests in flight that the server is asked for; it may grant fewer. Default 64. */
  readonly slots?: number;
  /**
   * Connections to the server, at most: further ones are opened when there is traffic for them, and only to a server that
   * says that it gives more to several, as Amazon EFS does to its mount helper (up to 5, from 300 MiB/s on). Default 1.
   */
  readonly connections?: number;
  /** The memory budget of streamed data; clients may share one. Default: 64 MiB of the client's own. */
  readonly memory?: MemoryBudget;
  /** Permission bits of files and directories that the client creates. Default 0o644 and 0o755. */
  readonly fileMode?: number;
  readonly directoryMode?: number;
}

/** Options of a single operation. */
export interface OperationOptions {
  /** Milliseconds, instead of the client's `operationTimeout`. */
  readonly timeout?: number;
  /**
   * What happens when the connection is lost. `recover` (default): the client reconnects and finishes the operation,
   * within its deadline. `fail`: it fails at once with a {@link ConnectionError}, for callers with another way to the
   * file.
   */
  readonly onConnectionLoss?: "recover" | "fail";
  readonly signal?: AbortSignal;
  /**
   * For one of many small files: share COMPOUNDs with the operations that begin in the same turn of the event loop and
   * are `together`, too. Each succeeds or fails by itself, but waits for those in front of it. In that way files of up to
   * 16 KiB are read, or of the `length` that is given; files are written, removed without a condition, and looked at.
   * Default false.
   */
  readonly together?: boolean;
}

/** A condition: the file at a path has this etag. */
export interface Unchanged {
  readonly etag: string;
}

export interface WriteOptions extends OperationOptions {
  /** Create the missing directories of the path. Default true. */
  readonly createParents?: boolean;
  /**
   * `absent`: only if there is no file. An etag: only if the file has it. Otherwise a {@link PreconditionError}. On a
   * server without LINK, others may see the file that was absent empty before they see it whole.
   */
  readonly when?: "absent" | Unchanged;
  /**
   * Where the outcome of a write is unknown, the error says how to find it out: {@link OutcomeUnknownError.staged}. A
   * small file then takes one more round trip. Default false.
   */
  readonly resolvable?: boolean;
  /**
   * Called when the file is complete, before it gets its name. What it does is done by the time that others see the file.
   * When it fails, the write does, and changes nothing. A small file then takes one more round trip.
   */
  readonly beforePublishing?: BeforePublishing | undefined;
}

/**
 * @param file The attributes of the file; `change` is still to change.
 * @param existing What has the name meanwhile, which the file is to replace. Undefined where there is nothing, and for
 *   writes with a condition, whose callers have looked.
 */
export type BeforePublishing = (file: FileAttributes, existing: FileAttributes | undefined) => Promise<void>;

/** An append and a write in place change the file that is there: nothing of it is staged, or published. */
export type AppendOptions = OperationOptions & Pick<WriteOptions, "createParents" | "when">;
export type WriteAtOptions = OperationOptions & Pick<WriteOptions, "createParents">;

/**
 * The result of a change to a name. `directoryChange` is the change attribute of its directory: once the name had been
 * given or removed, or before the file of that name was appended to. So it tells which of two changes to a name was
 * later, where the server counts in it or takes it from a clock. Absent where the reply was lost, and the outcome was
 * found out in another way.
 */
export interface Changed {
  readonly directoryChange?: bigint;
}

export interface RemoveOptions extends OperationOptions {
  /** Only if the file has this etag. Otherwise a {@link PreconditionError}. */
  readonly when?: Unchanged;
  /**
   * Where nobody can tell whether the file was removed, fail with an {@link OutcomeUnknownError}, instead of removing it
   * again and taking a file that is missing then for removed. Default false.
   */
  readonly once?: boolean;
}

export interface ReadOptions extends OperationOptions {
  /** First byte. Default 0. */
  readonly start?: number;
  /** The most bytes to read. Default: to the end. */
  readonly length?: number;
}

/** One of many files that are read at once. */
export interface SmallFileRequest {
  readonly path: string;
  /** Bytes that it has, as far as is known. */
  readonly size: number;
}

export interface SmallFile {
  readonly attributes: FileAttributes;
  /** All of it. */
  readonly data: Buffer;
}

/** A file to be read: its attributes, and its bytes in order. */
export interface ReadableFile {
  readonly attributes: FileAttributes;
  /**
   * The bytes asked for, in chunks of at most what one reply holds. A file of more than one chunk is opened when the
   * iteration begins, and closed when it ends. It fails with a {@link FileChangedError} if the file was replaced by
   * then.
   */
  readonly body: AsyncIterable<Buffer>;
  /** All that `body` has, where it has come already: that of a small file comes with its attributes. */
  readonly whole?: Buffer;
}

export interface DirectoryEntry {
  /** A name that is not UTF-8 has its bytes escaped: see {@link NfsClient}. */
  readonly name: string;
  readonly attributes: FileAttributes;
  /**
   * The position after this entry (READDIR's cookie and verifier, RFC 8881 §18.23): printable ASCII, opaque to callers.
   */
  readonly cursor: string;
}

export interface DirectoryOptions extends OperationOptions {
  /**
   * Begin after the entry that had this cursor. What is no cursor is an {@link InvalidCursorError}; a cursor that the
   * server no longer accepts is `NFS4ERR_BAD_COOKIE` or `NFS4ERR_NOT_SAME`.
   */
  readonly after?: string;
}

/** Which orphaned temporary files to remove, and when to stop. */
export interface OrphanOptions extends OperationOptions {
  /** Milliseconds since the last byte was written to the file, by the server's clock. */
  readonly olderThan: number;
  /** The most files to remove. */
  readonly maximum: number;
  /** Milliseconds for all of it; `timeout` is for each request. */
  readonly duration: number;
}

export interface OrphanReport {
  /** Names that were examined. */
  readonly examined: number;
  readonly removed: number;
  /**
   * Directories that could not be read, and files that could not be removed; the first few, each with the reason. Those
   * that went away meanwhile do not count.
   */
  readonly passedOver: { readonly count: number; readonly examples: readonly PassedOver[] };
  /** Everything was examined before a limit was reached. */
  readonly complete: boolean;
}

export interface PassedOver {
  readonly path: string;
  readonly reason: NfsError;
}

/** Counters since the client was made. */
export interface NfsClientStatistics {
  readonly compounds: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly reconnects: number;
}

/**
 * Files over NFSv4.1. Paths are absolute within the server's name space, with `/` between names; every part is looked
 * up by name, and symbolic links are not followed.
 *
 * Every method fails with a subclass of {@link NfsError}.
 */
export interface NfsClient {
  /** The name by which the server knows this client, unique among all clients. */
  readonly name: string;
  /**
   * Behind which client records the server has this client (eir_server_scope and so_major_id, RFC 8881 §2.10.5): where
   * two clients have the same, one can {@link fence} the other. `undefined` after sessions behind different ones.
   */
  readonly serverOwner: string | undefined;
  /**
   * This client in the name of another user (AUTH_SYS): over the same session, with the same limits. To close one is to
   * close both. No request has operations of two identities. A server may take every client for one user, as Amazon EFS
   * does at an access point that enforces one.
   */
  as(identity: Identity): NfsClient;
  /** Reads a whole file into memory. */
  readFile(path: string, options?: ReadOptions): Promise<{ attributes: FileAttributes; data: Buffer }>;
  /**
   * Reads a file of any size: in one COMPOUND when the part asked for fits into one reply, else as a stream that reads
   * ahead.
   */
  openFile(path: string, options?: ReadOptions): Promise<ReadableFile>;
  /**
   * Reads a small file without its attributes: of many that are read `together`, that is one operation less for each.
   * `undefined` when the file has more than `maximum` bytes.
   */
  readContent(path: string, options: OperationOptions & { readonly maximum: number }): Promise<Buffer | undefined>;
  /**
   * Reads many small files, in as few COMPOUNDs as they fit into, with less work for each than `readFile` has. In the order
   * of the requests; `undefined` for each that did not come as a whole at the first try: `openFile` reads it, or says why
   * it cannot be read.
   */
  readSmallFiles(requests: readonly SmallFileRequest[], options?: OperationOptions): Promise<(SmallFile | undefined)[]>;
  /** Replaces a file atomically: readers see the old or the new content, and it is durable when this returns. */
  writeFile(
    path: string,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<FileAttributes & Changed>;
  /** Appends to a file under a byte-range lock; creates the file when there is none. Durable on return. */
  appendFile(path: string, data: Uint8Array, options?: AppendOptions): Promise<FileAttributes & Changed>;
  /**
   * Writes into a file at an offset, without a lock, in place; creates the file when there is none. Durable on return. To
   * write the same bytes to the same place again does no harm, so it never ends with an unknown outcome.
   */
  writeAt(path: string, offset: number, data: Uint8Array, options?: WriteAtOptions): Promise<void>;
  stat(path: string, options?: OperationOptions): Promise<FileAttributes>;
  exists(path: string, options?: OperationOptions): Promise<boolean>;
  /** Removes a file or an empty directory. */
  remove(path: string, options?: RemoveOptions): Promise<Changed>;
  /**
   * Removes many files and empty directories, in as few COMPOUNDs as they fit into, with less work for each than `remove`
   * has. Each is tried once. In the order of the paths: `undefined` for each that was not removed, which `remove` does, or
   * says why it cannot be done; rejected with an {@link OutcomeUnknownError} where nobody can tell whether it was.
   */
  removeFiles(
    paths: readonly string[],
    options?: OperationOptions,
  ): Promise<PromiseSettledResult<Changed | undefined>[]>;
  /** Renames a file, a link or a directory, also into another directory; a file that has the new name is replaced. */
  rename(from: string, to: string, options?: OperationOptions): Promise<void>;
  makeDirectory(path: string, options?: OperationOptions & { readonly recursive?: boolean }): Promise<void>;
  /** Whom a file, a directory or a symbolic link belongs to. */
  owners(path: string, options?: OperationOptions): Promise<Owners>;
  /** Changes owner, mode or time of a file, a directory or a symbolic link itself. */
  setAttributes(path: string, changes: AttributeChanges, options?: OperationOptions): Promise<void>;
  /** The target of a symbolic link. It need not exist, and is a string as names are. */
  readLink(path: string, options?: OperationOptions): Promise<string>;
  makeSymbolicLink(path: string, target: string, options?: OperationOptions): Promise<void>;
  /** The entries of a directory, in the server's order, without `.` and `..`, fetched page by page. */
  readDirectory(path: string, options?: DirectoryOptions): AsyncIterable<DirectoryEntry>;
  /**
   * Removes the orphaned temporary files in a directory and all below it, which writers left when they crashed. It
   * sends one request after the other, so that it takes little of the server.
   */
  removeOrphans(path: string, options: OrphanOptions): Promise<OrphanReport>;
  /**
   * Resolves when the server replies, and accepts this client. Takes no slot of the session, so it does not wait behind
   * slow operations.
   */
  ping(options?: OperationOptions): Promise<void>;
  /**
   * Fences another client, which has lost its connection: ends its session, opens and locks, so that the server
   * executes nothing more of what that client sent.
   *
   * @returns Whether it worked: false where the other client is in other client records, which are not known here, and
   * nothing was ended.
   */
  fence(client: Pick<NfsClient, "name" | "serverOwner">, options?: OperationOptions): Promise<boolean>;
  statistics(): NfsClientStatistics;
  /**
   * Ends the session, with the opens and locks that are left, and closes the connection; what is in flight fails with a
   * {@link ClosedError}. Operations that were aborted before are cleaned up first, within 5 seconds.
   */
  close(): Promise<void>;
  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
