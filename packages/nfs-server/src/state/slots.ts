/** The slots of a session: the reply cache that makes each request happen once (RFC 8881 §2.10.6). */
import { crc32 } from "node:zlib";
import { StatusError } from "../status-error.ts";

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
export type SlotOutcome =
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
