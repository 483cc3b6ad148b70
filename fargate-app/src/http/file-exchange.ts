/** One request about one file, and its answer. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Router } from "../router/router.ts";
import type { FilePath } from "../routing/path.ts";

export interface FileExchange {
  readonly router: Router;
  readonly path: FilePath;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}
