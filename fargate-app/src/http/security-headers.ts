/** Headers that tell browsers what not to do with an answer. */
import { type FastifyHelmetOptions, fastifyHelmet } from "@fastify/helmet";
import type { App } from "./app.ts";

type Policy = NonNullable<FastifyHelmetOptions["contentSecurityPolicy"]>;

/** Of a file: whoever can write one must not be able to run scripts in the name of this server. */
const FILE_POLICY: Policy = {
  useDefaults: false,
  directives: { defaultSrc: fastifyHelmet.contentSecurityPolicy.dangerouslyDisableDefaultSrc, sandbox: [] },
};

/** Of the page that shows the API: scripts and styles of this server, and the styles and icons inside Swagger UI. */
export const PAGE_POLICY: Policy = {
  useDefaults: false,
  directives: { defaultSrc: ["'self'"], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", "data:"] },
};

export async function addSecurityHeaders(app: App): Promise<void> {
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: FILE_POLICY,
    // Whether there is HTTPS, the load balancer knows.
    strictTransportSecurity: false,
  });
}
