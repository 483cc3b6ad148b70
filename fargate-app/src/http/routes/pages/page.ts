/** The HTML of a page, and its headers. It has no data: the page's script asks for them. */
import { randomBytes } from "node:crypto";
import type { FastifyReply } from "fastify";
import { headersOf } from "../../plugins/security-headers.ts";

const NONCE = "NONCE";

/**
 * Files that users store are under the same origin: only the page's own scripts and styles have the nonce. Nothing
 * may turn text into markup. What is framed is a stored file, which says itself that it is sandboxed.
 */
const HEADERS = headersOf({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: [`'nonce-${NONCE}'`],
    styleSrc: [`'nonce-${NONCE}'`],
    connectSrc: ["'self'"],
    imgSrc: ["'self'"],
    frameSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    requireTrustedTypesFor: ["'script'"],
  },
});

interface Page {
  /** Of its assets: `/pages/NAME.js` and `/pages/NAME.css`. */
  readonly name: "status" | "browser";
  /** Where programs find what it shows, for readers without JavaScript. */
  readonly alternatives: readonly string[];
  /** The path of a script that adds a section to the page. */
  readonly extension?: string | undefined;
}

/** Sends the page where its URL has another representation for programs. */
export function sendPage(reply: FastifyReply, { name, alternatives, extension }: Page): FastifyReply {
  const nonce = randomBytes(16).toString("base64");
  const policy = String(HEADERS["content-security-policy"]).replaceAll(NONCE, nonce);
  const script = (src: string) => `<script type="module" src="${src}" nonce="${nonce}"></script>`;
  const links = alternatives.map((path) => `<a href="${path}">${path}</a>`).join(", ");
  return reply
    .headers({ ...HEADERS, "content-security-policy": policy, "cache-control": "no-store", vary: "accept" })
    .type("text/html; charset=utf-8")
    .send(`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>efs-mount-autoscaling</title>
    <link rel="icon" href="/pages/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/pages/${name}.css" nonce="${nonce}">
    ${script(`/pages/${name}.js`)}
    ${extension === undefined ? "" : script(extension)}
  </head>
  <body>
    <div id="page"></div>
    <noscript>This page needs JavaScript. Programs find what it shows at ${links}.</noscript>
  </body>
</html>
`);
}
