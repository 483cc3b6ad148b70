/**
 * What the servers of one file system know together: clients, sessions, opens, locks. A client may talk through any of
 * them, and a lock that is taken through one is seen through all.
 */
import { randomBytes } from "node:crypto";
import { ClientRecords } from "./client-records.ts";
import { Files } from "./files.ts";

export class ServerState {
  readonly leaseSeconds: number;
  readonly files = new Files();
  readonly records = new ClientRecords(this.files, randomBytes(4).readUInt32BE());
  readonly #sweep: NodeJS.Timeout;

  constructor(leaseSeconds: number) {
    this.leaseSeconds = leaseSeconds;
    this.#sweep = setInterval(() => this.expire(), (leaseSeconds * 1000) / 4).unref();
  }

  /** The clock of leases, in milliseconds. */
  now(): number {
    return performance.now();
  }

  /** Ends the clients whose leases ran out, with all their opens and locks. */
  expire(): void {
    this.records.expire(this.now() - this.leaseSeconds * 1000);
  }

  close(): void {
    clearInterval(this.#sweep);
    this.records.clear();
  }
}
