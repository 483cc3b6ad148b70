/** What `connectFiles` takes. */
import type { ConnectionOptions } from "node:tls";
import * as z from "zod";
import { MAX_TIME, noOthers, numberFrom, validOptions } from "../valid-options.ts";
import type { TokenSource } from "./token.ts";

export interface ConnectOptions {
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

/** With the defaults. */
export interface ConnectSettings extends Pick<ConnectOptions, "token" | "tls" | "headers"> {
  readonly url: URL;
  readonly connections: number;
  readonly connectTimeout: number;
}

export type TlsOptions = Pick<ConnectionOptions, "ca" | "cert" | "key" | "servername" | "rejectUnauthorized">;

const url = z.transform((value: unknown, { addIssue }) => {
  const text = String(value);
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    addIssue(`must be one with http: or https:, not ${JSON.stringify(text)}`);
    return z.NEVER;
  }
  // It may have a password, which no log should have.
  if (parsed.username || parsed.password || parsed.search || parsed.hash) {
    addIssue("must have no user, password, query or fragment");
    return z.NEVER;
  }
  return parsed;
});

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

const options = noOthers({
  url,
  token: z
    .custom<TokenSource>(
      (value) => (typeof value === "string" && value !== "") || isFunction(value),
      "must be a string that is not empty, or a function",
    )
    .optional(),
  connections: numberFrom(1, 65_535).int("must be a whole number").default(64),
  connectTimeout: numberFrom(1, MAX_TIME).default(5_000),
  tls: z.custom<TlsOptions>((value) => typeof value === "object" && value !== null, "must be an object").optional(),
  headers: z.custom<() => Readonly<Record<string, string>>>(isFunction, "must be a function").optional(),
});

/** @throws {FileError} `EINVAL`; the message names each option that is not allowed, and what is. */
export function readOptions(given: ConnectOptions): ConnectSettings {
  return validOptions(options, given, "Files cannot be connected to");
}
