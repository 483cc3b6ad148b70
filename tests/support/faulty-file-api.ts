/** The file API over a map in memory, with the faults that a test wants of each request for a path. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/**
 * Of one request. `…-before` and `…-after`: the connection ends, or a proxy or the router answers, before or after the
 * change was made. `cut`: half of the content, and then the end of the connection.
 */
export const FAULTS = [
  "refused",
  "limited",
  "reset-before",
  "reset-after",
  "gateway-before",
  "gateway-after",
  "unknown-before",
  "unknown-after",
  "cut",
] as const;

export type Fault = (typeof FAULTS)[number];

export interface FaultyFile {
  /** Undefined where there is none. */
  content: Buffer | undefined;
  /** Rises with each change. */
  version: number;
  /** Changes that requests made. */
  changes: number;
  /** Requests that came. */
  requests: number;
  /** Of the next requests, in turn; then there are none. */
  faults: Fault[];
  /** Called for each request, before anything is done for it. */
  onRequest?: () => void;
}

export interface FaultyFileApi {
  readonly url: string;
  /** The file at a path, which is made with this content. */
  add(path: string, content: string | undefined, faults?: readonly Fault[]): FaultyFile;
  close(): Promise<void>;
}

export async function startFaultyFileApi(): Promise<FaultyFileApi> {
  const files = new Map<string, FaultyFile>();
  const server = createServer((request, response) => {
    const [path = ""] = (request.url ?? "").slice("/files/".length).split("?");
    const file = files.get(path);
    if (file === undefined) sendProblem(response, 404);
    else answer(file, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    add(path, content, faults = []) {
      const file: FaultyFile = {
        content: content === undefined ? undefined : Buffer.from(content),
        version: 1,
        changes: 0,
        requests: 0,
        faults: [...faults],
      };
      files.set(path, file);
      return file;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(file: FaultyFile, request: IncomingMessage, response: ServerResponse): Promise<void> {
  file.requests += 1;
  file.onRequest?.();
  const fault = file.faults.shift();
  // A body that ends early fails here, and changes nothing.
  const body = await buffer(request);
  switch (fault) {
    case "refused":
      return sendProblem(response, 503);
    case "limited":
      return sendProblem(response, 429);
    case "reset-before":
      return void response.destroy();
    case "gateway-before":
      return sendProblem(response, 504);
    case "unknown-before":
      return sendProblem(response, 500, "OUTCOME_UNKNOWN");
  }
  if (request.method === "GET") return send(file, request, response, fault === "cut" || fault === "reset-after");
  const status = change(file, request, body);
  switch (fault) {
    case "cut":
    case "reset-after":
      return void response.destroy();
    case "gateway-after":
      return sendProblem(response, 504);
    case "unknown-after":
      return sendProblem(response, 500, "OUTCOME_UNKNOWN");
  }
  if (status >= 400) return sendProblem(response, status);
  response.writeHead(status, headersOf(file)).end();
}

/** @returns The status. */
function change(file: FaultyFile, { method, headers }: IncomingMessage, body: Buffer): number {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  const existed = file.content !== undefined;
  if (noneMatch === "*" && existed) return 412;
  if (match !== undefined && !(existed && match === etagOf(file))) return 412;
  if (method === "DELETE" && !existed) return 404;
  if (method === "DELETE") file.content = undefined;
  else file.content = method === "PUT" ? body : Buffer.concat([file.content ?? Buffer.alloc(0), body]);
  file.version += 1;
  file.changes += 1;
  return method === "PUT" && !existed ? 201 : 204;
}

function send(file: FaultyFile, { headers }: IncomingMessage, response: ServerResponse, isCut: boolean): void {
  const { content } = file;
  const match = headers["if-match"];
  if (content === undefined || (match !== undefined && match !== etagOf(file))) {
    sendProblem(response, content === undefined ? 404 : 412);
    return;
  }
  const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const start = Number(first);
  const end = Math.min(last === "" ? Number.POSITIVE_INFINITY : Number(last), content.length - 1);
  const part = content.subarray(start, end + 1);
  response.writeHead(headers.range === undefined ? 200 : 206, {
    ...headersOf(file),
    "content-length": part.length,
    ...(headers.range !== undefined && { "content-range": `bytes ${start}-${end}/${content.length}` }),
  });
  if (isCut) response.write(part.subarray(0, Math.ceil(part.length / 2)), () => response.destroy());
  else response.end(part);
}

function headersOf(file: FaultyFile): Record<string, string> {
  return { etag: etagOf(file), "last-modified": new Date(0).toUTCString() };
}

function etagOf({ version }: FaultyFile): string {
  return `"${version}"`;
}

function sendProblem(response: ServerResponse, status: number, code?: string): void {
  const body = JSON.stringify({ status, title: "", detail: `a problem of the test: ${status}`, code, requestId: "1" });
  response.writeHead(status, { "content-type": "application/problem+json", "retry-after": "0" }).end(body);
}
