/** A session on a server: how it is made and ended (RFC 8881 §2.10, §18.35, §18.36, §18.51), and its slots. */
import { randomBytes } from "node:crypto";
import type { Deadline } from "../deadline.ts";
import { ConnectionError, ProtocolError } from "../errors.ts";
import type { CompoundReply, Operations } from "../wire/compound.ts";
import { VERIFIER_SIZE } from "../wire/constants.ts";
import { getServerLimits } from "../wire/operations/attributes.ts";
import { putRootFileHandle } from "../wire/operations/file-handles.ts";
import {
  type ChannelAttributes,
  type ClientIdentity,
  type ClientOwner,
  createSession,
  destroyClientId,
  destroySession,
  exchangeId,
  reclaimComplete,
  sequence,
} from "../wire/operations/sessions.ts";

/** What the server granted, in bytes, counts and seconds. */
export interface SessionLimits {
  readonly maximumRequest: number;
  /** Data in one READ; its reply fits into the session's response size. */
  readonly maximumRead: number;
  /** Data in one WRITE that is alone in its COMPOUND with SEQUENCE and PUTFH. */
  readonly maximumWrite: number;
  /** Bytes of one READDIR page. */
  readonly maximumDirectoryPage: number;
  /** Operations in one COMPOUND, besides SEQUENCE. */
  readonly maximumOperations: number;
  readonly leaseTime: number;
}

export interface Session {
  readonly id: Buffer;
  /** What the client's next session is made with. */
  readonly identity: ClientIdentity;
  readonly slots: SlotTable;
  readonly limits: SessionLimits;
}

/** Sends a COMPOUND as it is, without a session's SEQUENCE in front. */
export type Send = (operations: Operations) => Promise<CompoundReply>;

/** Bytes left for all but the data of a READ or WRITE: the RPC header with its credential, and the other operations. */
const ENVELOPE = 16 * 1024;
const READ_ENVELOPE = 4 * 1024;
const WRITE_ENVELOPE = 2 * 1024;
const MEBIBYTE = 1024 * 1024;
const DIRECTORY_PAGE = 256 * 1024;

/** Enough for paths of about forty names. More would not help: nfs-ganesha grants any number, and executes 100. */
const OPERATIONS = 64;

/** Bytes of the largest reply that the client asks for. */
export const MAX_RESPONSE_SIZE = MEBIBYTE + ENVELOPE;

function wantedChannel(slots: number): ChannelAttributes {
  return {
    maximumRequestSize: MEBIBYTE + ENVELOPE,
    maximumResponseSize: MAX_RESPONSE_SIZE,
    maximumCachedResponseSize: 8 * 1024,
    maximumOperations: OPERATIONS,
    maximumRequests: slots,
  };
}

/**
 * Registers the client with the server, and makes a session with up to `slots` slots.
 *
 * @param before The identity that the client's last session left.
 */
export async function establishSession(
  send: Send,
  owner: ClientOwner,
  slots: number,
  before?: ClientIdentity,
): Promise<Session> {
  const { identity, sessionId, foreChannel } = await confirmClient(send, owner, slots, before);
  checkUsable(foreChannel);

  const slotTable = new SlotTable(Math.min(foreChannel.maximumRequests, slots));
  const inSlotZero = async (operations: Operations) => {
    const slot = slotTable.takeFirst();
    const first = sequence({
      sessionId,
      sequenceId: slot.sequenceId,
      slotId: slot.id,
      highestSlotId: slotTable.size - 1,
      cacheThis: false,
    });
    const reply = await send([first, ...operations]);
    slotTable.release(slot);
    return reply;
  };
  const reclaimed = await inSlotZero([reclaimComplete()]);
  if (!reclaimed.failedWith("NFS4ERR_COMPLETE_ALREADY")) reclaimed.orThrow();
  const limits = getServerLimits();
  const server = (await inSlotZero([putRootFileHandle, limits])).orThrow().of(limits);

  return {
    id: sessionId,
    identity,
    slots: slotTable,
    limits: {
      maximumRequest: foreChannel.maximumRequestSize,
      maximumRead: Math.min(server.maximumRead, foreChannel.maximumResponseSize - READ_ENVELOPE, MEBIBYTE),
      maximumWrite: Math.min(server.maximumWrite, foreChannel.maximumRequestSize - WRITE_ENVELOPE, MEBIBYTE),
      maximumDirectoryPage: Math.min(foreChannel.maximumResponseSize - READ_ENVELOPE, DIRECTORY_PAGE),
      maximumOperations: foreChannel.maximumOperations - 1,
      leaseTime: server.leaseTime,
    },
  };
}

/**
 * Fences the client with this name: says that it has restarted. The server then drops its session, opens and locks, and
 * executes nothing more of what it sent (RFC 8881 §18.35.4, case 5).
 */
export async function fenceClient(send: Send, owner: ClientOwner): Promise<void> {
  const { identity, sessionId } = await confirmClient(send, owner, 1);
  (await send([destroySession(sessionId)])).orThrow();
  (await send([destroyClientId(identity.clientId)])).orThrow();
}

/** A new incarnation of the client with this name: the server drops the state of earlier ones. */
export function newOwner(name: string): ClientOwner {
  return { name, verifier: randomBytes(VERIFIER_SIZE) };
}

/** Confirms the client id by making a session with it. */
async function confirmClient(send: Send, owner: ClientOwner, slots: number, before?: ClientIdentity) {
  const identity = await identify(send, owner, before);
  const create = createSession(identity, wantedChannel(slots));
  const created = (await send([create])).orThrow().of(create);
  return { identity: { ...identity, sequenceId: (identity.sequenceId + 1) >>> 0 }, ...created };
}

/** The client id. One that the server knows, but whose sequence id we do not, is replaced by a new incarnation. */
async function identify(send: Send, owner: ClientOwner, before?: ClientIdentity): Promise<ClientIdentity> {
  const exchange = exchangeId(owner);
  const { confirmed, ...identity } = (await send([exchange])).orThrow().of(exchange);
  if (!confirmed) return identity;
  if (before?.clientId === identity.clientId) return before;
  return identify(send, newOwner(owner.name));
}

/** @throws {ProtocolError} when the session is too small to read or write even a small file. */
function checkUsable(channel: ChannelAttributes): void {
  const minSize = 2 * Math.max(READ_ENVELOPE, WRITE_ENVELOPE);
  const minOperations = 16;
  if (
    channel.maximumRequests < 1 ||
    channel.maximumOperations < minOperations ||
    Math.min(channel.maximumRequestSize, channel.maximumResponseSize) < minSize
  ) {
    throw new ProtocolError(`The session that the server grants is too small to use: ${JSON.stringify(channel)}`);
  }
}

/** A slot of a session: it carries one request at a time, in sequence (RFC 8881 §2.10.6.1). */
export interface Slot {
  readonly id: number;
  /** Of the request in flight, or else of the next one. */
  sequenceId: number;
}

type Waiter = (slot: Slot | undefined) => void;

export class SlotTable {
  readonly size: number;
  readonly #free: Slot[];
  readonly #waiters = new Set<Waiter>();
  #unsettled: Slot[] = [];
  /** The highest slot id that the server wants in use. It may change this at any time. */
  #target: number;
  #retired = 0;

  constructor(size: number) {
    this.size = size;
    this.#target = size - 1;
    // Slots are taken from the end: low ids first.
    this.#free = Array.from({ length: size }, (_, index) => ({ id: size - 1 - index, sequenceId: 1 }));
  }

  /** All slots were retired: nothing more can be sent in this session. */
  get exhausted(): boolean {
    return this.#retired >= this.size;
  }

  /** A slot of a table that nobody else uses yet. */
  takeFirst(): Slot {
    const slot = this.#takeFree();
    if (slot === undefined) throw new ConnectionError("The session has no free slot");
    return slot;
  }

  /** Waits for a free slot, first come, first served. */
  async acquire(deadline: Deadline): Promise<Slot> {
    const slot = this.#takeFree();
    if (slot !== undefined) return slot;
    let waiter: Waiter | undefined;
    const granted = new Promise<Slot | undefined>((resolve) => {
      waiter = resolve;
      this.#waiters.add(resolve);
    });
    let taken: Slot | undefined;
    try {
      taken = await deadline.race(granted);
    } catch (error) {
      // A slot that was granted in the same moment must not be lost.
      if (waiter !== undefined && !this.#waiters.delete(waiter)) granted.then((late) => late && this.#put(late));
      throw error;
    }
    if (taken === undefined) throw new ConnectionError("The session ended");
    return taken;
  }

  /** The reply has come: the slot is free for the next request. */
  release(slot: Slot): void {
    slot.sequenceId = (slot.sequenceId + 1) >>> 0;
    this.#put(slot);
  }

  /** The server refused the request before its SEQUENCE took effect: the sequence id stays the next one. */
  giveBack(slot: Slot): void {
    this.#put(slot);
  }

  /** Nobody waits for the slot's request any longer, or knows whether it was executed. The slot must be settled. */
  leaveUnsettled(slot: Slot): void {
    this.#unsettled.push(slot);
  }

  /** Takes the slots that {@link leaveUnsettled} left. */
  takeUnsettled(): Slot[] {
    const slots = this.#unsettled;
    this.#unsettled = [];
    return slots;
  }

  /** Client and server disagree on the slot's sequence id: the slot is not used again. */
  retire(): void {
    this.#retired += 1;
    if (this.exhausted) this.end();
  }

  /** The session is over: whoever waits for one of its slots fails. */
  end(): void {
    for (const waiter of this.#waiters) waiter(undefined);
    this.#waiters.clear();
  }

  /** The highest slot id that the server wants in use. */
  setTarget(highestSlotId: number): void {
    if (highestSlotId === this.#target) return;
    this.#target = Math.min(highestSlotId, this.size - 1);
    for (const waiter of this.#waiters) {
      const slot = this.#takeFree();
      if (slot === undefined) return;
      this.#waiters.delete(waiter);
      waiter(slot);
    }
  }

  #takeFree(): Slot | undefined {
    const last = this.#free.at(-1);
    if (last !== undefined && last.id <= this.#target) return this.#free.pop();
    const index = this.#free.findLastIndex(({ id }) => id <= this.#target);
    return index < 0 ? undefined : this.#free.splice(index, 1)[0];
  }

  #put(slot: Slot): void {
    const [waiter] = slot.id <= this.#target ? this.#waiters : [];
    if (waiter === undefined) {
      this.#free.push(slot);
      return;
    }
    this.#waiters.delete(waiter);
    waiter(slot);
  }
}
