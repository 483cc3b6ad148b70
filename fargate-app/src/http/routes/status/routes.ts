/** The status page, and what its script asks for. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import type { ApiTokens } from "../../../authentication/api-tokens.ts";
import type { RoutedFiles } from "../../../router/routed-files.ts";
import { directoryPath } from "../../../routing/path.ts";
import type { ServiceWatch } from "../../../status/service-watch.ts";
import type { TaskReport } from "../../../status/task-report.ts";
import { ProblemError } from "../../semantics/problem.ts";
import { clearSession, isSignedIn, setSession, tokenOf } from "../../session.ts";
import type { StatusAsset, StatusAssets } from "./assets.ts";
import { EVENT_STREAM_HEADERS, EventStream } from "./events.ts";
import { ICON, INDEX, statusPage } from "./page.ts";

export interface StatusPageOptions {
  readonly report: TaskReport;
  readonly watch: ServiceWatch;
  readonly loadAssets: () => Promise<StatusAssets>;
  /** The path of a script that adds a section to the page. */
  readonly extension?: string | undefined;
}

interface StatusRoutesOptions extends StatusPageOptions {
  readonly files: RoutedFiles;
  readonly tokens: ApiTokens | undefined;
}

/** Streams at once. */
const MAX_VIEWERS = 20;

/** Milliseconds, after which a browser connects again, and shows its token again. */
const MAX_STREAM_TIME = 15 * 60_000;

const CACHE_CONTROL = "public, max-age=60";

const PUBLIC = { schema: { hide: true }, config: { access: "public" } } as const;
const VIEWERS = { schema: { hide: true }, config: { access: "viewer" } } as const;

export const statusRoutes: FastifyPluginAsync<StatusRoutesOptions> = async (app, options) => {
  const { files, report, watch, tokens, loadAssets, extension } = options;
  const streams = new Set<EventStream>();
  app.addHook("preClose", async () => {
    for (const stream of streams) stream.end();
  });

  for (const url of ["/", "/status"]) {
    app.get(url, PUBLIC, async (request, reply) => {
      if (!wantsHtml(request)) return reply.header("vary", "accept").send(INDEX);
      const { headers, html } = statusPage(extension);
      return reply.headers(headers).type("text/html; charset=utf-8").send(html);
    });
  }
  app.get("/status/icon.svg", PUBLIC, async (_request, reply) =>
    reply.type("image/svg+xml").header("cache-control", CACHE_CONTROL).send(ICON),
  );
  app.get("/status/page.js", PUBLIC, async (request, reply) =>
    sendAsset(request, reply.type("text/javascript; charset=utf-8"), (await loadAssets()).script),
  );
  app.get("/status/page.css", PUBLIC, async (request, reply) =>
    sendAsset(request, reply.type("text/css; charset=utf-8"), (await loadAssets()).css),
  );

  app.get("/status/session", PUBLIC, async (request, reply) => {
    const needsToken = tokens !== undefined;
    return reply
      .header("cache-control", "no-store")
      .send({ needsToken, signedIn: !needsToken || isSignedIn(request, tokens) });
  });
  // With the token in the Authorization header: who cannot send that cannot sign in.
  app.post("/status/session", { schema: { hide: true } }, async (request, reply) => {
    setSession(request, reply);
    return reply.code(204).send();
  });
  app.delete("/status/session", PUBLIC, async (request, reply) => {
    clearSession(request, reply);
    return reply.code(204).send();
  });

  app.get("/status/task", VIEWERS, async (request, reply) => {
    const withHistory = new URL(request.url, "http://router").searchParams.has("history");
    return reply.header("cache-control", "no-store").send(report.now({ withHistory }));
  });

  app.get("/status/route", VIEWERS, async (request, reply) => {
    const text = new URL(request.url, "http://router").searchParams.get("path") ?? "";
    const path = directoryPath(text);
    return reply.header("cache-control", "no-store").send({ path, targets: files.rank(path).map(({ id }) => id) });
  });

  app.get("/status/events", VIEWERS, async (request, reply) => {
    if (streams.size >= MAX_VIEWERS) {
      throw new ProblemError(503, `${MAX_VIEWERS} pages are open at this router already`);
    }
    const token = tokenOf(request);
    // It lasts as long as somebody looks: neither the end of the router nor load shedding is to wait for it.
    app.inFlight.release(reply.raw);
    const stream = new EventStream();
    streams.add(stream);
    const unsubscribe = watch.subscribe((document) => stream.send("status", document), token);
    const timer = setTimeout(() => stream.end(), MAX_STREAM_TIME).unref();
    reply.raw.once("close", () => {
      clearTimeout(timer);
      unsubscribe();
      streams.delete(stream);
    });
    void watch.history(token).then((history) => stream.send("history", JSON.stringify(history)));
    return reply.headers(EVENT_STREAM_HEADERS).send(stream.body);
  });
};

/** A browser does; a program that takes anything does not. */
function wantsHtml({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes("text/html") ?? false;
}

function sendAsset({ headers }: FastifyRequest, reply: FastifyReply, { plain, gzipped }: StatusAsset): FastifyReply {
  reply.headers({ "cache-control": CACHE_CONTROL, vary: "accept-encoding" });
  const takesGzip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:\s*(?:,|$)))/i.test(String(headers["accept-encoding"] ?? ""));
  return takesGzip ? reply.header("content-encoding", "gzip").send(gzipped) : reply.send(plain);
}
