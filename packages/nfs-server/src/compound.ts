/** One COMPOUND as it runs (RFC 8881 §16.2): its current and saved file handles and stateids, and the room for its reply. */
import type { BigIntStats } from "node:fs";
import { FileTypeCode, type Stateid, type XdrWriter } from "nfs-client/wire";
import type { Dialect } from "./dialect/dialect.ts";
import type { Inode } from "./file-system/inode.ts";
import type { OpenFile } from "./file-system/open-file.ts";
import type { Tree } from "./file-system/tree.ts";
import type { MountTarget } from "./mount-target.ts";
import type { Client, Session } from "./state/client.ts";
import type { ClientRecords } from "./state/client-records.ts";
import type { ServerState } from "./state/server-state.ts";
import { StatusError, statusOf } from "./status-error.ts";

interface Position {
  readonly inode: Inode;
  /** The stateid that the operations so far left; none where they left the anonymous one. */
  readonly stateid: Stateid | undefined;
}

/** What is known of a COMPOUND before its operations are. */
interface CompoundRequest {
  /** Bytes of the whole message. */
  readonly length: number;
  /** The COMPOUND itself, which a retry repeats to the byte. */
  readonly body: Buffer;
  readonly principal: string;
  /** Tells the connection that it came over from others. */
  readonly connection: object;
  /** How many operations it has. */
  readonly count: number;
}

export class Compound {
  readonly mountTarget: MountTarget;
  readonly dialect: Dialect;
  /** The clients that are known to who sent it. */
  readonly records: ClientRecords;
  readonly request: CompoundRequest;
  /** The whole reply, from the RPC header on. */
  readonly reply: XdrWriter;
  /** Which operation is running. */
  index = 0;
  readonly #unsynced = new Set<Inode>();
  readonly #held: OpenFile[] = [];
  #session: Session | undefined;
  #cachesReply = false;
  #current: Position | undefined;
  #saved: Position | undefined;

  constructor(mountTarget: MountTarget, request: CompoundRequest, reply: XdrWriter) {
    this.mountTarget = mountTarget;
    this.dialect = mountTarget.dialect;
    this.records = mountTarget.recordsOf(request.connection);
    this.request = request;
    this.reply = reply;
  }

  get tree(): Tree {
    return this.mountTarget.fileSystem.tree;
  }

  get state(): ServerState {
    return this.mountTarget.fileSystem.state;
  }

  /** The session that SEQUENCE named, and whether the reply is kept for a retry. */
  enterSession(session: Session, cachesReply: boolean): void {
    session.connections.add(this.request.connection);
    this.#session = session;
    this.#cachesReply = cachesReply;
  }

  get client(): Client {
    if (this.#session === undefined) throw new StatusError("NFS4ERR_OP_NOT_IN_SESSION");
    return this.#session.client;
  }

  /** @throws {StatusError} NFS4ERR_NOFILEHANDLE */
  get current(): Inode {
    return required(this.#current).inode;
  }

  /** @throws {StatusError} NFS4ERR_NOFILEHANDLE */
  requireCurrent(): void {
    required(this.#current);
  }

  /** @throws {StatusError} NFS4ERR_NOFILEHANDLE */
  get saved(): Inode {
    return required(this.#saved).inode;
  }

  get currentStateid(): Stateid | undefined {
    return this.#current?.stateid;
  }

  /** Moves on to another object; no stateid belongs to it yet. */
  setCurrent(inode: Inode): void {
    this.#current = { inode, stateid: undefined };
  }

  /** Takes over a use of a file that the operations to come may need. */
  releaseAtEnd(file: OpenFile): void {
    this.#held.push(file);
  }

  /** To be called when the last operation has run. */
  end(): void {
    for (const file of this.#held) file.release();
  }

  clearCurrent(): void {
    this.#current = undefined;
  }

  /** The stateid that an operation on the current object gave. */
  setCurrentStateid(stateid: Stateid): void {
    this.#current = { inode: this.current, stateid };
  }

  save(): void {
    this.#saved = required(this.#current);
  }

  restore(): void {
    this.#current = required(this.#saved);
  }

  /** The current object's status. */
  stat(): Promise<BigIntStats> {
    return this.tree.stat(this.current);
  }

  /** Bytes that the results of the running operation can have. */
  get room(): number {
    if (this.#session === undefined) return this.dialect.maximumMessageBytes;
    return this.#limit(this.#session) - this.reply.length;
  }

  /** Makes sure, before anything is done that cannot be undone, that results of so many bytes fit into the reply. */
  requireRoom(bytes: number): void {
    if (bytes <= this.room) return;
    const fits = this.#session === undefined || this.reply.length + bytes <= this.#session.channel.maximumResponse;
    throw new StatusError(fits ? "NFS4ERR_REP_TOO_BIG_TO_CACHE" : "NFS4ERR_REP_TOO_BIG");
  }

  /** @throws {StatusError} NFS4ERR_ROFS where nothing may be changed. */
  requireWritable(): void {
    if (this.dialect.readOnly) throw new StatusError("NFS4ERR_ROFS");
  }

  /** Notes that the object was changed, for {@link makeDurable}. */
  changed(inode: Inode): void {
    if (inode.type === FileTypeCode.REGULAR || inode.type === FileTypeCode.DIRECTORY) this.#unsynced.add(inode);
  }

  /** Makes durable what the operations so far changed and did not make durable themselves. */
  async makeDurable(): Promise<void> {
    if (!this.mountTarget.options.durable) return;
    await Promise.all([...this.#unsynced].map((inode) => this.#syncIfThere(inode)));
  }

  async #syncIfThere(inode: Inode): Promise<void> {
    try {
      await this.tree.sync(inode);
    } catch (error) {
      if (statusOf(error) !== "NFS4ERR_STALE") throw error;
    }
  }

  #limit({ channel }: Session): number {
    return this.#cachesReply
      ? Math.min(channel.maximumResponse, channel.maximumCachedResponse)
      : channel.maximumResponse;
  }
}

function required(position: Position | undefined): Position {
  if (position === undefined) throw new StatusError("NFS4ERR_NOFILEHANDLE");
  return position;
}
