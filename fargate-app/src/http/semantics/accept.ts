/** What a client would rather have (RFC 9110 §12.5.1). */
import type { IncomingMessage } from "node:http";
import Negotiator from "negotiator";

/** Browsers prefer HTML where they show what they get. Programs that take anything get what is for programs. */
export function prefersHtml(request: Pick<IncomingMessage, "headers">): boolean {
  // Most requests are of programs.
  if (!request.headers.accept?.includes("text/html")) return false;
  return new Negotiator(request).mediaType(["application/json", "text/html"]) === "text/html";
}
