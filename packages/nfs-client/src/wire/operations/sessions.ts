/** Operations that make, use and end client ids and sessions (RFC 8881 §18.35 to §18.37, §18.46, §18.50, §18.51). */
import { mutation, nothing, type Operation } from "../compound.ts";
import { ExchangeFlag, MAX_OPAQUE_SIZE, Op, SESSION_ID_SIZE, StateProtect } from "../constants.ts";
import { AuthFlavor } from "../rpc.ts";
import { XdrError, type XdrReader, type XdrWriter } from "../xdr.ts";

/** How a client introduces itself: the name stays, the verifier is another one for each incarnation. */
export interface ClientOwner {
  readonly name: string;
  readonly verifier: Buffer;
}

export interface ClientIdentity {
  readonly clientId: bigint;
  /** Of the client's next CREATE_SESSION. */
  readonly sequenceId: number;
}

export interface ExchangedId extends ClientIdentity {
  /** The client has had a session before: {@link ClientIdentity.sequenceId} means nothing then (RFC 8881 §18.35.3). */
  readonly confirmed: boolean;
  /**
   * eir_server_scope and so_major_id: the same for connections behind which the same client records are (RFC 8881
   * §2.10.5).
   */
  readonly serverOwner: string;
}

export function exchangeId({ name, verifier }: ClientOwner): Operation<ExchangedId> {
  return mutation(
    Op.EXCHANGE_ID,
    (writer) => {
      writer.fixedOpaque(verifier).string(name);
      writer.uint32(ExchangeFlag.USE_NON_PNFS).uint32(StateProtect.NONE).uint32(0);
    },
    (reader) => {
      const identity = { clientId: reader.uint64(), sequenceId: reader.uint32() };
      const confirmed = (reader.uint32() & ExchangeFlag.CONFIRMED_R) !== 0;
      const protection = reader.uint32();
      if (protection !== StateProtect.NONE)
        throw new XdrError(`State protection ${protection} where none was asked for`);
      reader.uint64();
      const majorId = reader.opaque(MAX_OPAQUE_SIZE).toString("latin1");
      const scope = reader.opaque(MAX_OPAQUE_SIZE).toString("latin1");
      skipImplementations(reader);
      return { ...identity, confirmed, serverOwner: JSON.stringify([scope, majorId]) };
    },
  );
}

function skipImplementations(reader: XdrReader): void {
  const smallestImplementation = 20;
  const count = reader.count(smallestImplementation);
  for (let index = 0; index < count; index++) {
    reader.skipOpaque(MAX_OPAQUE_SIZE);
    reader.skipOpaque(MAX_OPAQUE_SIZE);
    reader.int64();
    reader.uint32();
  }
}

/** What one channel of a session carries (RFC 8881 §18.36: channel_attrs4), in bytes and counts. */
export interface ChannelAttributes {
  readonly maximumRequestSize: number;
  readonly maximumResponseSize: number;
  readonly maximumCachedResponseSize: number;
  readonly maximumOperations: number;
  readonly maximumRequests: number;
}

export interface CreatedSession {
  /** 16 bytes. */
  readonly sessionId: Buffer;
  readonly foreChannel: ChannelAttributes;
}

/** CREATE_SESSION must describe a back channel, although the client supports no callbacks. */
const BACK_CHANNEL: ChannelAttributes = {
  maximumRequestSize: 4096,
  maximumResponseSize: 4096,
  maximumCachedResponseSize: 0,
  maximumOperations: 2,
  maximumRequests: 1,
};

const CALLBACK_PROGRAM = 0x4000_0000;

export function createSession(
  { clientId, sequenceId }: ClientIdentity,
  foreChannel: ChannelAttributes,
): Operation<CreatedSession> {
  return mutation(
    Op.CREATE_SESSION,
    (writer) => {
      writer.uint64(clientId).uint32(sequenceId).uint32(0);
      writeChannel(writer, foreChannel);
      writeChannel(writer, BACK_CHANNEL);
      writer.uint32(CALLBACK_PROGRAM).uint32(1).uint32(AuthFlavor.NONE);
    },
    (reader) => {
      const sessionId = Buffer.from(reader.fixedOpaque(SESSION_ID_SIZE));
      reader.uint32();
      reader.uint32();
      const channel = readChannel(reader);
      readChannel(reader);
      return { sessionId, foreChannel: channel };
    },
  );
}

function writeChannel(writer: XdrWriter, channel: ChannelAttributes): void {
  const headerPadding = 0;
  writer.uint32(headerPadding).uint32(channel.maximumRequestSize).uint32(channel.maximumResponseSize);
  writer.uint32(channel.maximumCachedResponseSize).uint32(channel.maximumOperations).uint32(channel.maximumRequests);
  const noRdma = 0;
  writer.uint32(noRdma);
}

function readChannel(reader: XdrReader): ChannelAttributes {
  reader.uint32();
  const channel = {
    maximumRequestSize: reader.uint32(),
    maximumResponseSize: reader.uint32(),
    maximumCachedResponseSize: reader.uint32(),
    maximumOperations: reader.uint32(),
    maximumRequests: reader.uint32(),
  };
  const rdma = reader.count(4);
  if (rdma > 1) throw new XdrError(`${rdma} RDMA read sizes where at most one is allowed`);
  if (rdma === 1) reader.uint32();
  return channel;
}

/** Tells the server that no state from before its restart will be reclaimed. */
export function reclaimComplete(): Operation<void> {
  const allFileSystems = false;
  return mutation(Op.RECLAIM_COMPLETE, (writer) => writer.bool(allFileSystems), nothing);
}

export function destroySession(sessionId: Buffer): Operation<void> {
  return mutation(Op.DESTROY_SESSION, (writer) => writer.fixedOpaque(sessionId), nothing);
}

export function destroyClientId(clientId: bigint): Operation<void> {
  return mutation(Op.DESTROY_CLIENTID, (writer) => writer.uint64(clientId), nothing);
}

export interface SequenceRequest {
  readonly sessionId: Buffer;
  readonly sequenceId: number;
  readonly slotId: number;
  readonly highestSlotId: number;
  /** Cache the reply: a retry of this request gets it, instead of being executed again. */
  readonly cacheThis: boolean;
}

export interface SequenceResult {
  readonly sequenceId: number;
  readonly slotId: number;
  /** The highest slot id that the server wants in use from now on. */
  readonly targetHighestSlotId: number;
  readonly statusFlags: number;
}

export function sequence(request: SequenceRequest): Operation<SequenceResult> {
  return {
    code: Op.SEQUENCE,
    mutates: false,
    encode: (writer) => {
      writer.fixedOpaque(request.sessionId).uint32(request.sequenceId).uint32(request.slotId);
      writer.uint32(request.highestSlotId).bool(request.cacheThis);
    },
    decode: (reader) => {
      reader.skipFixedOpaque(SESSION_ID_SIZE);
      const sequenceId = reader.uint32();
      const slotId = reader.uint32();
      reader.uint32();
      return { sequenceId, slotId, targetHighestSlotId: reader.uint32(), statusFlags: reader.uint32() };
    },
  };
}
