/** Which representation a client prefers (RFC 9110 §12.5.1). */
import type { IncomingMessage } from "node:http";
import Negotiator from "negotiator";

/** Browsers prefer HTML where they show what they get. Programs that take anything get what is for programs. */
export function prefersHtml(request: Pick<IncomingMessage, "headers">): boolean {
  return prefersToJson(request, "text/html");
}

export function prefersToJson(request: Pick<IncomingMessage, "headers">, mediaType: string): boolean {
  // Most requests take anything.
  if (!request.headers.accept?.includes(mediaType)) return false;
  return new Negotiator(request).mediaType(["application/json", mediaType]) === mediaType;
}
