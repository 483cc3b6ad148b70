/** Reading one's own writes: a read that brings the token of a write waits for it, or is sent where it is. */
import type { FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import type { Region } from "../../region/region.ts";
import { parseWriteToken } from "../../region/write-token.ts";
import { BATCH_URL } from "../routes/batch.ts";
import { FILES_PREFIX } from "../routes/files/resource.ts";
import { ProblemError } from "../semantics/problem.ts";

/** Of a response to a write. */
export const WRITE_TOKEN_HEADER = "x-write-token";

/** Of a read: the token of a write that it is to see. */
const READ_AFTER_HEADER = "x-read-after";

interface TwoRegionsOptions {
  readonly region: Region;
}

export const twoRegions = fp<TwoRegionsOptions>(
  async (app, { region }) => {
    app.addHook("onRequest", async (request) => {
      const { [READ_AFTER_HEADER]: header } = request.headers;
      if (header !== undefined && isRead(request)) await readAfter(region, String(header), request.originalUrl);
    });
  },
  // Only who has a token may make this router wait.
  { name: "two-regions", fastify: "5.x", dependencies: ["problems"] },
);

function isRead({ method, originalUrl, routeOptions }: FastifyRequest): boolean {
  const isOfFiles = (method === "GET" || method === "HEAD") && originalUrl.startsWith(FILES_PREFIX);
  return isOfFiles || (method === "POST" && routeOptions.url === BATCH_URL);
}

async function readAfter(region: Region, header: string, url: string): Promise<void> {
  const token = parseWriteToken(header);
  if (token === undefined) {
    throw new ProblemError(400, `${READ_AFTER_HEADER} must be the ${WRITE_TOKEN_HEADER} of a response to a write`);
  }
  const verdict = await region.readAfter(token);
  if (verdict === "serve") return;
  if (verdict === "lost") {
    const detail = "The write was made in a region that was lost, before it was replicated: read without its token";
    throw new ProblemError(409, detail, { code: "WRITE_LOST" });
  }
  const primary = region.role?.peer.url;
  if (verdict === "undecided" || primary === undefined) {
    throw new ProblemError(503, "The write is not here yet, and there is no other region to ask");
  }
  const location = primary.replace(/\/+$/, "") + url;
  throw new ProblemError(307, `The write is not here yet: ask ${location}`, {
    // Once the replica has the write, this is the place to ask again.
    headers: { location, "cache-control": "no-store" },
  });
}
