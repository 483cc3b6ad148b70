/** Requests to the router, one attempt each. */
import type { IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import { buildConnector, type Dispatcher, errors, Pool } from "undici";
import { FileError } from "../errors.ts";
import { untilAborted } from "../until-aborted.ts";
import { type ConnectOptions, readOptions } from "./options.ts";
import type { Effect, Outcome } from "./retry.ts";
import { Token } from "./token.ts";

export interface Call {
  readonly method: Dispatcher.HttpMethod;
  /** Path and query, below the path of the client's URL. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | StreamedBody;
  readonly effect: Effect;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Dispatcher.ResponseData["body"];
}

export type Attempt =
  | (Extract<Outcome, { kind: "response" }> & { readonly response: HttpResponse; readonly token: string | undefined })
  | { readonly kind: "not-sent" | "lost"; readonly error: unknown };

/** A body that can be sent once: it has begun, and cannot be begun again. */
export class StreamedBody {
  readonly #source: AsyncIterable<Buffer>;
  #begun = false;
  /** The error of the source, if it failed. */
  failure: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source;
  }

  get begun(): boolean {
    return this.#begun;
  }

  open(): Readable {
    return Readable.from(this.#chunks(), { objectMode: false });
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    this.#begun = true;
    try {
      yield* this.#source;
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}

export class HttpClient {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #headers: () => Readonly<Record<string, string>>;
  /** Errors of looking up a name, of connecting, and of TLS, before a request is written. */
  readonly #ofConnecting = new WeakSet<Error>();
  readonly token: Token;

  /** @throws {FileError} `EINVAL` */
  constructor(options: ConnectOptions) {
    const { url, token, connections, connectTimeout, tls, headers } = readOptions(options);
    this.#pool = new Pool(url.origin, {
      connections,
      connect: this.#connector({ ...tls, timeout: connectTimeout }),
      // Deadlines are those of the operations.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#prefix = url.pathname.replace(/\/+$/, "");
    this.#headers = headers ?? (() => ({}));
    this.token = new Token(token);
  }

  #connector(options: buildConnector.BuildOptions): buildConnector.connector {
    const connect = buildConnector(options);
    return (to, callback) =>
      connect(to, (...result) => {
        const [error] = result;
        if (error !== null) this.#ofConnecting.add(error);
        callback(...result);
      });
  }

  /** @throws what `signal` was aborted with, what the source of the body threw, or what the callbacks of the caller did. */
  async attempt({ method, target, headers, body }: Call, signal: AbortSignal): Promise<Attempt> {
    const token = await this.token.get(signal);
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const allHeaders = { ...this.#headers(), ...headers, ...authorization };
    try {
      const request = this.#pool.request({
        method,
        path: this.#prefix + target,
        headers: allHeaders,
        body: body instanceof StreamedBody ? body.open() : (body ?? null),
        signal,
      });
      // A request that waits for a connection learns of its signal only when it has one.
      const response = await untilAborted(request, signal);
      const { statusCode: status } = response;
      const retryAfter = response.headers["retry-after"]?.toString();
      return { kind: "response", status, retryAfter, token, response: { ...response, status } };
    } catch (error) {
      signal.throwIfAborted();
      if (body instanceof StreamedBody && body.failure) throw body.failure.error;
      if (error instanceof errors.InvalidArgumentError) {
        throw new FileError("EINVAL", `The request cannot be sent: ${error.message}`, { cause: error });
      }
      return { kind: error instanceof Error && this.#ofConnecting.has(error) ? "not-sent" : "lost", error };
    }
  }

  /** Ends what is in flight. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
