import { Readable } from "node:stream";
import { contentOf } from "../content.ts";
import { progressing } from "../deadline.ts";
import { FilesOver } from "../files-over.ts";
import { pathOf } from "../paths.ts";
import { archive, extract } from "./archives.ts";
import { changes } from "./changes.ts";
import { HttpClient } from "./http-client.ts";
import { operationsOver } from "./operations.ts";
import type { ConnectOptions } from "./options.ts";
import type { ArchiveOptions, Change, ChangesOptions, Extracted, ExtractOptions, RemoteFiles } from "./remote-files.ts";

/** Milliseconds. */
const CHANGES_TIMEOUT = 120_000;

/**
 * Files behind the routers of a service, over HTTP. Connections are made when they are needed, and kept for the next
 * request; those that are idle do not keep the process alive.
 *
 * @throws {FileError} `EINVAL` for options that cannot be.
 */
export function connectFiles(options: ConnectOptions): RemoteFiles {
  return new FilesOverHttp(new HttpClient(options));
}

class FilesOverHttp extends FilesOver implements RemoteFiles {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    super(operationsOver(http));
    this.#http = http;
  }

  changes({ prefix = "", after, timeout = CHANGES_TIMEOUT, signal }: ChangesOptions = {}): AsyncIterable<Change> {
    const below = prefix.replace(/^\/+/, "");
    return this.deadlines.inPieces({ timeout, signal }, (deadline) => changes(this.#http, below, after, deadline));
  }

  createArchiveStream(path: string, { format = "tar", ...options }: ArchiveOptions = {}): Readable {
    const directory = pathOf(path);
    const pieces = this.deadlines.inPieces(options, (deadline) => archive(this.#http, directory, format, deadline));
    return Readable.from(pieces, { objectMode: false });
  }

  extract(
    path: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    { format = "tar", ...options }: ExtractOptions = {},
  ): Promise<Extracted> {
    return this.deadlines.within(options, async (deadline) => {
      const bytes = contentOf(content, undefined);
      const body = Buffer.isBuffer(bytes) ? bytes : progressing(bytes, deadline);
      return extract(this.#http, pathOf(path), body, format, deadline);
    });
  }
}
