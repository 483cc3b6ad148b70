/** What the router says of files, in headers and in JSON. */
import type { FileType, FileVersion } from "../files.ts";
import type { Attributes } from "../operations.ts";
import type { HttpResponse } from "./http-client.ts";
import { notOfTheRouter } from "./parsed.ts";
import type { DescribedFile } from "./schemas.ts";

type Headers = HttpResponse["headers"];

export function versionOf(headers: Headers): FileVersion {
  return { etag: headerOf(headers, "etag") };
}

/** Of a file that is sent, whole or in part. */
export function attributesOfFile(headers: Headers): Attributes {
  const [, ofRange] = /^bytes \d+-\d+\/(\d+)$/.exec(headers["content-range"] ?? "") ?? [];
  return {
    type: "file",
    size: Number(ofRange ?? headerOf(headers, "content-length")),
    mtimeMs: Date.parse(headerOf(headers, "last-modified")),
    ...versionOf(headers),
  };
}

export function attributesOf({ type, size, modifiedAt, etag }: DescribedFile): Attributes {
  return { type: isFileType(type) ? type : "unknown", size, mtimeMs: Date.parse(modifiedAt), etag };
}

const FILE_TYPES: ReadonlySet<string> = new Set<FileType>([
  "file",
  "directory",
  "symbolic-link",
  "block-device",
  "character-device",
  "fifo",
  "socket",
]);

function isFileType(type: string): type is FileType {
  return FILE_TYPES.has(type);
}

function headerOf(headers: Headers, name: string): string {
  const value = headers[name];
  if (typeof value === "string") return value;
  throw notOfTheRouter(`it has no header ${name}`);
}
