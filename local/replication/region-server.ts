/**
 * What a region answers to other regions: it takes part in replications, and takes in their files.
 *
 * Files come in sessions, one for each sync. A session begins when nothing of the one before is in flight any more, so
 * that no late request can undo a newer one; and none begins, or goes on, once the replication is being deleted.
 */
import type { Readable } from "node:stream";
import fastify from "fastify";
import { z } from "zod";
import { AwsError } from "../control-plane/aws-error.ts";
import { betweenRegions, requireReplicating } from "../control-plane/efs-replication.ts";
import type { ControlPlane } from "../control-plane/server.ts";
import { type Change, Replica } from "./replica.ts";

interface RegionServerOptions {
  readonly controlPlane: Pick<ControlPlane, "run" | "state">;
  readonly port: number;
  /** The directories of a file system's files, and of what is not complete yet. */
  readonly directoriesOf: (fileSystemId: string) => { readonly root: string; readonly staging: string };
  /** Resolves when the mount targets refuse writes to every file system that is a destination. */
  readonly onlyReplicationWrites: () => Promise<void>;
}

export interface RegionServer {
  readonly url: string;
  /** Takes in no more of a replication. Resolves when nothing is in flight, and what is incomplete has been put aside. */
  end(id: string): Promise<void>;
  close(): Promise<void>;
}

interface Session {
  readonly number: number;
  readonly replica: Replica;
  readonly inFlight: Set<Promise<unknown>>;
}

const attributes = { mode: z.coerce.number().int(), modifiedAt: z.string().regex(/^-?\d+$/) };
const path = z.string().min(1);

const changesSchema = z.array(
  z.discriminatedUnion("what", [
    z.object({ what: z.literal("directory"), path }),
    z.object({ what: z.literal("attributes"), path, ...attributes }),
    z.object({ what: z.literal("symbolic-link"), path, target: z.string() }),
    z.object({ what: z.literal("link"), path, to: z.string() }),
    z.object({ what: z.literal("remove"), path }),
  ]),
) satisfies z.ZodType<Change[]>;

const replicationSchema = z.object({ id: z.string() });
const sessionSchema = z.object({ session: z.coerce.number().int() });
const fileSchema = sessionSchema.extend({ path, ...attributes });

const MAX_JSON_BYTES = 16 * 2 ** 20;

export async function startRegionServer(options: RegionServerOptions): Promise<RegionServer> {
  const { controlPlane, directoriesOf } = options;
  const sessions = new Map<string, Session>();

  function replicaOf(id: string): Replica {
    const { destination } = requireReplicating(controlPlane.state(), id);
    const { root, staging } = directoriesOf(destination.fileSystemId);
    return new Replica(root, staging);
  }

  async function begin(id: string): Promise<Session> {
    const replica = replicaOf(id);
    await options.onlyReplicationWrites();
    const before = sessions.get(id);
    const session: Session = { number: (before?.number ?? 0) + 1, replica, inFlight: new Set() };
    sessions.set(id, session);
    await Promise.allSettled(before?.inFlight ?? []);
    await replica.begin();
    return session;
  }

  async function inSession(id: string, number: number, work: (replica: Replica) => Promise<unknown>): Promise<unknown> {
    requireReplicating(controlPlane.state(), id);
    const session = sessions.get(id);
    if (session?.number !== number) throw new AwsError("Conflict", 409, "Another sync has begun.");
    const working = work(session.replica);
    session.inFlight.add(working);
    try {
      return (await working) ?? {};
    } finally {
      session.inFlight.delete(working);
    }
  }

  const app = fastify({ forceCloseConnections: true, bodyLimit: MAX_JSON_BYTES });
  app.addContentTypeParser("application/octet-stream", (_request, payload, done) => done(null, payload));
  app.setErrorHandler((error, _request, reply) => {
    const { code, statusCode, message } =
      error instanceof AwsError ? error : new AwsError("Failed", 500, String(error));
    return reply.code(statusCode).send({ code, message });
  });
  for (const [name, operation] of Object.entries(betweenRegions)) {
    app.post(`/regions/${name}`, (request) => controlPlane.run(operation, request.body));
  }
  app.post("/replications/:id/sessions", async (request) => {
    const { number } = await begin(replicationSchema.parse(request.params).id);
    return { session: number };
  });
  app.get("/replications/:id/entries", (request) => replicaOf(replicationSchema.parse(request.params).id).list());
  app.post("/replications/:id/changes", (request) => {
    const { session } = sessionSchema.parse(request.query);
    const changes = changesSchema.parse(request.body);
    return inSession(replicationSchema.parse(request.params).id, session, (replica) => replica.apply(changes));
  });
  app.put<{ Body: Readable }>("/replications/:id/files", (request) => {
    const { session, path, ...its } = fileSchema.parse(request.query);
    const { id } = replicationSchema.parse(request.params);
    return inSession(id, session, (replica) => replica.put(path, its, request.body));
  });

  return {
    url: await app.listen({ host: "127.0.0.1", port: options.port }),
    end: async (id) => {
      await Promise.allSettled(sessions.get(id)?.inFlight ?? []);
      sessions.delete(id);
      const replication = controlPlane.state().replications.find((each) => each.id === id);
      if (replication === undefined) return;
      const { root, staging } = directoriesOf(replication.destination.fileSystemId);
      await new Replica(root, staging).keepIncomplete(replication.source.fileSystemId, new Date());
    },
    close: () => app.close(),
  };
}
