/** `/openapi.json` and `/docs`: the API described, for programs and for people. */
import type { FastifyPluginAsync } from "fastify";
import { PAGE_HEADERS } from "../../plugins/security-headers.ts";

/** The files of Swagger UI, which the page needs from this server: there may be no way to the Internet. */
export interface DocsAssets {
  readonly css: string;
  readonly script: string;
}

interface DocsRoutesOptions {
  /** Called for the first reader of the page: Swagger UI is large. */
  readonly loadAssets: () => Promise<DocsAssets>;
}

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>efs-mount-autoscaling router</title>
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", validatorUrl: null });
`;

const CACHE_CONTROL = "public, max-age=3600";

/**
 * Open to everyone: they are the same for every router, and a browser cannot send a token with the address of a page.
 * What the page does with the API takes one.
 */
export const docsRoutes: FastifyPluginAsync<DocsRoutesOptions> = async (app, { loadAssets }) => {
  const options = { schema: { hide: true }, config: { access: "public" } } as const;

  app.get("/openapi.json", options, async () => app.swagger());
  app.get("/docs", options, async (_request, reply) =>
    reply.headers(PAGE_HEADERS).type("text/html; charset=utf-8").send(PAGE),
  );
  app.get("/docs/start.js", options, async (_request, reply) => reply.type("text/javascript").send(START));
  app.get("/docs/swagger-ui.css", options, async (_request, reply) => {
    const { css } = await loadAssets();
    return reply.type("text/css").header("cache-control", CACHE_CONTROL).send(css);
  });
  app.get("/docs/swagger-ui-bundle.js", options, async (_request, reply) => {
    const { script } = await loadAssets();
    return reply.type("text/javascript").header("cache-control", CACHE_CONTROL).send(script);
  });
};
