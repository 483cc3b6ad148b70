/** What the routes need besides the request. */
import type { FastifyRequest } from "fastify";
import type { HttpLimits } from "../http/limits.ts";
import type { WholeBodyMemory } from "../http/routes/files/request-body.ts";
import type { Objects } from "./objects/objects.ts";
import type { Uploads } from "./uploads/uploads.ts";

export interface S3Context {
  /** The objects, as the user of the request's access key may see and change them. */
  readonly objectsOf: (request: FastifyRequest) => Objects;
  readonly uploads: Uploads;
  readonly limits: HttpLimits;
  readonly wholeBodies: WholeBodyMemory;
  /** The AWS region that buckets say they are in. */
  readonly region: string | undefined;
  /** Does what changes the file system, where this region may. */
  readonly change: <Result>(change: () => Promise<Result>) => Promise<Result>;
}
