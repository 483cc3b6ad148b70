/** Clients and sessions: how they begin, are used, and end (RFC 8881 §18.34-18.37, §18.46, §18.50, §18.51). */
import {
  AuthFlavor,
  ExchangeFlag,
  MAX_AUTH_BODY_SIZE,
  MAX_OPAQUE_SIZE,
  SESSION_ID_SIZE,
  StateProtect,
  VERIFIER_SIZE,
  XdrError,
  type XdrReader,
  XdrWriter,
} from "nfs-client/wire";
import type { Compound } from "../compound.ts";
import type { Dialect } from "../dialect/dialect.ts";
import { BindDirection, CREATE_SESSION_FLAGS, ExchangeFlagMask } from "../protocol.ts";
import { type ChannelAttributes, negotiate } from "../state/channel.ts";
import type { Session } from "../state/client.ts";
import { fingerprintOf, type Slot, type SlotOutcome } from "../state/slots.ts";
import { StatusError } from "../status-error.ts";
import { ResultSize } from "./operation.ts";

const GSS_FLAVOR = 6;

/** Bytes of a reply that is kept for a retry. */
const MAX_CACHED_RESPONSE = 8 * 1024;

export function exchangeId(compound: Compound, args: XdrReader): void {
  const verifier = args.fixedOpaque(VERIFIER_SIZE).toString("latin1");
  const owner = args.opaque(MAX_OPAQUE_SIZE).toString("latin1");
  const flags = args.uint32();
  const protection = args.uint32();
  // Both other kinds need RPCSEC_GSS, which neither this server nor Amazon EFS has.
  if (protection !== StateProtect.NONE) throw new StatusError("NFS4ERR_INVAL");
  readImplementationId(args);
  if ((flags & ~ExchangeFlagMask.ALLOWED_FROM_CLIENT) !== 0) throw new StatusError("NFS4ERR_INVAL");
  const { state, records, mountTarget, request, reply } = compound;
  const isUpdate = (flags & ExchangeFlagMask.UPDATE_CONFIRMED) !== 0;
  const client = records.exchangeId({ owner, verifier, principal: request.principal }, isUpdate, state.now());
  const confirmed = client.confirmed ? ExchangeFlag.CONFIRMED_R : 0;
  const meaningless = 0;
  reply
    .uint64(client.id)
    .uint32(client.confirmed ? meaningless : client.nextSequence)
    .uint32((ExchangeFlag.USE_NON_PNFS | confirmed) >>> 0);
  reply.uint32(StateProtect.NONE);
  reply.uint64(0).opaque(records.serverOwner).opaque(mountTarget.fileSystem.name);
  reply.uint32(0);
}

export function createSession(compound: Compound, args: XdrReader): void {
  const clientId = args.uint64();
  const sequence = args.uint32();
  const flags = args.uint32();
  const fore = readChannel(args);
  const back = readChannel(args);
  args.uint32();
  readCallbackSecurity(args);

  const { state, records, dialect, request, reply } = compound;
  const client = records.client(clientId);
  if (!client.confirmed && client.identity.principal !== request.principal) throw new StatusError("NFS4ERR_CLID_INUSE");
  if (client.lastCreateSession?.sequence === sequence) {
    reply.raw(client.lastCreateSession.reply);
    return;
  }
  if (sequence !== client.nextSequence) throw new StatusError("NFS4ERR_SEQ_MISORDERED");
  if ((flags & ~CREATE_SESSION_FLAGS) !== 0) throw new StatusError("NFS4ERR_INVAL");
  compound.requireRoom(ResultSize.SESSION);
  const limits = channelLimits(dialect);
  const foreChannel = negotiate(fore, limits);
  const backChannel = negotiate(back, limits);
  records.confirm(client);
  client.renewedAt = state.now();
  const session = records.createSession(client, foreChannel);
  session.connections.add(request.connection);
  const results = new XdrWriter().fixedOpaque(session.id).uint32(sequence).uint32(0);
  writeChannel(results, foreChannel);
  writeChannel(results, backChannel);
  client.lastCreateSession = { sequence, reply: results.toBuffer() };
  client.nextSequence = (sequence + 1) >>> 0;
  reply.raw(client.lastCreateSession.reply);
}

/** The slot that a request runs in. */
interface Sequenced {
  readonly session: Session;
  readonly slot: Slot;
  readonly cachesReply: boolean;
  readonly outcome: SlotOutcome;
}

/** SEQUENCE is not run like the other operations: it decides whether they are run at all. */
export function sequence(compound: Compound, args: XdrReader): Sequenced {
  const { state, records, request, reply } = compound;
  const sessionId = args.fixedOpaque(SESSION_ID_SIZE);
  const [sequenceId, slotId, highestSlotId] = [args.uint32(), args.uint32(), args.uint32()];
  const cachesReply = args.bool();
  const session = records.session(sessionId);
  const { channel, client, slots } = session;
  const slot = slots[slotId];
  if (slot === undefined) throw new StatusError("NFS4ERR_BADSLOT");
  if (slotId > highestSlotId) throw new StatusError("NFS4ERR_BAD_HIGH_SLOT");
  if (request.length > channel.maximumRequest) throw new StatusError("NFS4ERR_REQ_TOO_BIG");
  if (request.count > channel.maximumOperations) throw new StatusError("NFS4ERR_TOO_MANY_OPS");
  compound.enterSession(session, cachesReply);
  compound.requireRoom(ResultSize.SEQUENCE);

  const outcome = slot.begin(sequenceId, fingerprintOf(request.body, request.principal));
  client.renewedAt = state.now();
  if (outcome.kind === "new") client.requestsInFlight++;
  const highestSlot = slots.length - 1;
  const noStatusFlags = 0;
  reply.fixedOpaque(sessionId).uint32(sequenceId).uint32(slotId);
  reply.uint32(highestSlot).uint32(highestSlot).uint32(noStatusFlags);
  return { session, slot, cachesReply, outcome };
}

export function destroySession({ records, index, request }: Compound, args: XdrReader): void {
  const session = records.session(args.fixedOpaque(SESSION_ID_SIZE));
  if (!session.connections.has(request.connection)) throw new StatusError("NFS4ERR_CONN_NOT_BOUND_TO_SESSION");
  if (index < request.count - 1) throw new StatusError("NFS4ERR_NOT_ONLY_OP");
  records.removeSession(session);
}

export function destroyClientId({ records }: Compound, args: XdrReader): void {
  const client = records.client(args.uint64());
  if (client.hasState) throw new StatusError("NFS4ERR_CLIENTID_BUSY");
  records.remove(client);
}

/** Any connection may come to any session; there is no back channel to bind. */
export function bindConnectionToSession({ records, request, reply }: Compound, args: XdrReader): void {
  const session = records.session(args.fixedOpaque(SESSION_ID_SIZE));
  const direction = args.uint32();
  args.bool();
  if (direction === BindDirection.BACK) throw new StatusError("NFS4ERR_INVAL");
  session.connections.add(request.connection);
  reply.fixedOpaque(session.id).uint32(BindDirection.FORE).bool(false);
}

/** Nothing can be reclaimed here, but a client must say that it will not before it opens or locks. */
export function reclaimComplete(compound: Compound, args: XdrReader): void {
  const { client } = compound;
  const isForOneFileSystem = args.bool();
  if (isForOneFileSystem) {
    compound.requireCurrent();
    return;
  }
  if (client.reclaimComplete) throw new StatusError("NFS4ERR_COMPLETE_ALREADY");
  client.reclaimComplete = true;
}

function channelLimits({ maximumMessageBytes, maximumOperations, maximumSlots }: Dialect): ChannelAttributes {
  return {
    headerPadding: 0,
    maximumRequest: maximumMessageBytes,
    maximumResponse: maximumMessageBytes,
    maximumCachedResponse: MAX_CACHED_RESPONSE,
    maximumOperations,
    maximumRequests: maximumSlots,
  };
}

function readImplementationId(args: XdrReader): void {
  if (readAtMostOne(args) === 0) return;
  args.string(MAX_OPAQUE_SIZE);
  args.string(MAX_OPAQUE_SIZE);
  args.int64();
  args.uint32();
}

function readChannel(args: XdrReader): ChannelAttributes {
  const channel = {
    headerPadding: args.uint32(),
    maximumRequest: args.uint32(),
    maximumResponse: args.uint32(),
    maximumCachedResponse: args.uint32(),
    maximumOperations: args.uint32(),
    maximumRequests: args.uint32(),
  };
  if (readAtMostOne(args) === 1) args.uint32();
  return channel;
}

function writeChannel(writer: XdrWriter, channel: ChannelAttributes): void {
  writer.uint32(channel.headerPadding).uint32(channel.maximumRequest).uint32(channel.maximumResponse);
  writer.uint32(channel.maximumCachedResponse).uint32(channel.maximumOperations).uint32(channel.maximumRequests);
  writer.uint32(0);
}

/** How callbacks would prove who they are: there are none, so it is only read over. */
function readCallbackSecurity(args: XdrReader): void {
  const count = args.count(4);
  for (let index = 0; index < count; index++) {
    const flavor = args.uint32();
    if (flavor === AuthFlavor.NONE) continue;
    args.uint32();
    if (flavor === AuthFlavor.SYS) {
      args.string(MAX_AUTH_BODY_SIZE);
      args.uint32();
      args.uint32();
      args.fixedOpaque(args.count(4) * 4);
    } else if (flavor === GSS_FLAVOR) {
      args.opaque(MAX_AUTH_BODY_SIZE);
      args.opaque(MAX_AUTH_BODY_SIZE);
    } else {
      throw new XdrError(`A callback security flavor of ${flavor}`);
    }
  }
}

function readAtMostOne(args: XdrReader): number {
  const count = args.uint32();
  if (count > 1) throw new XdrError(`An array of ${count} items where at most 1 is allowed`);
  return count;
}
