/** Making a client id and a session on a server (RFC 8881 §2.10, §18.35, §18.36, §18.51). */
import { randomBytes } from "node:crypto";
import type { CompoundReply, Operations } from "../compound.ts";
import { ProtocolError } from "../errors.ts";
import { getServerLimits } from "../operations/attributes.ts";
import { putRootFileHandle } from "../operations/handles.ts";
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
} from "../operations/session.ts";
import { VERIFIER_SIZE } from "../wire/protocol.ts";
import { SlotTable } from "./slots.ts";

/** What the server granted, in bytes, counts and seconds. */
export interface SessionLimits {
  readonly maximumRequest: number;
  /** Data in one READ; its reply fits into the session's response size. */
  readonly maximumRead: number;
  /** Data in one WRITE that is alone with its PUTFH. */
  readonly maximumWrite: number;
  /** Bytes of one READDIR page. */
  readonly maximumDirectoryPage: number;
  /** Operations in one COMPOUND, besides SEQUENCE. */
  readonly maximumOperations: number;
  readonly leaseTime: number;
}

export interface Session {
  readonly id: Buffer;
  /** For the client's next session. */
  readonly identity: ClientIdentity;
  readonly slots: SlotTable;
  readonly limits: SessionLimits;
}

/** Sends a COMPOUND as it is, without a session's SEQUENCE in front. */
export type Send = (operations: Operations) => Promise<CompoundReply>;

/** Room for what stands around the data of a READ or WRITE: the RPC header with its credential, and other operations. */
const ENVELOPE = 16 * 1024;
const READ_ENVELOPE = 4 * 1024;
const WRITE_ENVELOPE = 2 * 1024;
const MEBIBYTE = 1024 * 1024;
const DIRECTORY_PAGE = 256 * 1024;

/** Enough for paths of some forty names; nfs-ganesha grants more than the 100 it then executes. */
const OPERATIONS = 64;

/** The largest reply the client ever asks for. */
export const MAXIMUM_RESPONSE = MEBIBYTE + ENVELOPE;

function wantedChannel(slots: number): ChannelAttributes {
  return {
    maximumRequestSize: MEBIBYTE + ENVELOPE,
    maximumResponseSize: MAXIMUM_RESPONSE,
    maximumCachedResponseSize: 8 * 1024,
    maximumOperations: OPERATIONS,
    maximumRequests: slots,
  };
}

/**
 * Introduces the client to the server and opens a session of up to `slots` slots.
 *
 * @param before Of the client's last session.
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
 * Ends what the client of this name left: the server takes us for its next incarnation, so it drops its session, opens
 * and locks, and executes nothing more of what it sent (RFC 8881 §18.35.4, case 5).
 */
export async function fenceClient(send: Send, owner: ClientOwner): Promise<void> {
  const { identity, sessionId } = await confirmClient(send, owner, 1);
  (await send([destroySession(sessionId)])).orThrow();
  (await send([destroyClientId(identity.clientId)])).orThrow();
}

/** A client of this name that has not been there before: the server drops what it knows of earlier ones. */
export function newOwner(name: string): ClientOwner {
  return { name, verifier: randomBytes(VERIFIER_SIZE) };
}

/** Makes the client known by its first session, or a known one by another. */
async function confirmClient(send: Send, owner: ClientOwner, slots: number, before?: ClientIdentity) {
  const identity = await identify(send, owner, before);
  const create = createSession(identity, wantedChannel(slots));
  const created = (await send([create])).orThrow().of(create);
  return { identity: { ...identity, sequenceId: (identity.sequenceId + 1) >>> 0 }, ...created };
}

/** A client that is known, with a sequence that only the server knows, starts over. */
async function identify(send: Send, owner: ClientOwner, before?: ClientIdentity): Promise<ClientIdentity> {
  const exchange = exchangeId(owner);
  const { confirmed, ...identity } = (await send([exchange])).orThrow().of(exchange);
  if (!confirmed) return identity;
  if (before?.clientId === identity.clientId) return before;
  return identify(send, newOwner(owner.name));
}

/** Below these, not even a small file could be read or written. */
function checkUsable(channel: ChannelAttributes): void {
  const smallestSize = 2 * Math.max(READ_ENVELOPE, WRITE_ENVELOPE);
  const fewestOperations = 16;
  if (
    channel.maximumRequests < 1 ||
    channel.maximumOperations < fewestOperations ||
    Math.min(channel.maximumRequestSize, channel.maximumResponseSize) < smallestSize
  ) {
    throw new ProtocolError(`The session that the server grants is too small to use: ${JSON.stringify(channel)}`);
  }
}
