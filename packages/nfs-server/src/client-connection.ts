/** One client's connection: calls in, replies out, as fast as the mount target's interface lets them through. */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { RecordAssembler, recordHeader } from "nfs-client/wire";
import type { Bandwidth } from "./bandwidth.ts";
import type { Stall } from "./stall.ts";

export interface ConnectionOptions {
  /** Answers a message; fails when it is no call, and the connection is of no use any more. */
  readonly answer: (message: Buffer, connection: object) => Promise<readonly Buffer[]>;
  /** Bytes of the longest message that is read at all. */
  readonly maximumMessage: number;
  readonly bandwidth: Bandwidth | undefined;
  /** It may change. */
  operationDelayMs: number;
  readonly stall: Stall;
  readonly onBytes: (received: number, sent: number) => void;
}

/** Calls of a connection that are in flight at once; those that came with them wait, and no more is read. */
const MAX_CALLS = 64;

/** Replies of up to this many bytes are copied together, which costs less than writing their parts. */
const SHORT_REPLY = 16 * 1024;

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #limits: readonly Bandwidth[];
  readonly #assembler: RecordAssembler;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #waiting: Buffer[] = [];
  #isThrottled = false;
  #isClosed = false;
  #lifetime: NodeJS.Timeout | undefined;
  #sent: Promise<void> = Promise.resolve();

  /** @param own What this connection lets through, whatever the mount target's interface does. */
  constructor(socket: Socket, options: ConnectionOptions, own?: Bandwidth) {
    this.#socket = socket;
    this.#options = options;
    this.#limits = [options.bandwidth, own].filter((each) => each !== undefined);
    this.#assembler = new RecordAssembler(options.maximumMessage, (message) => this.#accept(message));
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    // A connection that breaks is closed, and its client comes again; there is nobody to tell.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => clearTimeout(this.#lifetime));
  }

  /** Breaks the connection so many milliseconds from now, whatever is in flight on it then; 0 for never. */
  limitLifetime(milliseconds: number): void {
    clearTimeout(this.#lifetime);
    if (milliseconds > 0) this.#lifetime = setTimeout(() => this.#socket.destroy(), milliseconds).unref();
  }

  /** Breaks the connection; resolves when nothing runs for it any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket.destroy();
    await Promise.all(this.#inFlight);
  }

  #receive(chunk: Buffer): void {
    this.#options.onBytes(chunk.length, 0);
    const wait = this.#take(chunk.length);
    if (wait > 0) {
      this.#isThrottled = true;
      setTimeout(() => {
        this.#isThrottled = false;
        this.#readOrPause();
      }, wait);
    }
    try {
      this.#assembler.push(chunk);
    } catch {
      this.#socket.destroy();
    }
    this.#readOrPause();
  }

  #accept(message: Buffer): void {
    if (this.#inFlight.size < MAX_CALLS) this.#begin(message);
    else this.#waiting.push(message);
  }

  #begin(message: Buffer): void {
    const served = this.#serve(message).catch(() => {
      this.#socket.destroy();
    });
    this.#inFlight.add(served);
    void served.then(() => {
      this.#inFlight.delete(served);
      const next = this.#socket.destroyed ? undefined : this.#waiting.shift();
      if (next !== undefined) this.#begin(next);
      this.#readOrPause();
    });
  }

  #readOrPause(): void {
    if (this.#isThrottled || this.#inFlight.size >= MAX_CALLS) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  async #serve(message: Buffer): Promise<void> {
    const { answer, operationDelayMs, stall } = this.#options;
    if (operationDelayMs > 0) await sleep(operationDelayMs);
    await stall.over;
    if (this.#isClosed) return;
    const reply = await answer(message, this);
    await stall.over;
    if (this.#socket.destroyed) return;
    const length = reply.reduce((sum, part) => sum + part.length, 0);
    const record = [recordHeader(length), ...reply];
    if (this.#limits.length > 0) await this.#writeSlowly(Buffer.concat(record));
    else await this.#write(length <= SHORT_REPLY ? [Buffer.concat(record)] : record);
  }

  /** Resolves when the operating system has taken it all: a client that reads nothing gets no further answers. */
  #write(parts: readonly Buffer[]): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.cork();
      for (const [index, part] of parts.entries()) {
        this.#options.onBytes(0, part.length);
        this.#socket.write(part, index === parts.length - 1 ? () => resolve() : undefined);
      }
      this.#socket.uncork();
    });
  }

  /** Milliseconds until so many bytes are through. */
  #take(bytes: number): number {
    const now = performance.now();
    return this.#limits.reduce((wait, limit) => Math.max(wait, limit.take(bytes, now)), 0);
  }

  /** One reply after the other, each in slices that go out when there is room for them. */
  #writeSlowly(record: Buffer): Promise<void> {
    const length = Math.min(...this.#limits.map(({ slice }) => slice));
    this.#sent = this.#sent.then(async () => {
      for (let at = 0; at < record.length && !this.#socket.destroyed; at += length) {
        const slice = record.subarray(at, at + length);
        const wait = this.#take(slice.length);
        if (wait > 0) await sleep(wait);
        await this.#write([slice]);
      }
    });
    return this.#sent;
  }
}
