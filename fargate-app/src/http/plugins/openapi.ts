/** Collects the OpenAPI document from the schemas of the routes that are registered after it: `app.swagger()`. */
import swagger from "@fastify/swagger";
import fp from "fastify-plugin";
import { jsonSchemaTransform } from "fastify-type-provider-zod";

interface OpenApiOptions {
  /** Whether routes need a token, unless their schema says otherwise ({@link NO_SECURITY}). */
  readonly needsToken: boolean;
}

/** For the schema of a route that is open to everyone. */
export const NO_SECURITY = [];

const BEARER_SECURITY = {
  components: { securitySchemes: { bearerAuth: { type: "http" as const, scheme: "bearer" } } },
  security: [{ bearerAuth: [] }],
};

const PATH_PARAMETER = {
  type: "object",
  properties: {
    path: {
      type: "string",
      description:
        "Names separated by `/`, each percent-encoded by itself. Names are bytes: `%E9` is the byte E9, in UTF-8 or not.",
    },
  },
  required: ["path"],
};

export const openApi = fp<OpenApiOptions>(
  async (app, { needsToken }) => {
    await app.register(swagger, {
      openapi: {
        ...(needsToken ? BEARER_SECURITY : {}),
        info: {
          title: "efs-mount-autoscaling router",
          description: "Files on one file system, over all of its mount targets.",
          version: "1",
        },
        tags: [{ name: "files" }, { name: "operations" }],
      },
      transform: nameWildcard,
      exposeHeadRoutes: true,
    });
  },
  { name: "openapi", fastify: "5.x" },
);

/** OpenAPI has no wildcards: `*` in a route is the parameter `path` in the document. */
const nameWildcard: typeof jsonSchemaTransform = (route) => {
  const { schema, url } = jsonSchemaTransform(route);
  if (!url.endsWith("*")) return { schema, url };
  return { schema: { ...schema, params: PATH_PARAMETER }, url: url.replace("*", ":path") };
};
