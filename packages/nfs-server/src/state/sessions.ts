/** Sessions, their slots, and the reply cache that makes requests happen once (RFC 8881 §2.10). */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { SESSION_ID_SIZE } from "nfs-client/wire";
import { StatusError } from "../status-error.ts";
import type { Client } from "./clients.ts";

/** What both ends agreed on for the fore channel (channel_attrs4). Sizes in bytes, with the RPC headers. */
export interface ChannelAttributes {
  readonly headerPadding: number;
  readonly maximumRequest: number;
  readonly maximumResponse: number;
  readonly maximumCachedResponse: number;
  readonly maximumOperations: number;
  readonly maximumRequests: number;
}

/** The smallest sizes a session can work with: a request and a reply of nothing but SEQUENCE, with room for a status. */
const MIN_REQUEST = 256;
const MIN_RESPONSE = 256;

/** What the server grants of what a client asks for. @throws {StatusError} NFS4ERR_TOOSMALL */
export function negotiate(asked: ChannelAttributes, limits: ChannelAttributes): ChannelAttributes {
  const isTooSmall =
    asked.maximumRequest < MIN_REQUEST ||
    asked.maximumResponse < MIN_RESPONSE ||
    asked.maximumOperations < 2 ||
    asked.maximumRequests < 1;
  if (isTooSmall) throw new StatusError("NFS4ERR_TOOSMALL");
  return {
    headerPadding: 0,
    maximumRequest: Math.min(asked.maximumRequest, limits.maximumRequest),
    maximumResponse: Math.min(asked.maximumResponse, limits.maximumResponse),
    maximumCachedResponse: Math.min(asked.maximumCachedResponse, limits.maximumCachedResponse),
    maximumOperations: Math.min(asked.maximumOperations, limits.maximumOperations),
    maximumRequests: Math.min(asked.maximumRequests, limits.maximumRequests),
  };
}

/** What a retry must have in common with the request it repeats. */
interface RequestFingerprint {
  readonly length: number;
  /** Of the request's first bytes: enough to tell requests apart, without a pass over a long write's data. */
  readonly checksum: number;
  readonly principal: string;
}

const CHECKED_BYTES = 1024;

export function fingerprintOf(request: Buffer, principal: string): RequestFingerprint {
  return { length: request.length, checksum: crc32(request.subarray(0, CHECKED_BYTES)), principal };
}

/** What a SEQUENCE finds at its slot. */
type SlotOutcome =
  | { readonly kind: "new" }
  /** The request was executed: this is its reply, without the RPC header; without one, the reply was not kept. */
  | { readonly kind: "retry"; readonly reply: Buffer | undefined };

export class Slot {
  #sequence = 0;
  #inFlight = false;
  #fingerprint: RequestFingerprint | undefined;
  #reply: Buffer | undefined;

  /** @throws {StatusError} when the request is not the slot's next one, and no faithful repetition of its last one. */
  begin(sequence: number, fingerprint: RequestFingerprint): SlotOutcome {
    const isRetry = sequence === this.#sequence && this.#fingerprint !== undefined;
    if (this.#inFlight) throw new StatusError(isRetry ? "NFS4ERR_DELAY" : "NFS4ERR_SEQ_MISORDERED");
    if (isRetry) {
      if (!isSameRequest(this.#fingerprint, fingerprint)) throw new StatusError("NFS4ERR_SEQ_FALSE_RETRY");
      return { kind: "retry", reply: this.#reply };
    }
    if (sequence !== (this.#sequence + 1) >>> 0) throw new StatusError("NFS4ERR_SEQ_MISORDERED");
    this.#sequence = sequence;
    this.#fingerprint = fingerprint;
    this.#inFlight = true;
    return { kind: "new" };
  }

  /** The request is done; `reply` is kept for a retry. */
  end(reply: Buffer | undefined): void {
    this.#inFlight = false;
    this.#reply = reply;
  }
}

function isSameRequest(a: RequestFingerprint | undefined, b: RequestFingerprint): boolean {
  return a?.length === b.length && a.checksum === b.checksum && a.principal === b.principal;
}

export class Session {
  readonly id: Buffer;
  readonly client: Client;
  readonly channel: ChannelAttributes;
  readonly slots: readonly Slot[];
  /** The connections that requests came over; only over one of them it can be destroyed. */
  readonly connections = new WeakSet<object>();

  constructor(client: Client, channel: ChannelAttributes) {
    this.id = randomBytes(SESSION_ID_SIZE);
    this.client = client;
    this.channel = channel;
    this.slots = Array.from({ length: channel.maximumRequests }, () => new Slot());
  }
}

/** Sessions that one client may have. */
const CAPACITY_PER_CLIENT = 64;

export class Sessions {
  readonly #byId = new Map<string, Session>();

  create(client: Client, channel: ChannelAttributes): Session {
    if (client.sessions.size >= CAPACITY_PER_CLIENT) throw new StatusError("NFS4ERR_NOSPC");
    const session = new Session(client, channel);
    this.#byId.set(keyOf(session.id), session);
    client.sessions.add(session);
    return session;
  }

  /** @throws {StatusError} NFS4ERR_BADSESSION */
  get(id: Buffer): Session {
    const session = this.#byId.get(keyOf(id));
    if (session === undefined) throw new StatusError("NFS4ERR_BADSESSION");
    return session;
  }

  remove(session: Session): void {
    this.#byId.delete(keyOf(session.id));
    session.client.sessions.delete(session);
  }
}

function keyOf(id: Buffer): string {
  return id.toString("latin1");
}
