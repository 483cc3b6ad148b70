/** Requests to the router, one attempt each. */
import type { IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { type Dispatcher, Pool } from "undici";
import { FileError } from "../errors.ts";
import type { Effect, Outcome } from "./retry.ts";
import { Token, type TokenSource } from "./token.ts";

export interface HttpClientOptions {
  /** Where the router or its load balancer is: `https://files.example.com`. What its path is comes before `/files/`. */
  readonly url: string | URL;
  /** The token of the API. Absent: it is open. Never sent to another origin than that of `url`. */
  readonly token?: TokenSource | undefined;
  /** Connections at once, at most. More requests wait. Default 64. */
  readonly connections?: number | undefined;
  /** Milliseconds for a connection. Default 5,000. */
  readonly connectTimeout?: number | undefined;
  /** Of connections to an `https:` URL, for example `ca`. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Headers of each request, for example W3C trace context: `traceparent`. Not where the undici instrumentation of
   * OpenTelemetry is registered, which adds that header by itself, and a second time.
   */
  readonly headers?: (() => Readonly<Record<string, string>>) | undefined;
}

export type TlsOptions = Pick<ConnectionOptions, "ca" | "cert" | "key" | "servername" | "rejectUnauthorized">;

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
  readonly #headers: NonNullable<HttpClientOptions["headers"]>;
  readonly token: Token;

  constructor({ url, token, connections = 64, connectTimeout = 5_000, tls, headers }: HttpClientOptions) {
    const { origin, pathname } = parseUrl(url);
    this.#pool = new Pool(origin, {
      connections,
      connect: { ...tls, timeout: connectTimeout },
      // Deadlines are those of the operations.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#prefix = pathname.replace(/\/+$/, "");
    this.#headers = headers ?? (() => ({}));
    this.token = new Token(token);
  }

  /** @throws what `signal` was aborted with, what the source of the body threw, or what the callbacks of the caller did. */
  async attempt({ method, target, headers, body }: Call, signal: AbortSignal): Promise<Attempt> {
    const token = await this.token.get(signal);
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const allHeaders = { ...this.#headers(), ...headers, ...authorization };
    try {
      const response = await this.#pool.request({
        method,
        path: this.#prefix + target,
        headers: allHeaders,
        body: body instanceof StreamedBody ? body.open() : (body ?? null),
        signal,
      });
      const { statusCode: status } = response;
      const retryAfter = response.headers["retry-after"]?.toString();
      return { kind: "response", status, retryAfter, token, response: { ...response, status } };
    } catch (error) {
      signal.throwIfAborted();
      if (body instanceof StreamedBody && body.failure) throw body.failure.error;
      return { kind: isOfConnecting(error) ? "not-sent" : "lost", error };
    }
  }

  /** Ends what is in flight. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

function parseUrl(url: string | URL): URL {
  const text = String(url);
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new FileError("EINVAL", `url must be one with http: or https:, not ${JSON.stringify(text)}`);
}

/** Codes of errors of looking up a name, of connecting, and of TLS, before a request is written. */
const OF_CONNECTING: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

function isOfConnecting(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // Where a name has several addresses, and none could be connected to.
  if (error instanceof AggregateError) return error.errors.every(isOfConnecting);
  return "code" in error && OF_CONNECTING.has(error.code);
}
