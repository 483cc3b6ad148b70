import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";
import { sendRaw } from "../../../support/raw-http.ts";

let server: MemoryHttpServer;

beforeEach(async () => {
  server = await startMemoryServer();
});

afterEach(() => server.close());

interface PipelinedRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly body: string;
  /** Milliseconds that the operation takes longer than the others. */
  readonly delay: number;
}

const request: fc.Arbitrary<PipelinedRequest> = fc.record({
  method: fc.constantFrom("GET", "PUT", "POST", "DELETE"),
  path: fc.constantFrom("/files/a", "/files/b"),
  body: fc.string({ unit: fc.constantFrom("x", "y", "z"), minLength: 1, maxLength: 3 }),
  delay: fc.constantFrom(0, 0, 3, 10),
});

function bytesOf({ method, path, body }: PipelinedRequest): string {
  const target = method === "POST" ? `${path}?append` : path;
  const content = method === "PUT" || method === "POST" ? body : "";
  return `${method} ${target} HTTP/1.1\r\nhost: x\r\ncontent-length: ${content.length}\r\n\r\n${content}`;
}

/** What a server does that takes one request after the other. */
function expectedStatuses(requests: readonly PipelinedRequest[], contents: Map<string, string>): number[] {
  return requests.map(({ method, path, body }) => {
    const before = contents.get(path);
    if (method === "PUT") contents.set(path, body);
    if (method === "POST") contents.set(path, (before ?? "") + body);
    if (method === "DELETE") contents.delete(path);
    if (method === "GET") return before === undefined ? 404 : 200;
    if (method === "PUT") return before === undefined ? 201 : 204;
    return method === "DELETE" && before === undefined ? 404 : 204;
  });
}

/** Makes the operations of the router take as long as the requests say, in their order. */
function delayOperations(delays: readonly number[]): () => void {
  const { router } = server;
  const left = [...delays];
  const spies = (["openFile", "writeFile", "appendFile", "deleteFile"] as const).map((name) => {
    const original = router[name].bind(router) as (...args: unknown[]) => Promise<never>;
    return vi.spyOn(router, name).mockImplementation(async (...args: unknown[]) => {
      await sleep(left.shift() ?? 0);
      return original(...args);
    });
  });
  return () => spies.forEach((spy) => void spy.mockRestore());
}

describe("pipelined requests", () => {
  test("have the effects, and the responses, of requests that wait for each other", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 8 }), async (requests) => {
        for (const path of ["/files/a", "/files/b"]) await fetch(server.url + path, { method: "DELETE" });
        const restore = delayOperations(requests.map(({ delay }) => delay));
        const last = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        const { statuses } = await sendRaw(server.url, requests.map(bytesOf).join("") + last);
        restore();
        const contents = new Map<string, string>();
        expect(statuses).toEqual([...expectedStatuses(requests, contents), 200]);
        for (const path of ["/files/a", "/files/b"]) {
          const response = await fetch(server.url + path);
          expect(response.ok ? await response.text() : undefined).toBe(contents.get(path));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("are processed in parallel where all of them are safe", async () => {
    const { router } = server;
    await fetch(`${server.url}/files/a`, { method: "PUT", body: "content" });
    let inFlight = 0;
    const stat = router.stat.bind(router);
    vi.spyOn(router, "stat").mockImplementation(async (path) => {
      inFlight += 1;
      await vi.waitUntil(() => inFlight === 4);
      return stat(path);
    });
    const head = "HEAD /files/a HTTP/1.1\r\nhost: x\r\n\r\n";
    const last = "HEAD /files/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    expect((await sendRaw(server.url, head.repeat(3) + last)).statuses).toEqual([200, 200, 200, 200]);
  });

  test("are not processed behind a response that ends the connection", async () => {
    await server.close();
    server = await startMemoryServer(undefined, { limits: { maxBodyBytes: 10 } });
    server.network.files.write("/data/a", Buffer.from("content"));
    const tooLarge = "PUT /files/b HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n0123456789a";
    const { statuses, closed } = await sendRaw(server.url, `${tooLarge}DELETE /files/a HTTP/1.1\r\nhost: x\r\n\r\n`);
    expect([statuses, closed]).toEqual([[413], true]);
    await sleep(50);
    expect(server.network.files.read("/data/a").toString()).toBe("content");
  });
});
