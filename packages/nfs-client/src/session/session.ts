/** A session on a server: how it is made and ended (RFC 8881 §2.10, §18.35, §18.36, §18.51), and its slots. */
import { randomBytes } from "node:crypto";
import type { Deadline } from "../deadline.ts";
import { ConnectionError, ProtocolError } from "../errors.ts";
import type { CompoundReply, Operations } from "../wire/compound.ts";
import { VERIFIER_SIZE } from "../wire/constants.ts";
import {
  type FileAttributeName,
  fileAttributesIn,
  getServerAttributes,
  verifyNothing,
} from "../wire/operations/attributes.ts";
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
import type { Capabilities } from "./capabilities.ts";

export interface Session {
  readonly id: Buffer;
  /** What the client's next session is made with. */
  readonly identity: ClientIdentity;
  readonly slots: SlotTable;
  /** With what the server turned out to refuse since. */
  capabilities: Capabilities;
}

/** Sends a COMPOUND as it is, without a session's SEQUENCE in front. */
export type Send = (operations: Operations) => Promise<CompoundReply>;

/** Bytes left for all but the data of a READ or WRITE: the RPC header with its credential, and the other operations. */
const ENVELOPE = 16 * 1024;
const READ_ENVELOPE = 4 * 1024;
const WRITE_ENVELOPE = 2 * 1024;
const MEBIBYTE = 1024 * 1024;
const DIRECTORY_PAGE = 256 * 1024;

/** Seconds. */
const DEFAULT_LEASE_TIME = 90;

/** Enough for paths of about forty names. More would not help: nfs-ganesha grants any number, and executes 100. */
const OPERATIONS = 100;

/** Bytes of the largest reply that the client asks for. */
export const MAX_RESPONSE_SIZE = MEBIBYTE + ENVELOPE;

/** Requests in flight, where the caller does not say how many. */
export const DEFAULT_SLOTS = 64;

/** What the client asks of CREATE_SESSION. */
export function wantedChannel(slots = DEFAULT_SLOTS): ChannelAttributes {
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
  const { identity, serverOwner, sessionId, foreChannel } = await confirmClient(send, owner, slots, before);
  requireUsableChannel(foreChannel);

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
  const aboutServer = getServerAttributes();
  const verifying = verifyNothing();
  const probed = await inSlotZero([putRootFileHandle, aboutServer, verifying]);
  if (!probed.reached(aboutServer)) probed.orThrow();
  const server = probed.of(aboutServer);
  const attributes = fileAttributesIn(server);
  requireAttributes(attributes);
  const { maximumRead = MEBIBYTE, maximumWrite = MEBIBYTE, leaseTime = DEFAULT_LEASE_TIME } = server;

  const capabilities: Capabilities = {
    maximumRequest: foreChannel.maximumRequestSize,
    maximumRead: Math.min(maximumRead, foreChannel.maximumResponseSize - READ_ENVELOPE, MEBIBYTE),
    maximumWrite: Math.min(maximumWrite, foreChannel.maximumRequestSize - WRITE_ENVELOPE, MEBIBYTE),
    maximumDirectoryPage: Math.min(foreChannel.maximumResponseSize - READ_ENVELOPE, DIRECTORY_PAGE),
    maximumCachedReply: foreChannel.maximumCachedResponseSize,
    maximumOperations: foreChannel.maximumOperations - 1,
    leaseTime,
    slots: slotTable.size,
    attributes,
    serverOwner,
    verify: probed.failedWith("NFS4ERR_NOT_SAME") || probed.succeeded,
    // Only a request that is refused tells. The attribute LINK_SUPPORT is that of one file system, and the root may be in
    // another than the files: nfs-ganesha's root says that it has no links.
    link: true,
    anonymousRead: true,
    currentStateid: true,
    lockOnCurrentStateid: true,
  };
  return { id: sessionId, identity, slots: slotTable, capabilities };
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
  const { identity, serverOwner } = await identify(send, owner, before);
  const create = createSession(identity, wantedChannel(slots));
  const created = (await send([create])).orThrow().of(create);
  return { identity: { ...identity, sequenceId: (identity.sequenceId + 1) >>> 0 }, serverOwner, ...created };
}

/** The client id. One that the server knows, but whose sequence id we do not, is replaced by a new incarnation. */
async function identify(
  send: Send,
  owner: ClientOwner,
  before?: ClientIdentity,
): Promise<{ identity: ClientIdentity; serverOwner: string }> {
  const exchange = exchangeId(owner);
  const { confirmed, serverOwner, ...identity } = (await send([exchange])).orThrow().of(exchange);
  if (!confirmed) return { identity, serverOwner };
  if (before?.clientId === identity.clientId) return { identity: before, serverOwner };
  return identify(send, newOwner(owner.name));
}

/** SEQUENCE included: the fewest operations in which a file can be published where there is none, and be looked up. */
const MIN_OPERATIONS = 8;

/** Bytes of a request or reply that hold 64 of the longest names, which is more than any COMPOUND of ours has. */
const MIN_MESSAGE_SIZE = 32 * 1024;

/** @throws {ProtocolError} when the session is too small for some operation; the message says what is missing. */
function requireUsableChannel(channel: ChannelAttributes): void {
  const { maximumOperations, maximumRequests, maximumRequestSize, maximumResponseSize } = channel;
  const granted = [
    [maximumOperations, MIN_OPERATIONS, "operations in a COMPOUND"],
    [maximumRequests, 1, "slots"],
    [maximumRequestSize, MIN_MESSAGE_SIZE, "bytes in a request"],
    [maximumResponseSize, MIN_MESSAGE_SIZE, "bytes in a response"],
  ] as const;
  for (const [count, needed, what] of granted) {
    if (count >= needed) continue;
    throw new ProtocolError(`The server grants ${count} ${what}: the client needs at least ${needed}`);
  }
}

/**
 * What no file operation can do without: TYPE, CHANGE and SIZE, which every server must have (RFC 8881 §5.6), and FILEID,
 * without which one file cannot be told from another that takes its place.
 */
const NEEDED_ATTRIBUTES: readonly FileAttributeName[] = ["type", "change", "size", "fileId"];

/** @throws {ProtocolError} that names the attributes that are missing. */
function requireAttributes(supported: ReadonlySet<FileAttributeName>): void {
  const missing = NEEDED_ATTRIBUTES.filter((name) => !supported.has(name));
  if (missing.length === 0) return;
  throw new ProtocolError(`The server does not have the attributes ${missing.join(", ")}: no etag can be made without`);
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

  /** A slot that is free now. */
  tryAcquire(): Slot | undefined {
    return this.#takeFree();
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
