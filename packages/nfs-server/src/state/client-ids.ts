/** Client ids: each is given once, whoever knows the client, and a bounded number of them is in use. */
import { randomBytes } from "node:crypto";
import { StatusError } from "../status-error.ts";

/** Clients that are known at once; beyond that new ones are told to come later. */
const MAX_CLIENTS = 4096;

export class ClientIds {
  /** Differs after a restart, so that nobody takes a new client for one from before. */
  readonly #epoch = BigInt(randomBytes(4).readUInt32BE()) << 32n;
  #given = 0;
  #inUse = 0;

  /** @throws {StatusError} NFS4ERR_DELAY when there are too many clients. */
  take(): bigint {
    if (this.#inUse >= MAX_CLIENTS) throw new StatusError("NFS4ERR_DELAY");
    this.#inUse++;
    this.#given++;
    return this.#epoch | BigInt(this.#given);
  }

  /** One that was taken is not in use any more. */
  release(): void {
    this.#inUse--;
  }
}
