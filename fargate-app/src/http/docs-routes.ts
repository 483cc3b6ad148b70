/** `/openapi.json` and `/docs`: the API described, for programs and for people. */
import type { App } from "./app.ts";
import { PAGE_HEADERS } from "./security-headers.ts";

/** The files of Swagger UI, which the page needs from this server: there may be no way to the Internet. */
export interface DocsAssets {
  readonly css: string;
  readonly script: string;
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

/**
 * Open to everyone: they are the same for every router, and a browser cannot send a token with the address of a page.
 * What the page does with the API takes one.
 *
 * @param loadAssets Called for the first reader of the page: Swagger UI is large.
 */
export function addDocsRoutes(app: App, loadAssets: () => Promise<DocsAssets>): void {
  const options = { schema: { hide: true }, config: { access: "public" } } as const;
  const cacheControl = "public, max-age=3600";

  app.get("/openapi.json", options, async () => app.swagger());
  app.get("/docs", options, async (_request, reply) =>
    reply.headers(PAGE_HEADERS).type("text/html; charset=utf-8").send(PAGE),
  );
  app.get("/docs/start.js", options, async (_request, reply) => reply.type("text/javascript").send(START));
  app.get("/docs/swagger-ui.css", options, async (_request, reply) => {
    return reply
      .type("text/css")
      .header("cache-control", cacheControl)
      .send((await loadAssets()).css);
  });
  app.get("/docs/swagger-ui-bundle.js", options, async (_request, reply) => {
    return reply
      .type("text/javascript")
      .header("cache-control", cacheControl)
      .send((await loadAssets()).script);
  });
}
