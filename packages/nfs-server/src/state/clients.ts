/** The clients a server knows (RFC 8881 §2.4, §18.35): who they are, and what is theirs. */
import { StatusError } from "../status-error.ts";
import type { Session } from "./sessions.ts";
import type { LockState, OpenState } from "./stateids.ts";

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
  /** When its lease was renewed last, in milliseconds of the state's clock. */
  renewedAt: number;
  /** A client whose request is being worked on does not expire. */
  requestsInFlight = 0;
  /** All that was its own was taken away; nothing may be added any more. */
  isGone = false;

  constructor(id: bigint, identity: ClientIdentity, now: number) {
    this.id = id;
    this.identity = identity;
    this.renewedAt = now;
  }

  get hasState(): boolean {
    return this.sessions.size > 0 || this.opens.size > 0 || this.locks.size > 0;
  }
}

/** Clients that are known at once; beyond that new ones are told to come later. */
const CAPACITY = 4096;

export class Clients {
  readonly #destroyState: (client: Client) => void;
  readonly #epoch: number;
  readonly #byId = new Map<bigint, Client>();
  readonly #confirmed = new Map<string, Client>();
  readonly #unconfirmed = new Map<string, Client>();
  #created = 0;

  constructor(epoch: number, destroyState: (client: Client) => void) {
    this.#epoch = epoch;
    this.#destroyState = destroyState;
  }

  /** @throws {StatusError} NFS4ERR_STALE_CLIENTID */
  get(id: bigint): Client {
    const client = this.#byId.get(id);
    if (client === undefined) throw new StatusError("NFS4ERR_STALE_CLIENTID");
    return client;
  }

  /** The client record that an EXCHANGE_ID gets, by the cases of RFC 8881 §18.35.4. */
  exchangeId(identity: ClientIdentity, isUpdate: boolean, now: number): Client {
    const known = this.#confirmed.get(identity.owner);
    const samePrincipal = known?.identity.principal === identity.principal;
    const sameVerifier = known?.identity.verifier === identity.verifier;
    if (isUpdate) {
      if (known === undefined) throw new StatusError("NFS4ERR_NOENT");
      if (!sameVerifier) throw new StatusError("NFS4ERR_NOT_SAME");
      if (!samePrincipal) throw new StatusError("NFS4ERR_PERM");
      return known;
    }
    if (known !== undefined && samePrincipal && sameVerifier) return known;
    if (known !== undefined && !samePrincipal) {
      if (known.hasState) throw new StatusError("NFS4ERR_CLID_INUSE");
      this.remove(known);
    }
    return this.#createUnconfirmed(identity, now);
  }

  /** A client's first session confirms it, and ends its earlier incarnation with all that was that one's. */
  confirm(client: Client): void {
    if (client.confirmed) return;
    const earlier = this.#confirmed.get(client.identity.owner);
    if (earlier !== undefined) this.remove(earlier);
    client.confirmed = true;
    this.#unconfirmed.delete(client.identity.owner);
    this.#confirmed.set(client.identity.owner, client);
  }

  remove(client: Client): void {
    client.isGone = true;
    this.#destroyState(client);
    this.#byId.delete(client.id);
    for (const table of [this.#confirmed, this.#unconfirmed]) {
      if (table.get(client.identity.owner) === client) table.delete(client.identity.owner);
    }
  }

  /** Ends the clients that were not heard of since `deadline`. */
  expire(deadline: number): void {
    for (const client of this.#byId.values()) {
      if (client.renewedAt < deadline && client.requestsInFlight === 0) this.remove(client);
    }
  }

  all(): Iterable<Client> {
    return this.#byId.values();
  }

  #createUnconfirmed(identity: ClientIdentity, now: number): Client {
    const earlier = this.#unconfirmed.get(identity.owner);
    if (earlier !== undefined) this.remove(earlier);
    if (this.#byId.size >= CAPACITY) throw new StatusError("NFS4ERR_DELAY");
    this.#created++;
    const client = new Client((BigInt(this.#epoch) << 32n) | BigInt(this.#created), identity, now);
    this.#byId.set(client.id, client);
    this.#unconfirmed.set(identity.owner, client);
    return client;
  }
}
