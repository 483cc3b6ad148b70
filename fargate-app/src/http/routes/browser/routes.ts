/** The file browser: the page that browsers get for a directory, and previews of files for it. */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsync } from "fastify";
import { headersOf } from "../../plugins/security-headers.ts";
import { prefersHtml } from "../../semantics/accept.ts";
import { FILES_PREFIX, fileOf, PREVIEW_PREFIX, PREVIEW_URL, partsOf } from "../files/resource.ts";
import { sendPage } from "../pages/page.ts";
import { previewOf } from "./preview.ts";

interface BrowserRoutesOptions {
  readonly files: RoutedFiles;
}

/** What Fastify's router sees of a request that wants the page. The page itself goes by the address of its directory. */
export const BROWSER_PAGE_URL = "/browser";

/** Whether a request for a directory comes from a browser that is to show it. */
export function wantsBrowserPage(request: IncomingMessage): boolean {
  const { method, url } = request;
  if ((method !== "GET" && method !== "HEAD") || !prefersHtml(request)) return false;
  const { encodedPath, query } = partsOf(url);
  const isDirectory = encodedPath.startsWith(FILES_PREFIX) && encodedPath.endsWith("/");
  return isDirectory && !new URLSearchParams(query).has("archive");
}

/**
 * A stored file is never more than something to look at: no script of it runs, it loads nothing, and it has an origin of
 * its own, whether it is framed or opened. Styles are those that browsers add to text and images themselves.
 */
const { "origin-agent-cluster": _, ...PREVIEW_HEADERS } = headersOf({
  useDefaults: false,
  directives: {
    sandbox: [],
    defaultSrc: ["'none'"],
    styleSrc: ["'unsafe-inline'"],
    frameAncestors: ["'self'"],
  },
});

export const browserRoutes: FastifyPluginAsync<BrowserRoutesOptions> = async (app, { files }) => {
  app.get(BROWSER_PAGE_URL, { schema: { hide: true }, config: { access: "public" } }, async (_request, reply) =>
    sendPage(reply, { name: "browser", alternatives: ["/docs"] }),
  );

  app.route({
    method: ["GET", "HEAD"],
    url: PREVIEW_URL,
    schema: { hide: true },
    config: { access: "session" },
    handler: async ({ method, originalUrl }, reply) => {
      const { mediaType, body } = await previewOf(files, fileOf(originalUrl, PREVIEW_PREFIX));
      // A document without an origin cannot share a process by its origin, which Chromium warns about.
      reply.removeHeader("origin-agent-cluster");
      reply.headers(PREVIEW_HEADERS).header("cache-control", "no-store").type(mediaType);
      if (method === "GET") return reply.send(body);
      if (body instanceof Readable) body.destroy();
      return reply.send();
    },
  });
};
