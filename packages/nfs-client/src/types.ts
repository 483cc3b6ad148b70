/** What the NFS client offers and takes. */
import type { ConnectionOptions } from "node:tls";
import type { ConnectionError } from "./errors.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import type { FileAttributes } from "./wire/operations/attributes.ts";

/** TLS as `node:tls` takes it. A function is asked before every connection, for certificates that change with time. */
export type TlsOptions = ConnectionOptions | (() => ConnectionOptions | Promise<ConnectionOptions>);

export interface NfsClientOptions {
  /** Host name or IP address of the server. */
  readonly host: string;
  /** Default 2049. */
  readonly port?: number;
  /** Speak TLS from the first byte, as Amazon EFS does behind its mount helper. Default: plain TCP. */
  readonly tls?: TlsOptions | undefined;
  /** Milliseconds until an operation fails with a {@link DeadlineError}, whatever happened to it. Default 30,000. */
  readonly operationTimeout?: number;
  /** Milliseconds a connection and its session may take to be set up. Default 5,000. */
  readonly connectTimeout?: number;
  /**
   * Milliseconds without a byte from the server while operations are in flight; then the connection is replaced, and what
   * waits for a reply is sent again. The server is asked for a sign of life (NULL) at half of it. Default 5,000.
   */
  readonly silenceLimit?: number;
  /**
   * Called when the server has been silent for the `silenceLimit`, before what is in flight learns of it: for callers who
   * have another way to their files.
   */
  readonly onSilence?: (reason: ConnectionError) => void;
  /** Whom the server takes us for (AUTH_SYS). Default: this process's user and group, or 0. */
  readonly uid?: number;
  readonly gid?: number;
  /** Requests under way at once that the server is asked for; it may grant fewer. Default 64. */
  readonly slots?: number;
  /** The memory of data that is streamed; clients may share one. Default: 64 MiB of the client's own. */
  readonly memory?: MemoryBudget;
  /** Permission bits of files and directories that the client creates. Default 0o644 and 0o755. */
  readonly fileMode?: number;
  readonly directoryMode?: number;
}

/** How one operation is to behave. */
export interface OperationOptions {
  /** Milliseconds, instead of the client's `operationTimeout`. */
  readonly timeout?: number;
  /**
   * What to do when the connection is lost under the operation. `recover` (default): reconnect and finish it, inside
   * its deadline. `fail`: fail at once with a {@link ConnectionError}, because the caller has another way to the file.
   */
  readonly onConnectionLoss?: "recover" | "fail";
  readonly signal?: AbortSignal;
}

/** The file at a path has this etag. */
export interface Unchanged {
  readonly etag: string;
}

export interface WriteOptions extends OperationOptions {
  /** Make the missing directories of the path. Default true. */
  readonly createParents?: boolean;
  /** `absent`: only where no file is. An etag: only while the file there has it. Else a {@link PreconditionError}. */
  readonly when?: "absent" | Unchanged;
}

export interface RemoveOptions extends OperationOptions {
  /** Only while the file has this etag. Else a {@link PreconditionError}. */
  readonly when?: Unchanged;
}

export interface ReadOptions extends OperationOptions {
  /** First byte. Default 0. */
  readonly start?: number;
  /** Bytes at most. Default: to the end. */
  readonly length?: number;
}

/** A file to be read: its attributes, and its bytes in order. */
export interface ReadableFile {
  readonly attributes: FileAttributes;
  /**
   * The bytes asked for, in chunks of at most what one reply holds. A file of more than one chunk is opened when the
   * iteration begins, which fails with a {@link FileChangedError} when it was replaced by then, and closed when it ends.
   */
  readonly body: AsyncIterable<Buffer>;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly attributes: FileAttributes;
  /** The place behind this entry (READDIR's cookie and verifier, RFC 8881 §18.23): printable ASCII, opaque to callers. */
  readonly cursor: string;
}

export interface DirectoryOptions extends OperationOptions {
  /**
   * Begin behind the entry that had this cursor. One that this client never wrote is an {@link InvalidCursorError}; one
   * that the server no longer accepts is `NFS4ERR_BAD_COOKIE` or `NFS4ERR_NOT_SAME`.
   */
  readonly after?: string;
}

/** Which orphaned temporary files to remove, and when to stop for this time. */
export interface OrphanOptions extends OperationOptions {
  /** Milliseconds by the server's clock since the last byte was written to the file. */
  readonly olderThan: number;
  /** Files that are removed at most. */
  readonly maximum: number;
  /** Milliseconds for all of it; `timeout` is that of one request. */
  readonly duration: number;
}

export interface OrphanReport {
  /** Names that were looked at. */
  readonly examined: number;
  readonly removed: number;
  /** Everything was looked at, within the limits. */
  readonly complete: boolean;
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
  /** Unique among all clients: who this one is to the server. */
  readonly name: string;
  /** A whole file in memory. */
  readFile(path: string, options?: ReadOptions): Promise<{ attributes: FileAttributes; data: Buffer }>;
  /** A file of any size: one COMPOUND when the part asked for fits into one reply, else a stream that reads ahead. */
  openFile(path: string, options?: ReadOptions): Promise<ReadableFile>;
  /** Replaces a file atomically: readers see the old or the new content, and it is durable when this returns. */
  writeFile(
    path: string,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<FileAttributes>;
  /** Adds to the end of a file, under a byte-range lock; makes the file when there is none. Durable on return. */
  appendFile(path: string, data: Uint8Array, options?: WriteOptions): Promise<FileAttributes>;
  stat(path: string, options?: OperationOptions): Promise<FileAttributes>;
  exists(path: string, options?: OperationOptions): Promise<boolean>;
  /** Removes a file or an empty directory. */
  remove(path: string, options?: RemoveOptions): Promise<void>;
  rename(from: string, to: string, options?: OperationOptions): Promise<void>;
  makeDirectory(path: string, options?: OperationOptions & { readonly recursive?: boolean }): Promise<void>;
  /** The entries of a directory, in the server's order, without `.` and `..`, fetched page by page. */
  readDirectory(path: string, options?: DirectoryOptions): AsyncIterable<DirectoryEntry>;
  /**
   * Removes, in a directory and all below it, the files under temporary names that writers left when they crashed. One
   * request after the other, so that it takes little of the server.
   */
  removeOrphans(path: string, options: OrphanOptions): Promise<OrphanReport>;
  /** Resolves when the server answers. Takes no slot of the session: all of them may wait for a server that is slow. */
  ping(options?: OperationOptions): Promise<void>;
  /**
   * Ends the session, the opens and the locks that another client left when it lost its connection, so that the server
   * executes nothing more of what that client sent. A server that does not know the client does nothing.
   */
  fence(clientName: string, options?: OperationOptions): Promise<void>;
  statistics(): NfsClientStatistics;
  /**
   * Ends the session, with the opens and locks that are left, and closes the connection; what is in flight fails with a
   * {@link ClosedError}.
   */
  close(): Promise<void>;
  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
