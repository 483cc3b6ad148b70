import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ApiTokens } from "../../../../fargate-app/src/authentication/api-tokens.ts";
import { memoryLog } from "../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";

const TOKEN = "the-token-0123456789abcdefghijklmn";
const COOKIE = { cookie: `efs-router-token=${TOKEN}` };
const HOST = "files.example";

let server: MemoryHttpServer;
let tokens: ApiTokens | undefined;

afterEach(async () => {
  tokens?.stop();
  tokens = undefined;
  await server.close();
});

type Method = "GET" | "PUT" | "POST" | "DELETE";

/** By Node's own client, which sends every header as it is. */
async function statusOf(
  method: Method,
  headers: Record<string, string>,
  path = "/files/a",
): Promise<number | undefined> {
  const request = httpRequest(server.url + path, { method, headers: { host: HOST, ...headers } });
  request.end(method === "PUT" ? "b" : undefined);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

describe("with a token", () => {
  beforeEach(async () => {
    tokens = await ApiTokens.start(
      { name: "the test", load: async () => [TOKEN] },
      {
        refreshInterval: 60_000,
        log: memoryLog().log,
      },
    );
    server = await startMemoryServer(undefined, { tokens });
    server.network.files.write("/data/a", Buffer.from("content"));
  });

  test.each([
    ["the page's own requests", { "sec-fetch-site": "same-origin", origin: `https://${HOST}` }],
    ["its own requests over plain HTTP", { origin: `http://${HOST}` }],
  ])("the cookie lets in %s", async (_, headers) => {
    expect(await statusOf("GET", { ...COOKIE, ...headers })).toBe(200);
    expect(await statusOf("PUT", { ...COOKIE, ...headers })).toBe(204);
    expect(await statusOf("DELETE", { ...COOKIE, ...headers })).toBe(204);
  });

  test.each([
    ["another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }],
    ["a neighbouring host", { "sec-fetch-site": "same-site", origin: "https://other.files.example" }],
    ["another port, over plain HTTP", { origin: `http://${HOST}:8080` }],
    ["a sandboxed document", { origin: "null" }],
    ["nobody knows where", {}],
  ])("the cookie lets in no change from %s", async (_, headers) => {
    expect(await statusOf("PUT", { ...COOKIE, ...headers })).toBe(403);
    expect(await statusOf("DELETE", { ...COOKIE, ...headers })).toBe(403);
    expect(server.network.files.read("/data/a").toString()).toBe("content");
  });

  test("the cookie opens nothing but the files and the pages", async () => {
    const own = { ...COOKIE, "sec-fetch-site": "same-origin" };
    expect(await statusOf("POST", own, "/files/a?append")).toBe(401);
    expect(await statusOf("GET", own, "/metrics")).toBe(401);
    expect(await statusOf("POST", own, "/session")).toBe(401);
  });

  test("who sends the token in its header may come from anywhere", async () => {
    const headers = { authorization: `Bearer ${TOKEN}`, origin: "https://elsewhere.example" };
    expect(await statusOf("PUT", headers)).toBe(204);
  });
});

describe("of an open API", () => {
  beforeEach(async () => {
    server = await startMemoryServer();
    server.network.files.write("/data/a", Buffer.from("content"));
  });

  test("programs may change files, and pages of other origins may not", async () => {
    expect(await statusOf("PUT", {})).toBe(204);
    expect(await statusOf("PUT", { origin: `http://${HOST}` })).toBe(204);
    expect(await statusOf("POST", { origin: "https://evil.example" }, "/files/a?append")).toBe(403);
    expect(await statusOf("POST", { origin: "null" }, "/files/a?append")).toBe(403);
    expect(await statusOf("DELETE", { "sec-fetch-site": "cross-site" })).toBe(403);
    // Browsers add a password that they know by themselves.
    const known = { authorization: "Basic dXNlcjpwYXNz", origin: "https://evil.example" };
    expect(await statusOf("POST", known, "/files/a?append")).toBe(403);
    expect(server.network.files.read("/data/a").toString()).toBe("b");
  });
});
