/** One connection to a mount target. It sends what it is given, over that connection or not at all. */
import { randomInt } from "node:crypto";
import { Deadline } from "../deadline.ts";
import { ClosedError } from "../errors.ts";
import { openConnection, type RpcConnection, type ServerAddress } from "../session/rpc-connection.ts";
import { type CompoundReply, decodeCompound, encodeCompound, type Operations } from "../wire/compound.ts";
import type { AuthSys } from "../wire/rpc.ts";

/** Longer than any reply that a session of ours may have. */
const MAX_REPLY = 9 * 1024 * 1024;

/** Milliseconds, longer than any deadline: a request that is not answered fails alone, and its connection stays. */
const SILENCE_LIMIT = 2 * 3600 * 1000;

export interface ConnectionOptions {
  readonly address: ServerAddress;
  readonly credential: AuthSys;
  /** Milliseconds for the connection, and for each request. */
  readonly timeout: number;
  /** Ends what is in flight. */
  readonly signal?: AbortSignal | undefined;
}

export class RawConnection {
  readonly options: ConnectionOptions;
  readonly #rpc: RpcConnection;
  readonly #nextXid: () => number;

  private constructor(options: ConnectionOptions, rpc: RpcConnection, nextXid: () => number) {
    this.options = options;
    this.#rpc = rpc;
    this.#nextXid = nextXid;
  }

  /** @throws {ConnectionError} when the server cannot be reached, or TLS fails. */
  static async open(options: ConnectionOptions): Promise<RawConnection> {
    const { address, timeout, signal } = options;
    let xid = randomInt(0x1_0000_0000);
    const nextXid = () => {
      xid = (xid + 1) >>> 0;
      return xid;
    };
    const rpc = await openConnection(
      {
        address,
        maximumReply: MAX_REPLY,
        watch: { limit: SILENCE_LIMIT, isInUse: () => false, onSilence: () => {}, onHeard: () => {} },
        counters: { bytesSent: 0, bytesReceived: 0 },
        nextXid,
        onEnd: () => {},
      },
      new Deadline(timeout, signal),
    );
    return new RawConnection(options, rpc, nextXid);
  }

  get alive(): boolean {
    return this.#rpc.alive;
  }

  /** Sends one COMPOUND as it is; the reply says which operation failed, if one did. */
  async send(operations: Operations): Promise<CompoundReply> {
    const { credential, timeout, signal } = this.options;
    const xid = this.#nextXid();
    const call = this.#rpc.call(xid, encodeCompound(xid, credential, operations));
    return decodeCompound(await new Deadline(timeout, signal).race(call), operations);
  }

  /** The same connection for other work, with a deadline and a signal of its own. */
  with(options: Pick<ConnectionOptions, "timeout" | "signal">): RawConnection {
    return new RawConnection({ ...this.options, ...options }, this.#rpc, this.#nextXid);
  }

  close(): void {
    this.#rpc.destroy(new ClosedError("First contact has ended the connection"));
  }
}
