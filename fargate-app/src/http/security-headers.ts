/** Headers that tell browsers what not to do with an answer. */
import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Socket } from "node:net";
import helmet, { type HelmetOptions } from "helmet";
import type { App } from "./app.ts";

type Policy = NonNullable<HelmetOptions["contentSecurityPolicy"]>;

/** Of a file: whoever can write one must not be able to run scripts in the name of this server. */
const FILE_POLICY: Policy = {
  useDefaults: false,
  directives: { defaultSrc: helmet.contentSecurityPolicy.dangerouslyDisableDefaultSrc, sandbox: [] },
};

/** Of the page that shows the API: scripts and styles of this server, and the styles and icons inside Swagger UI. */
const PAGE_POLICY: Policy = {
  useDefaults: false,
  directives: { defaultSrc: ["'self'"], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", "data:"] },
};

const FILE_HEADERS = headersOf(FILE_POLICY);

/** In place of those that every answer has. */
export const PAGE_HEADERS = headersOf(PAGE_POLICY);

export function addSecurityHeaders(app: App): void {
  app.addHook("onRequest", (_request, reply, done) => {
    reply.headers(FILE_HEADERS);
    done();
  });
}

/** What helmet sets, which is the same for every answer: it need not be made anew for each. */
function headersOf(contentSecurityPolicy: Policy): OutgoingHttpHeaders {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  // Whether there is HTTPS, the load balancer knows.
  const setHeaders = helmet({ contentSecurityPolicy, strictTransportSecurity: false });
  setHeaders(response.req, response, () => {});
  return { ...response.getHeaders() };
}
