/** Swagger UI's files, which the bundler puts into the bundle as text (esbuild, `with { type: "text" }`). */
import type { DocsAssets } from "./routes.ts";

export async function loadDocsAssets(): Promise<DocsAssets> {
  const [css, script] = await Promise.all([
    import("@fastify/swagger-ui/static/swagger-ui.css", { with: { type: "text" } }),
    import("@fastify/swagger-ui/static/swagger-ui-bundle.js", { with: { type: "text" } }),
  ]);
  return { css: css.default, script: script.default };
}
