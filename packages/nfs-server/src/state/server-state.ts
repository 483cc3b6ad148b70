/**
 * What the servers of one file system know together: clients, sessions, opens, locks. A client may talk through any of
 * them, and a lock that is taken through one is seen through all.
 */
import { randomBytes } from "node:crypto";
import { type Client, Clients } from "./clients.ts";
import { Files } from "./files.ts";
import { Sessions } from "./sessions.ts";
import { Stateids } from "./stateids.ts";

export class ServerState {
  readonly leaseSeconds: number;
  readonly clients: Clients;
  readonly sessions = new Sessions();
  readonly stateids: Stateids;
  readonly files: Files;
  readonly #sweep: NodeJS.Timeout;

  constructor(leaseSeconds: number) {
    this.leaseSeconds = leaseSeconds;
    const epoch = randomBytes(4).readUInt32BE();
    this.clients = new Clients(epoch, (client) => this.#destroyState(client));
    this.stateids = new Stateids(epoch);
    this.files = new Files(this.stateids);
    this.#sweep = setInterval(() => this.expire(), (leaseSeconds * 1000) / 4).unref();
  }

  /** The clock of leases, in milliseconds. */
  now(): number {
    return performance.now();
  }

  /** Ends the clients whose leases ran out, with all their opens and locks. */
  expire(): void {
    this.clients.expire(this.now() - this.leaseSeconds * 1000);
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const client of this.clients.all()) this.clients.remove(client);
  }

  #destroyState(client: Client): void {
    for (const session of client.sessions) this.sessions.remove(session);
    for (const open of client.opens) this.files.close(open);
  }
}
