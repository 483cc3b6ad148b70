/** What clients may take of the server, so that one of them cannot take it from the others. */
import type { Server } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";
import type { FastifyHttpOptions } from "fastify";

/** All times are milliseconds. */
export interface HttpLimits {
  /** Bytes of a request's body. */
  readonly maxBodyBytes: number;
  /** Bytes of a request's line and headers together. */
  readonly maxHeaderBytes: number;
  /** Open at once; more are closed as they come. */
  readonly maxConnections: number;
  /** For the line and the headers of a request, from the first byte on; for a new connection, from its beginning. */
  readonly headersTimeout: number;
  /** For a whole request with its body. */
  readonly requestTimeout: number;
  /** Without a byte in either direction. */
  readonly idleTimeout: number;
  /** Between two requests. Longer than the load balancer's, which must be the one that closes an idle connection. */
  readonly keepAliveTimeout: number;
  /** Bytes a second that a body must come at, while the router waits for it; 0 for any. */
  readonly minUploadRate: number;
  /** Bytes of transfer memory that all appends and batches together may hold, which come as slowly as their clients like. */
  readonly appendMemory: number;
  /** Requests of one client in a minute; 0 for any number. */
  readonly requestsPerMinute: number;
  /** Where the load balancer calls from, as address ranges: what it adds to X-Forwarded-For is the client's address. */
  readonly trustedProxies: readonly string[];
  /** Of the process, in bytes; 0 for any. Above it, requests for files are refused. */
  readonly maxMemory: number;
  /** How late the event loop may be, on average over a second, or twice as long as this. Above it, requests for files are refused. */
  readonly maxEventLoopDelay: number;
}

/** Milliseconds between two checks for requests that are over their time. */
const CHECK_INTERVAL = 1_000;

/** The limits that Node's HTTP server keeps itself. */
export function serverOptions(limits: HttpLimits): FastifyHttpOptions<Server> {
  const { requestTimeout } = limits;
  const headersTimeout = Math.min(limits.headersTimeout, requestTimeout);
  const connectionsCheckingInterval = Math.min(CHECK_INTERVAL, headersTimeout);
  return {
    http: {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout,
      requestTimeout,
      connectionsCheckingInterval,
      // The protocol checks do, with a problem document.
      requireHostHeader: false,
    },
    requestTimeout,
    connectionTimeout: limits.idleTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    trustProxy: loadBalancerAt(limits.trustedProxies),
  };
}

/**
 * Who is believed about the client's address: one proxy, and only at the ranges. What stands before its own entry in
 * X-Forwarded-For came from the client, even where the client itself is at one of the ranges.
 */
function loadBalancerAt(ranges: readonly string[]): (address: string, hop: number) => boolean {
  const trusted = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix] = range.split("/");
    trusted.addSubnet(network, Number(prefix), familyOf(network));
  }
  // A connection that is already gone has no address.
  return (address, hop) => hop === 0 && isIP(address) !== 0 && trusted.check(address, familyOf(address));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}
