/**
 * NFS servers in memory, for suites that need what a client promises but not the wire: any number of servers over one
 * file system, each of which can be stopped, frozen, and made to lose replies.
 */
import { randomUUID } from "node:crypto";
import { dirname } from "node:path/posix";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  AbortedError,
  type AttributeChanges,
  ClosedError,
  ConnectionError,
  DeadlineError,
  FileChangedError,
  InvalidCursorError,
  isStatus,
  type NfsClient,
  type NfsClientOptions,
  NfsStatusError,
  type OperationOptions,
  type OrphanOptions,
  OutcomeUnknownError,
  type ReadOptions,
  type RemoveOptions,
  type SmallFile,
  type SmallFileRequest,
  TEMPORARY_PREFIX,
  type WriteOptions,
} from "nfs-client";
import { Op, type StatusName } from "nfs-client/wire";
import { failure, MemoryFileSystem } from "./memory-file-system.ts";

/** One server; `up` is how it begins. A `frozen` one accepts everything and answers nothing. */
export class MemoryServer {
  readonly files: MemoryFileSystem;
  /** Bytes in one chunk of a body. */
  readonly chunkSize: number;
  /** How the next operations end, one after the other, instead of with their result. */
  readonly scheduled: ("lose-request" | "lose-reply" | StatusName)[] = [];
  /** The operations asked for, as `name path`. */
  readonly log: string[] = [];
  /** Clients that are not closed. */
  readonly clients = new Set<MemoryClient>();
  /** Servers with the same one know of each other's clients. */
  serverOwner = "shared";
  #state: "up" | "down" | "frozen" = "up";
  readonly #waiting = new Set<() => void>();

  constructor(files = new MemoryFileSystem(), { chunkSize = 1024 }: { chunkSize?: number } = {}) {
    this.files = files;
    this.chunkSize = chunkSize;
  }

  get state(): "up" | "down" | "frozen" {
    return this.#state;
  }

  /** Changes the state; operations that wait for an answer see it at once. */
  set state(state: "up" | "down" | "frozen") {
    this.#state = state;
    this.wake();
    if (state === "up") for (const client of this.clients) client.hear();
  }

  readonly connect = async (
    options: Pick<
      NfsClientOptions,
      "connectTimeout" | "sessionTimeout" | "operationTimeout" | "silenceLimit" | "onSilence" | "onHeard"
    >,
  ): Promise<NfsClient> => {
    await this.answer({ timeout: options.sessionTimeout ?? options.connectTimeout ?? 5_000 });
    const client = new MemoryClient(this, options);
    this.clients.add(client);
    return client;
  };

  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /**
   * Resolves when the server answers; fails as a client's operation does when it does not.
   *
   * @param check Throws when the client does not wait any more.
   */
  async answer({ timeout, signal }: { timeout: number; signal?: AbortSignal | undefined }, check = () => {}) {
    const deadline = Date.now() + timeout;
    await nextTurn();
    for (;;) {
      if (signal?.aborted) throw new AbortedError("The operation was aborted");
      check();
      if (this.#state === "down") throw new ConnectionError("The server is down");
      if (this.#state === "up") return;
      if (Date.now() >= deadline) throw new DeadlineError(`The operation was not done within ${timeout} ms`);
      await this.#wakeUp(deadline - Date.now(), signal);
    }
  }

  async #wakeUp(timeout: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeout);
      signal?.addEventListener("abort", wake);
      this.#waiting.add(wake);
    });
  }
}

/**
 * What an operation does that others see: nothing; a change, in the one request it consists of; or a change that must
 * not be done twice, in the last of its requests.
 */
type Effect = "none" | "visible" | "once";

function outcomeUnknown(cause: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError("The operation may or may not have been done", { cause });
}

class MemoryClient implements NfsClient {
  readonly name = randomUUID();
  readonly serverOwner: string;
  readonly #server: MemoryServer;
  readonly #operationTimeout: number;
  readonly #silenceLimit: number;
  readonly #onSilence: NfsClientOptions["onSilence"];
  readonly #onHeard: NfsClientOptions["onHeard"];
  #compounds = 0;
  #answers = 0;
  #closed = false;
  /** Operations in flight. */
  #active = 0;
  #silenceTimer: NodeJS.Timeout | undefined;
  /** Counts the connections that were given up because the server was silent. */
  #silences = 0;
  /** The server is silent, and the connection stays all the same. */
  #silent = false;

  constructor(server: MemoryServer, options: Parameters<MemoryServer["connect"]>[0]) {
    this.#server = server;
    this.serverOwner = server.serverOwner;
    this.#operationTimeout = options.operationTimeout ?? 30_000;
    this.#silenceLimit = options.silenceLimit ?? 5_000;
    this.#onSilence = options.onSilence;
    this.#onHeard = options.onHeard;
  }

  /** Everybody may do everything. */
  as(): this {
    return this;
  }

  /** The server answers again. */
  hear(): void {
    if (!this.#silent) return;
    this.#silent = false;
    this.#onHeard?.();
  }

  /** Notices, as the real client does, that the server answers nothing while operations are in flight. */
  #watch(): () => void {
    const checks = 4;
    this.#active += 1;
    let silent = 0;
    this.#silenceTimer ??= setInterval(() => {
      silent = this.#server.state === "frozen" && !this.#silent ? silent + 1 : 0;
      if (silent < checks) return;
      silent = 0;
      this.#silent = this.#onSilence?.(new ConnectionError("The server has been silent")) === "wait";
      if (this.#silent) return;
      this.#silences += 1;
      this.#server.wake();
    }, this.#silenceLimit / checks).unref();
    return () => {
      this.#active -= 1;
      if (this.#active > 0) return;
      clearInterval(this.#silenceTimer);
      this.#silenceTimer = undefined;
    };
  }

  async readFile(path: string, options: ReadOptions = {}) {
    for (;;) {
      const { attributes, body } = await this.openFile(path, options);
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(chunk);
        return { attributes, data: Buffer.concat(chunks) };
      } catch (error) {
        if (!(error instanceof FileChangedError)) throw error;
      }
    }
  }

  async readContent(path: string, { maximum, ...options }: OperationOptions & { readonly maximum: number }) {
    const { data } = await this.readFile(path, { ...options, length: maximum + 1 });
    return data.length > maximum ? undefined : data;
  }

  /** In one request, which ends at the first file that cannot be read. */
  async readSmallFiles(requests: readonly SmallFileRequest[], options?: OperationOptions) {
    return this.#perform("readSmallFiles", "", options, ({ files }) => {
      const read: (SmallFile | undefined)[] = requests.map(() => undefined);
      for (const [index, { path, size }] of requests.entries()) {
        try {
          const file = files.open(path);
          if (file.attributes.size <= size) read[index] = { attributes: file.attributes, data: file.read(0, size) };
        } catch {
          break;
        }
      }
      return read;
    });
  }

  async openFile(path: string, options: ReadOptions = {}) {
    const { start = 0, length = Number.POSITIVE_INFINITY } = options;
    const { attributes, first, end } = await this.#perform("openFile", path, options, ({ files, chunkSize }) => {
      const file = files.open(path);
      const end = Math.min(file.attributes.size, start + length);
      return { attributes: file.attributes, first: file.read(start, Math.min(end, start + chunkSize)), end };
    });
    return { attributes, body: this.#body(path, attributes.fileId, first, { start, end }, options) };
  }

  /** What is longer than a chunk is opened when it is read, as by a client that reads ahead. */
  async *#body(
    path: string,
    fileId: bigint,
    first: Buffer,
    { start, end }: { start: number; end: number },
    options: ReadOptions,
  ): AsyncGenerator<Buffer> {
    const { files, chunkSize } = this.#server;
    const isWhole = start + first.length >= end;
    const file = isWhole ? undefined : files.open(path);
    if (file && file.attributes.fileId !== fileId) {
      throw new FileChangedError(`${path} was replaced before it was read`);
    }
    const endWatch = this.#watch();
    try {
      if (first.length > 0) yield first;
      if (file === undefined) return;
      for (let at = start + first.length; at < end; at += chunkSize) {
        const upTo = Math.min(end, at + chunkSize);
        const chunk = await this.#perform("read", path, options, () => file.read(at, upTo));
        if (chunk.length < upTo - at) throw new FileChangedError(`${path} became shorter while it was read`);
        yield chunk;
      }
    } finally {
      endWatch();
    }
  }

  async writeFile(path: string, data: Uint8Array | AsyncIterable<Uint8Array>, options: WriteOptions = {}) {
    const chunks: Uint8Array[] = [];
    if (data instanceof Uint8Array) chunks.push(data);
    else {
      for await (const chunk of data) {
        await this.#perform("write", path, options, () => undefined);
        chunks.push(chunk);
      }
    }
    if (options.resolvable || options.beforePublishing) return this.#writeStaged(path, Buffer.concat(chunks), options);
    const write = ({ files }: MemoryServer) => files.write(path, Buffer.concat(chunks), options);
    return this.#perform("writeFile", path, options, write, "visible");
  }

  /** In two steps; faults befall the second one. */
  async #writeStaged(path: string, data: Buffer, options: WriteOptions) {
    const { files } = this.#server;
    const stagedPath = `${dirname(path)}/${TEMPORARY_PREFIX}${randomUUID()}`;
    const { createParents = true } = options;
    const { staged, existing } = await this.#perform("stage", path, options, () => ({
      staged: files.write(stagedPath, data, { createParents }),
      existing: options.when === undefined ? files.find(path) : undefined,
    }));
    const { fileId } = staged;
    try {
      await options.beforePublishing?.(staged, existing);
      return await this.#perform("writeFile", path, options, () => files.publish(stagedPath, path, options), "visible");
    } catch (error) {
      if (error instanceof OutcomeUnknownError) {
        throw new OutcomeUnknownError(error.message, { cause: error.cause, staged: { path: stagedPath, fileId } });
      }
      files.remove(stagedPath);
      throw error;
    }
  }

  async appendFile(path: string, data: Uint8Array, options: WriteOptions = {}) {
    return this.#perform("appendFile", path, options, ({ files }) => files.append(path, data, options), "once");
  }

  async writeAt(path: string, offset: number, data: Uint8Array, options: WriteOptions = {}) {
    await this.#perform("writeAt", path, options, ({ files }) => files.writeAt(path, offset, data, options));
  }

  async stat(path: string, options?: OperationOptions) {
    return this.#perform("stat", path, options, ({ files }) => files.stat(path));
  }

  async exists(path: string, options?: OperationOptions) {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (isStatus(error, "NFS4ERR_NOENT", "NFS4ERR_NOTDIR")) return false;
      throw error;
    }
  }

  async remove(path: string, options?: RemoveOptions) {
    return this.#perform("remove", path, options, ({ files }) => files.remove(path, options), "visible");
  }

  /** In one request, which ends at the first name that cannot be removed. */
  async removeFiles(paths: readonly string[], options?: OperationOptions) {
    const remove = ({ files }: MemoryServer) => {
      const removed: (ReturnType<MemoryFileSystem["remove"]> | undefined)[] = paths.map(() => undefined);
      for (const [index, path] of paths.entries()) {
        try {
          removed[index] = files.remove(path);
        } catch {
          break;
        }
      }
      return removed;
    };
    try {
      const removed = await this.#perform("removeFiles", "", options, remove, "visible");
      return removed.map((value) => ({ status: "fulfilled", value }) as const);
    } catch (reason) {
      // Nothing was removed, and each by itself may be.
      if (reason instanceof NfsStatusError)
        return paths.map(() => ({ status: "fulfilled", value: undefined }) as const);
      return paths.map(() => ({ status: "rejected", reason }) as const);
    }
  }

  async rename(from: string, to: string, options?: OperationOptions) {
    return this.#perform("rename", from, options, ({ files }) => files.rename(from, to), "visible");
  }

  async makeDirectory(path: string, options: OperationOptions & { readonly recursive?: boolean } = {}) {
    return this.#perform("makeDirectory", path, options, ({ files }) =>
      options.recursive ? files.makeDirectories(path) : files.makeDirectory(path),
    );
  }

  async owners(path: string, options?: OperationOptions) {
    return this.#perform("owners", path, options, ({ files }) => files.owners(path));
  }

  async setAttributes(path: string, changes: AttributeChanges, options?: OperationOptions) {
    return this.#perform("setAttributes", path, options, ({ files }) => files.setAttributes(path, changes));
  }

  async readLink(path: string, options?: OperationOptions) {
    return this.#perform("readLink", path, options, ({ files }) => files.readLink(path));
  }

  async makeSymbolicLink(path: string, target: string, options?: OperationOptions) {
    return this.#perform("makeSymbolicLink", path, options, ({ files }) => files.makeLink(path, target), "visible");
  }

  async *readDirectory(path: string, options: OperationOptions & { after?: string } = {}) {
    const { after = "0" } = options;
    if (!/^\d+$/.test(after)) throw new InvalidCursorError(`${after} is not the cursor of a directory entry`);
    const entries = await this.#perform("readDirectory", path, options, ({ files }) =>
      files.list(path).filter(({ cursor }) => BigInt(cursor) > BigInt(after)),
    );
    for (const [index, entry] of entries.entries()) {
      if (index > 0) await this.#perform("readDirectory", path, options, () => undefined);
      yield entry;
    }
  }

  async removeOrphans(path: string, options: OrphanOptions) {
    return this.#perform("removeOrphans", path, options, () => ({
      examined: 0,
      removed: 0,
      passedOver: { count: 0, examples: [] },
      complete: true,
    }));
  }

  async fence({ name, serverOwner }: Pick<NfsClient, "name" | "serverOwner">, options?: OperationOptions) {
    if (serverOwner !== this.serverOwner) return false;
    return this.#perform("fence", name, options, () => true);
  }

  async ping(options?: OperationOptions) {
    await this.#perform("ping", "", options, () => undefined);
  }

  statistics() {
    return { compounds: this.#compounds, bytesSent: this.#compounds, bytesReceived: this.#answers, reconnects: 0 };
  }

  async close() {
    this.#closed = true;
    this.#server.clients.delete(this);
    this.#server.wake();
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  async #perform<T>(
    name: string,
    path: string,
    { timeout = this.#operationTimeout, signal, onConnectionLoss }: OperationOptions = {},
    result: (server: MemoryServer) => T,
    effect: Effect = "none",
  ): Promise<T> {
    this.#compounds += 1;
    this.#server.log.push(path === "" ? name : `${name} ${path}`);
    const deadline = Date.now() + timeout;
    const endWatch = this.#watch();
    try {
      for (;;) {
        try {
          const silences = this.#silences;
          await this.#server.answer({ timeout: deadline - Date.now(), signal }, () => {
            if (this.#closed) throw new ClosedError("The client was closed");
            if (this.#silences > silences) throw new ConnectionError("The server has been silent");
          });
          this.#answers += 1;
          const fault = name === "ping" || name === "stage" ? undefined : this.#server.scheduled.shift();
          if (fault === "lose-request") {
            const error = new ConnectionError("The connection was lost");
            throw effect === "visible" ? outcomeUnknown(error) : error;
          }
          if (fault !== undefined && fault !== "lose-reply") throw failure(fault, Op.SEQUENCE, path);
          const value = result(this.#server);
          if (fault !== "lose-reply") return value;
          const error = new ConnectionError("The connection was lost");
          throw effect === "none" ? error : outcomeUnknown(error);
        } catch (error) {
          if (effect === "visible" && this.#server.state === "frozen" && !(error instanceof OutcomeUnknownError)) {
            throw outcomeUnknown(error);
          }
          if (!(error instanceof ConnectionError) || onConnectionLoss === "fail") throw error;
          if (Date.now() + 5 >= deadline) throw error;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    } finally {
      endWatch();
    }
  }
}
