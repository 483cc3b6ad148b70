/**
 * A load-balancing address: HTTP in front of the tasks of a service, as an Application Load Balancer is on AWS.
 *
 * Requests go round robin over the registered targets; bodies stream both ways. A target that is deregistered gets
 * no new request, and those it has are finished first. No request is ever sent twice.
 */
import { once } from "node:events";
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { pipeline } from "node:stream";

export interface Target {
  readonly host: string;
  readonly port: number;
}

interface LoadBalancerOptions {
  readonly host?: string;
  /** 0, the default, lets the operating system choose. */
  readonly port?: number;
  /** Milliseconds that a connection may be silent in the middle of a request. ALB: 60 s. */
  readonly idleTimeout?: number;
  /** Milliseconds that a deregistered target has to finish its requests. */
  readonly deregistrationDelay?: number;
  /** Responds itself to what begins with a prefix. */
  readonly own?: {
    readonly prefix: string;
    readonly respond: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  };
}

export interface LoadBalancer {
  readonly url: string;
  register(target: Target): void;
  /** Resolves when the target's requests are finished, or cut off after the deregistration delay. */
  deregister(target: Target): Promise<void>;
  close(): Promise<void>;
}

/** A registered target, its connections and its unfinished requests. */
interface Upstream {
  readonly target: Target;
  readonly agent: Agent;
  readonly unfinished: Set<Promise<void>>;
}

/** Longer than clients keep an idle connection, so that it is they who close it. */
const KEEP_ALIVE_TIMEOUT = 75_000;

/** Headers of one connection, not of the message (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Starts the load balancer, with no target yet: it responds with 503 until one is registered. */
export async function startLoadBalancer(options: LoadBalancerOptions = {}): Promise<LoadBalancer> {
  const { host = "127.0.0.1", port = 0, idleTimeout = 60_000, deregistrationDelay = 30_000, own } = options;
  let upstreams: readonly Upstream[] = [];
  let requests = 0;

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_TIMEOUT, requestTimeout: 0 }, (request, response) => {
    if (own !== undefined && request.url?.startsWith(own.prefix)) return void own.respond(request, response);
    const upstream = upstreams[requests++ % upstreams.length];
    if (upstream === undefined) return refuse(request, response, 503, "No task is ready.");
    const finished = forward(upstream, request, response, idleTimeout).finally(() =>
      upstream.unfinished.delete(finished),
    );
    upstream.unfinished.add(finished);
  });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The load balancer has no TCP address");

  const is = (target: Target) => (upstream: Upstream) =>
    upstream.target.host === target.host && upstream.target.port === target.port;

  return {
    url: `http://${host}:${address.port}`,
    register: (target) => {
      if (upstreams.some(is(target))) return;
      upstreams = [...upstreams, { target, agent: new Agent({ keepAlive: true }), unfinished: new Set() }];
    },
    deregister: async (target) => {
      const leaving = upstreams.filter(is(target));
      upstreams = upstreams.filter((upstream) => !leaving.includes(upstream));
      await Promise.all(leaving.map((upstream) => drain(upstream, deregistrationDelay)));
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      for (const { agent } of upstreams) agent.destroy();
      upstreams = [];
      await once(server, "close");
    },
  };
}

/** Streams of events are left to the target, which ends them when it stops: who listens then connects again. */
async function drain({ agent, unfinished }: Upstream, delay: number): Promise<void> {
  const deadline = AbortSignal.timeout(delay);
  await Promise.race([Promise.all(unfinished), once(deadline, "abort")]);
  if (deadline.aborted) agent.destroy();
  else for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
}

/**
 * Forwards one request, and its response. Resolves when both are over, however they ended; for a stream of events, when it
 * has begun: it lasts as long as somebody listens, who connects again when it is cut off.
 */
function forward(
  { target, agent }: Upstream,
  request: IncomingMessage,
  response: ServerResponse,
  idleTimeout: number,
): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = httpRequest({
      ...target,
      agent,
      method: request.method,
      path: request.url,
      headers: requestHeaders(request),
      timeout: idleTimeout,
    });
    outgoing.on("timeout", () => outgoing.destroy(new IdleTimeoutError()));
    outgoing.on("response", (incoming) => {
      response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, endToEnd(incoming.headers));
      pipeline(incoming, response, () => resolve());
      if (incoming.headers["content-type"] === "text/event-stream") resolve();
    });
    outgoing.on("error", (error) => {
      if (response.headersSent) response.destroy();
      else if (error instanceof IdleTimeoutError) refuse(request, response, 504, "The task did not respond in time.");
      else refuse(request, response, 502, `The task did not respond: ${error.message}`);
      resolve();
    });
    // The client went away: its request must not go on without it.
    response.on("close", () => {
      if (!response.writableFinished) outgoing.destroy();
      resolve();
    });
    // Not pipeline: a task may respond and stop reading before the body has ended.
    request.pipe(outgoing);
  });
}

class IdleTimeoutError extends Error {}

function requestHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const client = request.socket.remoteAddress ?? "";
  const before = request.headers["x-forwarded-for"];
  const { expect: _answeredHere, ...headers } = endToEnd(request.headers);
  return {
    ...headers,
    "x-forwarded-for": before === undefined ? client : `${before}, ${client}`,
    "x-forwarded-proto": "http",
    // Said by length or in chunks: a body must stay a body on the second connection.
    ...(request.headers["transfer-encoding"] === undefined ? {} : { "transfer-encoding": "chunked" }),
  };
}

function endToEnd(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name)));
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, detail: string): void {
  request.resume();
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ status, detail }));
}
