/**
 * What the servers of one file system know of their clients. Opens and locks of a file stand in each other's way through
 * whichever server they were made; who knows the client is a matter of its dialect.
 */
import { ClientIds } from "./client-ids.ts";
import { ClientRecords } from "./client-records.ts";
import { Files } from "./files.ts";

export class ServerState {
  readonly leaseSeconds: number;
  readonly files = new Files();
  readonly #name: Buffer;
  readonly #ids = new ClientIds();
  /** By who shares them. */
  readonly #records = new Map<object, ClientRecords>();
  readonly #sweep: NodeJS.Timeout;
  #recordsMade = 0;

  /** @param name Of the file system: so_major_id where all its servers know the same clients. */
  constructor(name: Buffer, leaseSeconds: number) {
    this.#name = name;
    this.leaseSeconds = leaseSeconds;
    this.#sweep = setInterval(() => this.expire(), (leaseSeconds * 1000) / 4).unref();
  }

  /** The clients that are known within `scope`: a connection, a mount target, or this, for all of them. */
  recordsOf(scope: object): ClientRecords {
    const known = this.#records.get(scope);
    if (known !== undefined) return known;
    this.#recordsMade++;
    const owner = scope === this ? this.#name : Buffer.concat([this.#name, Buffer.from(`:${this.#recordsMade}`)]);
    const records = new ClientRecords(owner, this.#ids, this.files);
    this.#records.set(scope, records);
    return records;
  }

  /** The clock of leases, in milliseconds. */
  now(): number {
    return performance.now();
  }

  /** Ends the clients whose leases ran out, with all their opens and locks. */
  expire(): void {
    const deadline = this.now() - this.leaseSeconds * 1000;
    for (const [scope, records] of this.#records) {
      records.expire(deadline);
      if (records.isEmpty) this.#records.delete(scope);
    }
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const records of this.#records.values()) records.clear();
  }
}
