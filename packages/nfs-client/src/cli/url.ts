/** nfs://HOST[:PORT]/PATH, after RFC 2224. */
export interface NfsUrl {
  readonly host: string;
  readonly port: number | undefined;
  readonly path: string;
}

/** The text is not the URL of a file. */
export class NfsUrlError extends Error {
  override readonly name = "NfsUrlError";
}

/** @throws {NfsUrlError} when the text is not such a URL. */
export function parseNfsUrl(text: string): NfsUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "nfs:" || url.hostname === "") {
    throw new NfsUrlError(`${JSON.stringify(text)} is not of the form nfs://HOST[:PORT]/PATH`);
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? undefined : Number(url.port),
    path: decodeURIComponent(url.pathname) || "/",
  };
}
