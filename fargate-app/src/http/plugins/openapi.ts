/** Collects the OpenAPI document from the schemas of the routes that are registered after it: `app.swagger()`. */
import swagger from "@fastify/swagger";
import fp from "fastify-plugin";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import { PROBLEM_RESPONSE } from "../semantics/problem.ts";

interface OpenApiOptions {
  /** Whether routes need a token, unless their schema says otherwise ({@link NO_SECURITY}). */
  readonly needsToken: boolean;
}

/** For the schema of a route that is open to everyone. */
export const NO_SECURITY = [];

const DESCRIPTION = `Files on one file system, over all of its mount targets.

Where the file system is replicated to a second region, one region is the primary. The other one is a standby: it serves
reads from its replica, and says in \`x-replica-lag-seconds\` how far that is behind at most. Everything else it answers
with 403; \`primary\` in the problem document is the primary's address. While the regions change roles, writes are answered
with 503 and \`Retry-After\`.

To read your own writes in any region, keep \`x-write-token\` of the response to a write, and send it with reads as
\`x-read-after\`. Where the replica does not have the write yet, the read waits for a short time, and is then redirected
to the primary (307). A read is answered with 409 and the code \`WRITE_LOST\` where the write was made in a region that was
lost before it was replicated.`;

const BEARER_SECURITY = {
  components: { securitySchemes: { bearerAuth: { type: "http" as const, scheme: "bearer" } } },
  security: [{ bearerAuth: [] }],
};

const LICENSE = { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" };

const TAGS = [
  { name: "files", description: "Files and directories" },
  { name: "operations", description: "How the router is doing, for operators and load balancers" },
];

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
        ...(needsToken ? BEARER_SECURITY : { security: NO_SECURITY }),
        info: {
          title: "efs-mount-autoscaling router",
          description: DESCRIPTION,
          version: "1",
          license: LICENSE,
        },
        servers: [{ url: "/" }],
        tags: TAGS,
      },
      transform,
      exposeHeadRoutes: true,
    });
  },
  { name: "openapi", fastify: "5.x" },
);

/** Of a route that describes no response, HEAD of files: in the document, nothing has the type null. */
const NO_BODY = { 200: { description: "Success", type: "null" } };

/**
 * OpenAPI has no wildcards: `*` in a route is the parameter `path` in the document. Each operation has an id of its own
 * there, also HEAD, which Fastify answers by the schema of GET.
 */
const transform: typeof jsonSchemaTransform = (input) => {
  const response = { default: PROBLEM_RESPONSE, ...(input.schema.response ?? {}) };
  const { schema, url } = jsonSchemaTransform({ ...input, schema: { ...input.schema, response } });
  const operationId = schema.operationId?.replace(/^get/, input.route.method === "HEAD" ? "head" : "get");
  return {
    schema: {
      ...schema,
      ...(operationId !== undefined && { operationId }),
      ...(input.schema.response === undefined && { response: Object.assign({}, NO_BODY, schema.response) }),
      ...(url.endsWith("*") && { params: PATH_PARAMETER }),
    },
    url: url.replace(/\*$/, ":path"),
  };
};
