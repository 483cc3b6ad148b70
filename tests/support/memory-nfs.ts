/**
 * NFS servers in memory, for suites that need what a client promises but not the wire: any number of servers over one
 * file system, each of which can be stopped, frozen, and made to lose replies.
 */
import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  AbortedError,
  ClosedError,
  ConnectionError,
  DeadlineError,
  type DirectoryEntry,
  etagOf,
  type FileAttributes,
  InvalidCursorError,
  type NfsClient,
  type NfsClientOptions,
  NfsStatusError,
  type OperationOptions,
  type OrphanOptions,
  OutcomeUnknownError,
  PreconditionError,
  type ReadOptions,
  type RemoveOptions,
  type WriteOptions,
} from "nfs-client";
import { Op, type StatusName, statusCode } from "nfs-client/wire";

interface Node {
  readonly type: "file" | "directory" | "symbolic-link";
  readonly data: Buffer;
  readonly attributes: FileAttributes;
}

/** What all the servers serve. Paths are absolute: `/data/a.txt`. */
export class MemoryFileSystem {
  readonly #nodes = new Map<string, Node>();
  #ids = 0n;
  #changes = 0n;
  /** Milliseconds since 1970, for the files written next. */
  now = Date.UTC(2025, 0, 1);

  constructor() {
    this.#put("/", "directory", Buffer.alloc(0));
  }

  /** The paths of all files, sorted. */
  get files(): string[] {
    return [...this.#nodes]
      .filter(([, node]) => node.type === "file")
      .map(([path]) => path)
      .sort();
  }

  read(path: string): Buffer {
    const node = this.#find(path, Op.READ);
    if (node.type === "directory") throw failure("NFS4ERR_ISDIR", Op.READ, path);
    if (node.type === "symbolic-link") throw failure("NFS4ERR_SYMLINK", Op.READ, path);
    return node.data;
  }

  stat(path: string): FileAttributes {
    return this.#find(path, Op.LOOKUP).attributes;
  }

  write(path: string, data: Uint8Array, { when, createParents = true }: WriteOptions = {}): FileAttributes {
    const current = this.#nodes.get(path);
    if (current?.type === "directory") throw failure("NFS4ERR_ISDIR", Op.RENAME, path);
    if (when === "absent" && current) throw new PreconditionError(`${path} exists`);
    this.#require(path, when);
    if (createParents) this.makeDirectories(parentOf(path));
    else this.#find(parentOf(path), Op.LOOKUP);
    return this.#put(path, "file", Buffer.from(data)).attributes;
  }

  append(path: string, data: Uint8Array, options: WriteOptions = {}): FileAttributes {
    const current = this.#nodes.get(path);
    if (!current || options.when === "absent") return this.write(path, data, options);
    this.#require(path, options.when);
    return this.#put(path, "file", Buffer.concat([this.read(path), data]), current.attributes.fileId).attributes;
  }

  remove(path: string, { when }: RemoveOptions = {}): void {
    this.#require(path, when);
    this.#find(path, Op.REMOVE);
    if (this.list(path).length > 0) throw failure("NFS4ERR_NOTEMPTY", Op.REMOVE, path);
    this.#nodes.delete(path);
  }

  rename(from: string, to: string): void {
    const node = this.#find(from, Op.RENAME);
    this.#find(parentOf(to), Op.LOOKUP);
    this.#nodes.delete(from);
    this.#nodes.set(to, node);
  }

  makeDirectories(path: string): void {
    const existing = this.#nodes.get(path);
    if (existing?.type === "directory") return;
    if (existing) throw failure("NFS4ERR_NOTDIR", Op.CREATE, path);
    this.makeDirectories(parentOf(path));
    this.#put(path, "directory", Buffer.alloc(0));
  }

  makeLink(path: string): void {
    this.makeDirectories(parentOf(path));
    this.#put(path, "symbolic-link", Buffer.alloc(0));
  }

  list(path: string): DirectoryEntry[] {
    const prefix = path === "/" ? "/" : `${path}/`;
    return [...this.#nodes]
      .filter(([each]) => each.startsWith(prefix) && each !== "/" && !each.slice(prefix.length).includes("/"))
      .map(([each, { attributes }]) => ({
        name: each.slice(prefix.length),
        attributes,
        cursor: attributes.fileId.toString(),
      }))
      .sort((a, b) => Number(BigInt(a.cursor) - BigInt(b.cursor)));
  }

  #require(path: string, when: WriteOptions["when"]): void {
    if (typeof when !== "object") return;
    const current = this.#nodes.get(path);
    const cause = current ? undefined : failure("NFS4ERR_NOENT", Op.LOOKUP, path);
    if (current && etagOf(current.attributes) === when.etag) return;
    throw new PreconditionError(`${path} is another file than the one that was meant`, { cause });
  }

  #find(path: string, operation: number): Node {
    const node = this.#nodes.get(path);
    if (node) return node;
    for (let parent = parentOf(path); parent !== "/"; parent = parentOf(parent)) {
      const above = this.#nodes.get(parent);
      if (above?.type === "file") throw failure("NFS4ERR_NOTDIR", Op.LOOKUP, path);
      if (above?.type === "symbolic-link") throw failure("NFS4ERR_SYMLINK", Op.LOOKUP, path);
    }
    throw failure("NFS4ERR_NOENT", operation, path);
  }

  #put(path: string, type: Node["type"], data: Buffer, fileId = ++this.#ids): Node {
    const attributes: FileAttributes = {
      type,
      size: data.length,
      change: ++this.#changes,
      fileId,
      mode: type === "directory" ? 0o755 : 0o644,
      modifiedAt: this.now,
    };
    const node = { type, data, attributes };
    this.#nodes.set(path, node);
    return node;
  }
}

/** One server; `up` is how it begins. A `frozen` one accepts everything and answers nothing. */
export class MemoryServer {
  readonly files: MemoryFileSystem;
  /** Bytes in one chunk of a body. */
  readonly chunkSize: number;
  /** How the next operations end, one after the other, instead of with their result. */
  readonly scheduled: ("lose-request" | "lose-reply" | StatusName)[] = [];
  /** Whether pings are answered, or held up behind everything else. */
  answersPings = true;
  /** The operations asked for, as `name path`. */
  readonly log: string[] = [];
  /** Clients that are not closed. */
  readonly clients = new Set<MemoryClient>();
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
  }

  readonly connect = async (
    options: Pick<NfsClientOptions, "connectTimeout" | "operationTimeout">,
  ): Promise<NfsClient> => {
    await this.answer({ timeout: options.connectTimeout ?? 5_000 });
    const client = new MemoryClient(this, options.operationTimeout ?? 30_000);
    this.clients.add(client);
    return client;
  };

  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when the server answers; fails as a client's operation does when it does not. */
  async answer({ timeout, signal }: { timeout: number; signal?: AbortSignal | undefined }, isClosed = () => false) {
    const deadline = Date.now() + timeout;
    await nextTurn();
    for (;;) {
      if (isClosed()) throw new ClosedError("The client was closed");
      if (signal?.aborted) throw new AbortedError("The operation was aborted");
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

class MemoryClient implements NfsClient {
  readonly name = randomUUID();
  readonly #server: MemoryServer;
  readonly #operationTimeout: number;
  #compounds = 0;
  #answers = 0;
  #closed = false;

  constructor(server: MemoryServer, operationTimeout: number) {
    this.#server = server;
    this.#operationTimeout = operationTimeout;
  }

  async readFile(path: string, options: ReadOptions = {}) {
    const { attributes, body } = await this.openFile(path, options);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    return { attributes, data: Buffer.concat(chunks) };
  }

  async openFile(path: string, options: ReadOptions = {}) {
    const { attributes, data } = await this.#perform("openFile", path, options, ({ files }) => ({
      data: files.read(path),
      attributes: files.stat(path),
    }));
    const start = options.start ?? 0;
    const part = data.subarray(start, start + Math.min(options.length ?? data.length, data.length));
    return { attributes, body: this.#body(path, part, options) };
  }

  async *#body(path: string, data: Buffer, options: ReadOptions): AsyncGenerator<Buffer> {
    const { chunkSize } = this.#server;
    for (let at = 0; at < data.length; at += chunkSize) {
      if (at > 0) await this.#perform("read", path, options, () => undefined);
      yield data.subarray(at, at + chunkSize);
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
    return this.#perform("writeFile", path, options, ({ files }) => files.write(path, Buffer.concat(chunks), options));
  }

  async appendFile(path: string, data: Uint8Array, options: WriteOptions = {}) {
    return this.#perform("appendFile", path, options, ({ files }) => files.append(path, data, options), true);
  }

  async stat(path: string, options?: OperationOptions) {
    return this.#perform("stat", path, options, ({ files }) => files.stat(path));
  }

  async exists(path: string, options?: OperationOptions) {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (error instanceof NfsStatusError && error.status === "NFS4ERR_NOENT") return false;
      throw error;
    }
  }

  async remove(path: string, options?: RemoveOptions) {
    return this.#perform("remove", path, options, ({ files }) => files.remove(path, options), true);
  }

  async rename(from: string, to: string, options?: OperationOptions) {
    return this.#perform("rename", from, options, ({ files }) => files.rename(from, to), true);
  }

  async makeDirectory(path: string, options?: OperationOptions) {
    return this.#perform("makeDirectory", path, options, ({ files }) => files.makeDirectories(path));
  }

  async *readDirectory(path: string, options: OperationOptions & { after?: string } = {}) {
    const { after = "0" } = options;
    if (!/^\d+$/.test(after)) throw new InvalidCursorError(`${after} is not the cursor of a directory entry`);
    const entries = await this.#perform("readDirectory", path, options, ({ files }) => {
      if (files.stat(path).type !== "directory") throw failure("NFS4ERR_NOTDIR", Op.READDIR, path);
      return files.list(path).filter(({ cursor }) => BigInt(cursor) > BigInt(after));
    });
    for (const [index, entry] of entries.entries()) {
      if (index > 0) await this.#perform("readDirectory", path, options, () => undefined);
      yield entry;
    }
  }

  async removeOrphans(path: string, options: OrphanOptions) {
    return this.#perform("removeOrphans", path, options, () => ({ examined: 0, removed: 0, complete: true }));
  }

  async fence(clientName: string, options?: OperationOptions) {
    await this.#perform("fence", clientName, options, () => undefined);
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

  async #perform<T>(
    name: string,
    path: string,
    { timeout = this.#operationTimeout, signal, onConnectionLoss }: OperationOptions = {},
    result: (server: MemoryServer) => T,
    once = false,
  ): Promise<T> {
    this.#compounds += 1;
    this.#server.log.push(path === "" ? name : `${name} ${path}`);
    const deadline = Date.now() + timeout;
    for (;;) {
      try {
        await this.#server.answer({ timeout: deadline - Date.now(), signal }, () => this.#closed);
        if (name === "ping" && !this.#server.answersPings) {
          await new Promise((resolve) => setTimeout(resolve, deadline - Date.now()));
          throw new DeadlineError("The ping was not answered in time");
        }
        this.#answers += 1;
        const fault = name === "ping" ? undefined : this.#server.scheduled.shift();
        if (fault === "lose-request") throw new ConnectionError("The connection was lost");
        if (fault !== undefined && fault !== "lose-reply") throw failure(fault, Op.SEQUENCE, path);
        const value = result(this.#server);
        if (fault !== "lose-reply") return value;
        if (once) throw new OutcomeUnknownError("The operation may or may not have been done");
        throw new ConnectionError("The connection was lost");
      } catch (error) {
        if (!(error instanceof ConnectionError) || onConnectionLoss === "fail") throw error;
        if (Date.now() + 5 >= deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function failure(status: StatusName, operation: number, path: string): NfsStatusError {
  return new NfsStatusError(statusCode(status), operation, path);
}
