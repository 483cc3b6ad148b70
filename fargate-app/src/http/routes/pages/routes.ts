/** The scripts and style sheets of the pages. */
import type { FastifyPluginAsync } from "fastify";
import Negotiator from "negotiator";
import { ProblemError } from "../../semantics/problem.ts";
import type { PageAssets } from "./assets.ts";

interface PageRoutesOptions {
  readonly loadAssets: () => Promise<PageAssets>;
}

const CACHE_CONTROL = "public, max-age=60";

const MEDIA_TYPES = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" } as const;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#2563eb" d="M2 3h12v3H2zm0 4h8v3H2zm0 4h5v3H2z"/></svg>
`;

const PUBLIC = { schema: { hide: true }, config: { access: "public" } } as const;

export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, { loadAssets }) => {
  let loading: Promise<PageAssets> | undefined;

  app.get("/pages/icon.svg", PUBLIC, async (_request, reply) =>
    reply.type("image/svg+xml").header("cache-control", CACHE_CONTROL).send(ICON),
  );

  app.get<{ Params: { name: string; kind: "js" | "css" } }>(
    "/pages/:name.:kind(^(?:js|css)$)",
    PUBLIC,
    async ({ raw, params: { name, kind }, originalUrl }, reply) => {
      loading ??= loadAssets();
      const asset = (await loading).get(`${name}.${kind}`);
      if (asset === undefined) throw new ProblemError(404, `There is nothing at ${originalUrl}`);
      reply.type(MEDIA_TYPES[kind]).headers({ "cache-control": CACHE_CONTROL, vary: "accept-encoding" });
      const takesGzip = new Negotiator(raw).encoding(["gzip", "identity"]) === "gzip";
      return takesGzip ? reply.header("content-encoding", "gzip").send(asset.gzipped) : reply.send(asset.plain);
    },
  );
};
