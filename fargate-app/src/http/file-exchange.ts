/** One request about one file, and its answer. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { RoutedFiles } from "../router/routed-files.ts";
import type { FilePath } from "../routing/path.ts";

export interface FileExchange {
  readonly router: RoutedFiles;
  readonly path: FilePath;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}
