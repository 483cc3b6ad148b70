/** `GET /files/DIR/?archive=…`: a directory as an archive. */
import { pipeline, Readable } from "node:stream";
import { constants, createGzip } from "node:zlib";
import type { DirectoryPath, RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import type { FastifyReply } from "fastify";
import * as z from "zod";
import { archiveEntries, NotArchivableError, type Omission } from "../../../many/archive.ts";
import { tarOf } from "../../../many/tar.ts";
import { zipOf } from "../../../many/zip.ts";
import { problemOf } from "../../semantics/problem.ts";
import { spelledPath } from "./resource.ts";

export const archiveFormat = z.enum(["tar", "tar.gz", "zip"], "must be tar, tar.gz or zip");

type ArchiveFormat = z.infer<typeof archiveFormat>;

const MEDIA_TYPES: Readonly<Record<ArchiveFormat, string>> = {
  tar: "application/x-tar",
  "tar.gz": "application/gzip",
  zip: "application/zip",
};

/** Bytes that are given to the socket at once. */
const PIECE = 64 * 1024;

export function sendArchive(
  reply: FastifyReply,
  files: RoutedFiles,
  path: DirectoryPath,
  format: ArchiveFormat,
): FastifyReply {
  const name = path.slice(path.lastIndexOf("/") + 1) || "files";
  const entries = archiveEntries(files, path);
  const archive = format === "zip" ? zipOf(entries, describeOmission) : tarOf(entries, describeOmission);
  const bytes = Readable.from(inPieces(archive), { objectMode: false, highWaterMark: PIECE });
  return reply
    .headers({
      "content-type": MEDIA_TYPES[format],
      "content-disposition": `attachment; filename*=UTF-8''${encodeParameter(`${name.toWellFormed()}.${format}`)}`,
      "accept-ranges": "none",
      "cache-control": "no-store",
    })
    .send(format === "tar.gz" ? gzipped(bytes) : bytes);
}

/** RFC 8187 §3.2.1 allows fewer characters than a URL has. */
function encodeParameter(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** At the fastest level: others take the time of a processor that all requests share. */
function gzipped(tar: Readable): Readable {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  // What fails ends the response: whoever reads it sees that it has no end.
  return pipeline(tar, gzip, () => {});
}

/** Small pieces together. */
async function* inPieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length < PIECE) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts);
}

function describeOmission({ path, reason }: Omission): object {
  if (reason instanceof NotArchivableError) return { ...spelledPath(path), detail: reason.message };
  const { detail, code } = problemOf(reason);
  return { ...spelledPath(path), detail, code };
}
