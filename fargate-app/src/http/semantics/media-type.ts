/** The media type of a file (RFC 9110 §8.3). */
import mime from "mime";

/** Text that can say in itself which encoding it has. */
const SAYS_ITS_ENCODING: ReadonlySet<string> = new Set(["text/html", "text/css"]);

/**
 * By the extension of the name. Other text is said to be UTF-8: without a charset browsers take it for an encoding of
 * their own region, and nosniff keeps them from looking.
 */
export function mediaTypeOf(path: string): string {
  // With a slash: a name alone is taken for an extension.
  const type = mime.getType(`/${path}`) ?? "application/octet-stream";
  return type.startsWith("text/") && !SAYS_ITS_ENCODING.has(type) ? `${type}; charset=utf-8` : type;
}
