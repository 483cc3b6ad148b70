/** Lets in who has signed the request, and leaves for the routes what it is for and who it is from. */
import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import type { AccessKey } from "./access-keys.ts";
import { type Authenticated, authenticate } from "./signature/authenticate.ts";
import { bucketOfHost, parseTarget, type RequestTarget } from "./target.ts";

interface S3Request {
  readonly target: RequestTarget;
  readonly authenticated: Authenticated;
  /** As it was sent. */
  readonly contentType: string | undefined;
}

const requests = new WeakMap<FastifyRequest, S3Request>();

/** @throws {Error} for a request that was not let in. */
export function s3RequestOf(request: FastifyRequest): S3Request {
  const found = requests.get(request);
  if (found === undefined) throw new Error("The request was not authenticated");
  return found;
}

interface AuthenticationOptions {
  readonly accessKeysOf: (accessKeyId: string) => readonly AccessKey[];
  /** See {@link bucketOfHost}. */
  readonly domain: string | undefined;
}

export const authentication = fp<AuthenticationOptions>(
  async (app, { accessKeysOf, domain }) => {
    app.addHook("onRequest", (request, _reply, done) => {
      const { raw, headers } = request;
      try {
        const target = parseTarget(raw.url && request.originalUrl, bucketOfHost(headers.host, domain));
        const authenticated = authenticate(raw, target, accessKeysOf);
        requests.set(request, { target, authenticated, contentType: headers["content-type"] });
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      // Bodies are never parsed, whatever they are said to be: Fastify refuses what is no media type.
      if (headers["content-type"] !== undefined) headers["content-type"] = "application/octet-stream";
      done();
    });
  },
  // Whoever tries keys is limited in how many.
  { name: "authentication", fastify: "5.x", dependencies: ["problems", "rate-limit"] },
);
