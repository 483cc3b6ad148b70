/** The status page's HTML, and its headers. It has no data: the page's script asks for them. */
import { randomBytes } from "node:crypto";
import type { OutgoingHttpHeaders } from "node:http";
import { headersOf } from "../../plugins/security-headers.ts";

const NONCE = "NONCE";

/**
 * Files that users store are under the same origin: only the page's own scripts and styles have the nonce. Nothing
 * may turn text into markup.
 */
const HEADERS = headersOf({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: [`'nonce-${NONCE}'`],
    styleSrc: [`'nonce-${NONCE}'`],
    connectSrc: ["'self'"],
    imgSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    requireTrustedTypesFor: ["'script'"],
  },
});

interface Page {
  readonly headers: OutgoingHttpHeaders;
  readonly html: string;
}

/** @param extension the path of a script that adds a section to the page. */
export function statusPage(extension: string | undefined): Page {
  const nonce = randomBytes(16).toString("base64");
  const policy = String(HEADERS["content-security-policy"]).replaceAll(NONCE, nonce);
  const script = (src: string) => `<script type="module" src="${src}" nonce="${nonce}"></script>`;
  return {
    headers: { ...HEADERS, "content-security-policy": policy, "cache-control": "no-store", vary: "accept" },
    html: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>efs-mount-autoscaling</title>
    <link rel="icon" href="status/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="status/page.css" nonce="${nonce}">
    ${script("status/page.js")}
    ${extension === undefined ? "" : script(extension)}
  </head>
  <body>
    <div id="page"></div>
    <noscript>This page needs JavaScript. Programs find what it shows at <a href="targets">/targets</a> and
      <a href="metrics">/metrics</a>.</noscript>
  </body>
</html>
`,
  };
}

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#2563eb" d="M2 3h12v3H2zm0 4h8v3H2zm0 4h5v3H2z"/></svg>
`;

/** For programs. */
export const INDEX = {
  service: "efs-mount-autoscaling router",
  links: {
    files: "/files/",
    documentation: "/docs",
    openapi: "/openapi.json",
    targets: "/targets",
    hotSpots: "/hotspots",
    costs: "/costs",
    metrics: "/metrics",
    ready: "/readyz",
  },
};
