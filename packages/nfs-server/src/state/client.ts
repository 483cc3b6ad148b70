/**
 * A client, and what is its own: sessions, opens and locks (RFC 8881 §2.4, §8.2). Each of them leads to the others, so
 * they are described together; what is done with them is elsewhere.
 */
import { randomBytes } from "node:crypto";
import { SESSION_ID_SIZE, STATEID_OTHER_SIZE, type Stateid } from "nfs-client/wire";
import type { Inode } from "../file-system/inode.ts";
import type { OpenFile } from "../file-system/open-file.ts";
import { MAX_UINT32 } from "../protocol.ts";
import { StatusError } from "../status-error.ts";
import type { ChannelAttributes } from "./channel.ts";
import { Slot } from "./slots.ts";

/** What an EXCHANGE_ID says of the client. */
export interface ClientIdentity {
  /** co_ownerid: the same for all incarnations of one client. */
  readonly owner: string;
  /** co_verifier: another one for each incarnation. */
  readonly verifier: string;
  /** Whom RPC says the caller is. */
  readonly principal: string;
}

export class Client {
  readonly id: bigint;
  readonly identity: ClientIdentity;
  confirmed = false;
  /** The sequence id that the next CREATE_SESSION must bear, and the reply to the last one. */
  nextSequence = 1;
  lastCreateSession?: { readonly sequence: number; readonly reply: Buffer };
  reclaimComplete = false;
  readonly sessions = new Set<Session>();
  readonly opens = new Set<OpenState>();
  readonly locks = new Set<LockState>();
  /** Byte ranges that it has locked, of all files. */
  lockedRanges = 0;
  /** When its lease was renewed last, in milliseconds of the server's clock. */
  renewedAt: number;
  /** A client whose request is being worked on does not expire. */
  requestsInFlight = 0;
  /** All that was its own was taken away; nothing may be added any more. */
  isGone = false;
  /** Opens and locks by the part of their stateids that stays the same. */
  readonly #states = new Map<string, State>();
  #statesMade = 0;

  constructor(id: bigint, identity: ClientIdentity, now: number) {
    this.id = id;
    this.identity = identity;
    this.renewedAt = now;
  }

  get hasState(): boolean {
    return this.sessions.size > 0 || this.opens.size > 0;
  }

  /** The part of a stateid that stays the same: one that neither this client nor any other has. */
  newStateidOther(): Buffer {
    const other = Buffer.alloc(STATEID_OTHER_SIZE);
    this.#statesMade = (this.#statesMade + 1) >>> 0;
    other.writeBigUInt64BE(this.id);
    other.writeUInt32BE(this.#statesMade, 8);
    return other;
  }

  add(state: State): void {
    this.#states.set(keyOf(state.other), state);
    if (state.kind === "open") this.opens.add(state);
    else this.locks.add(state);
  }

  remove(state: State): void {
    this.#states.delete(keyOf(state.other));
    if (state.kind === "open") this.opens.delete(state);
    else this.locks.delete(state);
  }

  /** @throws {StatusError} NFS4ERR_BAD_STATEID or NFS4ERR_OLD_STATEID */
  stateOf({ seqid, other }: Stateid): State {
    const state = this.#states.get(keyOf(other));
    if (state === undefined) throw new StatusError("NFS4ERR_BAD_STATEID");
    // A seqid of zero means the newest one (RFC 8881 §8.2.2).
    if (seqid !== 0 && seqid !== state.seqid) {
      throw new StatusError(seqid < state.seqid ? "NFS4ERR_OLD_STATEID" : "NFS4ERR_BAD_STATEID");
    }
    return state;
  }
}

export class Session {
  readonly id = randomBytes(SESSION_ID_SIZE);
  readonly client: Client;
  readonly channel: ChannelAttributes;
  readonly slots: readonly Slot[];
  /** The connections that requests came over; only over one of them it can be destroyed. */
  readonly connections = new WeakSet<object>();

  constructor(client: Client, channel: ChannelAttributes) {
    this.client = client;
    this.channel = channel;
    this.slots = Array.from({ length: channel.maximumRequests }, () => new Slot());
  }
}

/** What one open-owner has open of one file. */
export interface OpenState {
  readonly kind: "open";
  readonly other: Buffer;
  seqid: number;
  readonly client: Client;
  readonly owner: string;
  readonly inode: Inode;
  /** Open for writing where `access` says so. */
  file: OpenFile;
  /** Bits of OPEN4_SHARE_ACCESS: for reading, for writing. */
  access: number;
  /** The sets of bits it was opened with: OPEN_DOWNGRADE must name a union of those. */
  readonly opened: Set<number>;
  readonly locks: Set<LockState>;
}

/** The byte-range locks of one lock-owner on one file. */
export interface LockState {
  readonly kind: "lock";
  readonly other: Buffer;
  seqid: number;
  readonly client: Client;
  /** Tells lock-owners of all clients apart. */
  readonly ownerKey: string;
  readonly owner: LockOwner;
  readonly inode: Inode;
  readonly open: OpenState;
  /** The mount target that it was taken through. */
  readonly takenThrough: object;
}

export interface LockOwner {
  readonly clientId: bigint;
  readonly owner: Buffer;
}

export type State = OpenState | LockState;

export function stateidOf({ seqid, other }: State): Stateid {
  return { seqid, other };
}

/** The state changed: its stateid is a new one, and never bears the seqid zero. */
export function advance(state: State): Stateid {
  state.seqid = state.seqid === MAX_UINT32 ? 1 : state.seqid + 1;
  return stateidOf(state);
}

function keyOf(other: Buffer): string {
  return other.toString("latin1");
}
