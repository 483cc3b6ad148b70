/** What people see of a file: images as they are, and the beginning of what is text. */
import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { collect, type FilePath, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { mediaTypeOf } from "../../semantics/media-type.ts";
import { ProblemError } from "../../semantics/problem.ts";
import { bodyOf } from "../files/response-body.ts";

/** Bytes. */
const MAX_TEXT = 250_000;
const MAX_IMAGE = 2 ** 25;

/** Images that are pixels and nothing else. SVG has scripts and links: of it, people see the text. */
const IMAGES: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "image/bmp",
]);

/** In UTF-8; browsers do not look for another type (`nosniff`). */
const TEXT = "text/plain; charset=utf-8";

interface Preview {
  readonly mediaType: string;
  readonly body: Buffer | Readable;
}

/**
 * @throws {ProblemError} 415 for what is neither text nor an image, 413 for an image that is too large.
 */
export async function previewOf(files: RoutedFiles, path: FilePath): Promise<Preview> {
  const mediaType = mediaTypeOf(path);
  if (!IMAGES.has(mediaType)) return textOf(files, path);
  const { attributes, body } = await files.openFile(path, { length: MAX_IMAGE });
  if (attributes.size > MAX_IMAGE) throw new ProblemError(413, `Images of more than ${MAX_IMAGE} bytes are not shown`);
  return { mediaType, body: await bodyOf(body, attributes.size) };
}

async function textOf(files: RoutedFiles, path: FilePath): Promise<Preview> {
  const { body } = await files.openFile(path, { length: MAX_TEXT });
  const text = withoutCutCharacter(await collect(body));
  if (text.includes(0) || !isUtf8(text)) throw new ProblemError(415, "Only text in UTF-8 and images are shown");
  return { mediaType: TEXT, body: text };
}

/** Without the beginning of a character at the end: the text may go on. */
function withoutCutCharacter(bytes: Buffer): Buffer {
  const start = bytes.findLastIndex((byte) => (byte & 0b1100_0000) !== 0b1000_0000);
  const isWhole = start < 0 || isUtf8(bytes.subarray(start)) || bytes.length < MAX_TEXT;
  return isWhole ? bytes : bytes.subarray(0, start);
}
