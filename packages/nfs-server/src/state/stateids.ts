/** Opens and locks by the stateids that name them (RFC 8881 §8.2). */

import { STATEID_OTHER_SIZE, type Stateid } from "nfs-client/wire";
import type { Inode } from "../file-system/inode.ts";
import type { OpenFile } from "../file-system/open-file.ts";
import { MAX_UINT32 } from "../protocol.ts";
import { StatusError } from "../status-error.ts";
import type { Client } from "./clients.ts";

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
}

export interface LockOwner {
  readonly clientId: bigint;
  readonly owner: Buffer;
}

export type State = OpenState | LockState;

export class Stateids {
  readonly #epoch: number;
  readonly #states = new Map<string, State>();
  #created = 0n;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  /** A name that no state ever had. */
  createOther(): Buffer {
    const other = Buffer.alloc(STATEID_OTHER_SIZE);
    this.#created++;
    other.writeUInt32BE(this.#epoch);
    other.writeBigUInt64BE(this.#created, 4);
    return other;
  }

  add(state: State): void {
    this.#states.set(keyOf(state.other), state);
  }

  remove(state: State): void {
    this.#states.delete(keyOf(state.other));
  }

  /** @throws {StatusError} NFS4ERR_BAD_STATEID or NFS4ERR_OLD_STATEID */
  get(client: Client, { seqid, other }: Stateid): State {
    const state = this.#states.get(keyOf(other));
    if (state === undefined || state.client !== client) throw new StatusError("NFS4ERR_BAD_STATEID");
    // A seqid of zero means the newest one (RFC 8881 §8.2.2).
    if (seqid !== 0 && seqid !== state.seqid) {
      throw new StatusError(seqid < state.seqid ? "NFS4ERR_OLD_STATEID" : "NFS4ERR_BAD_STATEID");
    }
    return state;
  }
}

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
