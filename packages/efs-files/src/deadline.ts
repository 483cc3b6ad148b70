/** How long an operation may take. */
import { FileError } from "./errors.ts";
import type { OperationOptions } from "./files.ts";
import { MAX_TIME } from "./valid-options.ts";

/** Milliseconds. */
const DEFAULT_TIMEOUT = 30_000;

/** Nobody is told of it: the result is there. */
const OVER = "The operation is over";

/** Ends an operation when its time is over, its caller's signal aborts, or all is closed. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timeout: number;
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.error());
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  /** The time begins now. @throws {FileError} where the timeout is none. */
  constructor({ signal, timeout = DEFAULT_TIMEOUT }: OperationOptions = {}) {
    if (!(timeout > 0 && timeout <= MAX_TIME)) {
      throw new FileError("EINVAL", `timeout must be milliseconds from 1 to ${MAX_TIME}, not ${timeout}`);
    }
    this.#timeout = timeout;
    this.#caller = signal;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.restart();
  }

  /** Aborts with {@link error} as its reason; and when the operation is over, so that nothing of it is left. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Begins the time anew: there was progress. */
  restart(): void {
    this.pause();
    if (!this.signal.aborted) this.#timer = setTimeout(this.#onAbort, this.#timeout);
  }

  /** Stops the time until it is restarted: the caller is awaited, and not the service. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  close(): void {
    this.#isClosed = true;
    this.#onAbort();
  }

  /** Why the operation ends, or would end now. */
  error(options: ErrorOptions & { readonly path?: string | undefined } = {}): FileError {
    if (this.#isClosed) return new FileError("ERR_CLOSED", "It was closed", options);
    if (this.#caller?.aborted) return new AbortError(this.#caller.reason, options.path);
    return new FileError("ETIMEDOUT", `There was no result within ${this.#timeout} ms`, options);
  }

  /** The operation is over, and with it what it has not read, or still waits for. */
  end(): void {
    this.pause();
    this.#caller?.removeEventListener("abort", this.#onAbort);
    this.#controller.abort(OVER);
  }
}

/** The deadlines of all that is in flight. */
export class Deadlines {
  readonly #inFlight = new Set<Deadline>();
  #isClosed = false;
  #onIdle: () => void = () => {};

  /** Acts until the deadline. */
  async within<Result>(options: OperationOptions, act: (deadline: Deadline) => Promise<Result>): Promise<Result> {
    const deadline = this.#begin(options);
    try {
      deadline.signal.throwIfAborted();
      return await act(deadline);
    } finally {
      this.#end(deadline);
    }
  }

  /** What comes piece by piece. The time is for each of them, and stands still while the caller has one. */
  async *inPieces<Piece>(
    options: OperationOptions,
    begin: (deadline: Deadline) => AsyncIterable<Piece>,
  ): AsyncGenerator<Piece, undefined> {
    const deadline = this.#begin(options);
    try {
      deadline.signal.throwIfAborted();
      for await (const piece of begin(deadline)) {
        deadline.pause();
        yield piece;
        deadline.restart();
      }
    } finally {
      this.#end(deadline);
    }
  }

  /** Begins none any more, gives those in flight so many milliseconds, and ends the rest. */
  async close(timeout: number): Promise<void> {
    this.#isClosed = true;
    if (timeout > 0 && this.#inFlight.size > 0) await this.#drained(timeout);
    for (const deadline of this.#inFlight) deadline.close();
  }

  #drained(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #begin(options: OperationOptions): Deadline {
    const deadline = new Deadline(options);
    this.#inFlight.add(deadline);
    if (this.#isClosed) deadline.close();
    return deadline;
  }

  #end(deadline: Deadline): void {
    this.#inFlight.delete(deadline);
    deadline.end();
    if (this.#inFlight.size === 0) this.#onIdle();
  }
}

/** The same pieces. With each of them, and with the end, the time begins anew. */
export async function* progressing(pieces: AsyncIterable<Buffer>, deadline: Deadline): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    deadline.restart();
    yield piece;
  }
  deadline.restart();
}

/** Has the name by which Node.js and browsers tell what was aborted. */
export class AbortError extends FileError {
  override readonly name = "AbortError";

  constructor(cause: unknown, path: string | undefined) {
    super("ABORT_ERR", "The operation was aborted", { cause, path });
  }
}
