/** The file or directory that a request is for, from the exact bytes of its URL. */
import { encodeName, nameFromUrl } from "nfs-client";
import { type DirectoryPath, directoryPath, type FilePath, filePath, PathError } from "../../../routing/path.ts";
import { ProblemError } from "../../semantics/problem.ts";

/** Where files are: what follows is the path. */
export const FILES_PREFIX = "/files/";

/** A request target (RFC 9112 §3.2) in origin or absolute form: its path and its query. */
const TARGET = /^(?:https?:\/\/[^/?#]*)?([^?#]*)([^#]*)/i;

/** The pattern of the routes. */
export const FILES_URL = `${FILES_PREFIX}*`;

/**
 * What the routes are to see of a request target: of one below {@link FILES_PREFIX} not the path, since Fastify's router
 * refuses what is not UTF-8. Handlers read it from the request's `originalUrl`.
 */
export function routedTarget(requestTarget = ""): string {
  const [, encodedPath = "", query] = TARGET.exec(requestTarget) ?? [];
  return encodedPath.startsWith(FILES_PREFIX) ? `${FILES_PREFIX}${query}` : requestTarget;
}

/** What a URL below {@link FILES_PREFIX} names; one that ends in `/` names a directory. */
type Resource =
  | { readonly kind: "file"; readonly path: FilePath }
  | { readonly kind: "directory"; readonly path: DirectoryPath };

/**
 * Reads the request target. Each part of the path is decoded once, by itself, so that an encoded slash cannot become a
 * separator. What is percent-encoded are the bytes of the name, whether or not they are UTF-8.
 *
 * @throws {PathError} when there is a fragment, a `%` is not followed by two hexadecimal digits, or a part contains an encoded slash, or is
 * refused by {@link directoryPath}.
 */
export function resourceOf(requestTarget = ""): Resource {
  const [, encodedPath = ""] = TARGET.exec(requestTarget) ?? [];
  if (!encodedPath.startsWith(FILES_PREFIX)) throw new ProblemError(404, `There is nothing at ${encodedPath}`);
  // It has none (RFC 9112 §3.2): a client that sends one forgot to encode a name.
  if (requestTarget.includes("#")) throw new PathError("The URL has a #: write %23 where it belongs to a name");
  const path = encodedPath.slice(FILES_PREFIX.length).split("/").map(decodePart).join("/");
  const endsInSlash = path === "" || path.endsWith("/");
  return endsInSlash ? { kind: "directory", path: directoryPath(path) } : { kind: "file", path: filePath(path) };
}

/** As {@link resourceOf}, where only a file will do. */
export function fileOf(requestTarget?: string): FilePath {
  const resource = resourceOf(requestTarget);
  if (resource.kind === "file") return resource.path;
  throw new PathError("The path ends in /, so it names a directory: it can only be listed and removed");
}

/** Sends the reader of a directory to the URL where it is listed. That may be a file later, so it is for this time only. */
export function redirectToDirectory(requestTarget = ""): ProblemError {
  const [, encodedPath, query] = TARGET.exec(requestTarget) ?? [];
  const location = `${encodedPath}/${query}`;
  return new ProblemError(307, `There is a directory, which is listed at ${location}`, { headers: { location } });
}

/** The spelling of a name in a URL, as {@link resourceOf} reads it. */
export function encodePart(name: string): string {
  return name.isWellFormed() ? encodeURIComponent(name) : percentEncode(encodeName(name));
}

/** As encodeURIComponent does, for bytes that are not UTF-8. */
function percentEncode(bytes: Buffer): string {
  return bytes
    .toString("latin1")
    .replace(/[^\w.!~*'()-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

function decodePart(part: string): string {
  const decoded = part.includes("%") ? nameFromUrl(part) : part;
  if (decoded === undefined) {
    throw new PathError(
      `The part ${JSON.stringify(part)} of the path has a % without two hexadecimal digits: write %25 for a % itself`,
    );
  }
  if (decoded.includes("/")) throw new PathError(`The part ${JSON.stringify(part)} of the path has an encoded slash`);
  return decoded;
}
