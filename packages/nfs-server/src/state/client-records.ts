/** Clients that know each other, and their sessions (RFC 8881 §2.4, §2.10, §18.35). */
import { StatusError } from "../status-error.ts";
import type { ChannelAttributes } from "./channel.ts";
import { Client, type ClientIdentity, Session } from "./client.ts";
import type { ClientIds } from "./client-ids.ts";
import type { Files } from "./files.ts";

const MAX_SESSIONS_PER_CLIENT = 64;

export class ClientRecords {
  /** The same only for servers that share these records: so_major_id (RFC 8881 §2.10.4). */
  readonly serverOwner: Buffer;
  readonly #ids: ClientIds;
  readonly #files: Files;
  readonly #byId = new Map<bigint, Client>();
  readonly #confirmed = new Map<string, Client>();
  readonly #unconfirmed = new Map<string, Client>();
  readonly #sessions = new Map<string, Session>();

  constructor(serverOwner: Buffer, ids: ClientIds, files: Files) {
    this.serverOwner = serverOwner;
    this.#ids = ids;
    this.#files = files;
  }

  get isEmpty(): boolean {
    return this.#byId.size === 0;
  }

  /** @throws {StatusError} NFS4ERR_STALE_CLIENTID */
  client(id: bigint): Client {
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

  /** Ends a client, with its sessions, opens and locks. */
  remove(client: Client): void {
    client.isGone = true;
    for (const session of client.sessions) this.removeSession(session);
    for (const open of client.opens) this.#files.close(open);
    if (this.#byId.delete(client.id)) this.#ids.release();
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

  /** Ends all clients. */
  clear(): void {
    for (const client of this.#byId.values()) this.remove(client);
  }

  createSession(client: Client, channel: ChannelAttributes): Session {
    if (client.sessions.size >= MAX_SESSIONS_PER_CLIENT) throw new StatusError("NFS4ERR_NOSPC");
    const session = new Session(client, channel);
    this.#sessions.set(keyOf(session.id), session);
    client.sessions.add(session);
    return session;
  }

  /** @throws {StatusError} NFS4ERR_BADSESSION */
  session(id: Buffer): Session {
    const session = this.#sessions.get(keyOf(id));
    if (session === undefined) throw new StatusError("NFS4ERR_BADSESSION");
    return session;
  }

  removeSession(session: Session): void {
    this.#sessions.delete(keyOf(session.id));
    session.client.sessions.delete(session);
  }

  #createUnconfirmed(identity: ClientIdentity, now: number): Client {
    const earlier = this.#unconfirmed.get(identity.owner);
    if (earlier !== undefined) this.remove(earlier);
    const client = new Client(this.#ids.take(), identity, now);
    this.#byId.set(client.id, client);
    this.#unconfirmed.set(identity.owner, client);
    return client;
  }
}

function keyOf(id: Buffer): string {
  return id.toString("latin1");
}
