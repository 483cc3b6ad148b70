/** Swagger UI's files, which are compressed in the bundle (`with { type: "brotli" }`: see build.ts). */
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import type { DocsAssets } from "./routes.ts";

export async function loadDocsAssets(): Promise<DocsAssets> {
  const [css, script] = await Promise.all([
    import("@fastify/swagger-ui/static/swagger-ui.css", { with: { type: "brotli" } }),
    import("@fastify/swagger-ui/static/swagger-ui-bundle.js", { with: { type: "brotli" } }),
  ]);
  return { css: await textOf(css.default), script: await textOf(script.default) };
}

async function textOf(compressed: Uint8Array): Promise<string> {
  return (await promisify(brotliDecompress)(compressed)).toString();
}
