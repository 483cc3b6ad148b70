import type { Files } from "../files.ts";
import { FilesOver } from "../files-over.ts";
import { HttpClient, type HttpClientOptions } from "./http-client.ts";
import { operationsOver } from "./operations.ts";

export type ConnectOptions = HttpClientOptions;

/**
 * Files behind the routers of a service, over HTTP. Connections are made when they are needed, and kept for the next
 * request; those that are idle do not keep the process alive.
 *
 * @throws {FileError} `EINVAL` for options that cannot be.
 */
export function connectFiles(options: ConnectOptions): Files {
  return new FilesOver(operationsOver(new HttpClient(options)));
}
