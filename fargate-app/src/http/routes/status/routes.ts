/** The status page, and what its script asks for. */
import { directoryPath, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsync } from "fastify";
import type { ServiceWatch } from "../../../status/service-watch.ts";
import { taskStatusOf } from "../../../status/task-status.ts";
import type { WorkerGroup } from "../../../workers/group.ts";
import { EVENT_STREAM_HEADERS, MAX_STREAM_TIME } from "../../event-stream.ts";
import { closed } from "../../plugins/in-flight-responses.ts";
import { prefersHtml } from "../../semantics/accept.ts";
import { ProblemError } from "../../semantics/problem.ts";
import { tokenOf } from "../../session.ts";
import { sendPage } from "../pages/page.ts";
import { EventStream } from "./events.ts";

export interface StatusPageOptions {
  readonly watch: ServiceWatch;
  /** The path of a script that adds a section to the page. */
  readonly extension?: string | undefined;
}

interface StatusRoutesOptions extends StatusPageOptions {
  readonly files: RoutedFiles;
  /** Whether this is one of two regions. */
  readonly hasRegion: boolean;
  readonly group: WorkerGroup;
}

/** Streams at once, of all workers together. */
const MAX_VIEWERS = 20;

const LINKS = {
  files: "/files/",
  documentation: "/docs",
  openapi: "/openapi.json",
  targets: "/targets",
  hotSpots: "/hotspots",
  costs: "/costs",
  metrics: "/metrics",
  ready: "/readyz",
};

const PUBLIC = { schema: { hide: true }, config: { access: "public" } } as const;
const VIEWERS = { schema: { hide: true }, config: { access: "session" } } as const;
const ROUTERS = { schema: { hide: true }, config: { access: "session", isForRouters: true } } as const;

export const statusRoutes: FastifyPluginAsync<StatusRoutesOptions> = async (app, options) => {
  const { files, group, watch, extension, hasRegion } = options;
  /** For programs that look around. */
  const index = {
    service: "efs-mount-autoscaling router",
    links: { ...LINKS, ...(hasRegion && { region: "/region" }) },
  };
  const taskStatus = taskStatusOf(group);

  for (const url of ["/", "/status"]) {
    app.get(url, PUBLIC, async ({ raw }, reply) => {
      if (!prefersHtml(raw)) return reply.header("vary", "accept").send(index);
      return sendPage(reply, { name: "status", alternatives: ["/targets", "/metrics"], extension });
    });
  }

  app.get("/status/task", ROUTERS, async (request, reply) => {
    const withHistory = new URL(request.url, "http://router").searchParams.has("history");
    return reply.header("cache-control", "no-store").send(await taskStatus({ withHistory }));
  });

  app.get("/status/route", VIEWERS, async (request, reply) => {
    const text = new URL(request.url, "http://router").searchParams.get("path") ?? "";
    const path = directoryPath(text);
    return reply.header("cache-control", "no-store").send({ path, targets: files.rank(path).map(({ id }) => id) });
  });

  app.get("/status/events", VIEWERS, async (request, reply) => {
    const left = closed(reply.raw);
    if (!(await group.takePlace("viewer", MAX_VIEWERS))) {
      throw new ProblemError(503, `${MAX_VIEWERS} pages are open at this router already`);
    }
    const token = tokenOf(request);
    const stream = new EventStream();
    app.inFlight.keepOpen(reply.raw, () => stream.end());
    const unsubscribe = watch.subscribe((document) => stream.send("status", document), token);
    const timer = setTimeout(() => stream.end(), MAX_STREAM_TIME).unref();
    void left.then(() => {
      clearTimeout(timer);
      unsubscribe();
      group.giveBackPlace("viewer");
    });
    void watch.history(token).then((history) => stream.send("history", JSON.stringify(history)));
    return reply.headers(EVENT_STREAM_HEADERS).send(stream.body);
  });
};
