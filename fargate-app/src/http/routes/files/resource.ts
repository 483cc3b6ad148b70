/** The file or directory that a request is for, from the exact bytes of its URL. */
import {
  type DirectoryPath,
  directoryPath,
  type FilePath,
  filePath,
  PathError,
} from "@efs-mount-autoscaling/routed-files";
import { encodeName, nameFromUrl } from "nfs-client";
import { ProblemError } from "../../semantics/problem.ts";

/** Where files are: what follows is the path. */
export const FILES_PREFIX = "/files/";

/** A request target (RFC 9112 §3.2) in origin or absolute form: its path and its query. */
const TARGET = /^(?:https?:\/\/[^/?#]*)?([^?#]*)([^#]*)/i;

/** The pattern of the routes. */
export const FILES_URL = `${FILES_PREFIX}*`;

/** Where previews of files are: what follows is the path. */
export const PREVIEW_PREFIX = "/preview/";

export const PREVIEW_URL = `${PREVIEW_PREFIX}*`;

/** The path of a request target, as it is spelled there, and the query with its `?`. */
export function partsOf(requestTarget = ""): { readonly encodedPath: string; readonly query: string } {
  const [, encodedPath = "", query = ""] = TARGET.exec(requestTarget) ?? [];
  return { encodedPath, query };
}

/**
 * What the routes are to see of a request target: of one that names a file not the path, since Fastify's router refuses
 * what is not UTF-8. Handlers read it from the request's `originalUrl`.
 */
export function routedTarget(requestTarget = ""): string {
  const { encodedPath, query } = partsOf(requestTarget);
  const prefix = [FILES_PREFIX, PREVIEW_PREFIX].find((each) => encodedPath.startsWith(each));
  return prefix === undefined ? requestTarget : `${prefix}${query}`;
}

/** What a URL below a prefix names; one that ends in `/` names a directory. */
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
export function resourceOf(requestTarget?: string, prefix = FILES_PREFIX): Resource {
  const { encodedPath } = partsOf(requestTarget);
  if (!encodedPath.startsWith(prefix)) throw new ProblemError(404, `There is nothing at ${encodedPath}`);
  // It has none (RFC 9112 §3.2): a client that sends one forgot to encode a name.
  if (requestTarget?.includes("#")) throw new PathError("The URL has a #: write %23 where it belongs to a name");
  const path = decodePath(encodedPath.slice(prefix.length));
  const endsInSlash = path === "" || path.endsWith("/");
  return endsInSlash ? { kind: "directory", path: directoryPath(path) } : { kind: "file", path: filePath(path) };
}

/** As {@link resourceOf}, where only a file will do. */
export function fileOf(requestTarget?: string, prefix = FILES_PREFIX): FilePath {
  const resource = resourceOf(requestTarget, prefix);
  if (resource.kind === "file") return resource.path;
  throw new PathError("The path ends in /, so it names a directory: it can only be listed and removed");
}

/** Sends the reader of a directory to the URL where it is listed. That may be a file later, so it is for this time only. */
export function redirectToDirectory(requestTarget?: string): ProblemError {
  const { encodedPath, query } = partsOf(requestTarget);
  const location = `${encodedPath}/${query}`;
  return new ProblemError(307, `There is a directory, which is listed at ${location}`, { headers: { location } });
}

/** The spelling of a name in a URL, as {@link resourceOf} reads it. */
export function encodePart(name: string): string {
  return name.isWellFormed() ? encodeURIComponent(name) : percentEncode(encodeName(name));
}

/** A path for people to read, and as in a URL where it is not UTF-8. */
export function spelledPath(path: string): { readonly path: string; readonly encodedPath?: string } {
  if (path.isWellFormed()) return { path };
  return { path: path.toWellFormed(), encodedPath: path.split("/").map(encodePart).join("/") };
}

/** As encodeURIComponent does, for bytes that are not UTF-8. */
function percentEncode(bytes: Buffer): string {
  return bytes
    .toString("latin1")
    .replace(/[^\w.!~*'()-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

/** A path as URLs have it, decoded part by part. @throws {PathError} as {@link resourceOf} does. */
export function decodePath(encodedPath: string): string {
  return encodedPath.split("/").map(decodePart).join("/");
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
