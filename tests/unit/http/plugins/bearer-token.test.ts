import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ApiTokens } from "../../../../fargate-app/src/authentication/api-tokens.ts";
import { memoryLog } from "../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";

const TOKEN = "the-token-0123456789abcdefghijklmn";

let server: MemoryHttpServer;
let tokens: ApiTokens;

beforeEach(async () => {
  const source = { name: "the test", load: async () => [TOKEN] };
  tokens = await ApiTokens.start(source, { refreshInterval: 60_000, log: memoryLog().log });
  server = await startMemoryServer(undefined, { tokens });
  server.network.files.write("/data/a", Buffer.from("content"));
});

afterEach(async () => {
  tokens.stop();
  await server.close();
});

const send = (method: string, path: string, authorization?: string) =>
  fetch(server.url + path, {
    method,
    headers: authorization === undefined ? {} : { authorization },
    ...(method === "PUT" || method === "POST" ? { body: "changed" } : {}),
  });

describe("without a token", () => {
  test.each([
    ["GET", "/files/a"],
    ["HEAD", "/files/a"],
    ["PUT", "/files/a"],
    ["POST", "/files/a?append"],
    ["DELETE", "/files/a"],
    ["PATCH", "/files/a"],
    ["GET", "/files/"],
    ["GET", "/files/missing"],
    ["GET", "/targets"],
    ["GET", "/metrics"],
    ["GET", "/nothing"],
    ["GET", "/healthz/../targets"],
    ["GET", "/status/task"],
    ["GET", "/status/events"],
    ["POST", "/session"],
    ["POST", "/healthz"],
  ])("%s %s is refused, and nothing is done or told", async (method, path) => {
    const response = await send(method, path);
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    if (method !== "HEAD") {
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({ status: 401, title: "Unauthorized" });
    }
    expect(server.network.files.read("/data/a").toString()).toBe("content");
  });

  test.each([
    "/",
    "/status",
    "/pages/browser.js",
    "/livez",
    "/healthz",
    "/readyz",
    "/docs",
    "/docs/start.js",
    "/openapi.json",
  ])("%s is open", async (path) => {
    expect((await send("GET", path)).status).toBe(200);
    expect((await send("HEAD", path)).status).toBe(200);
  });
});

test.each([
  "Bearer wrong",
  `Bearer ${TOKEN}x`,
  `Bearer ${TOKEN.slice(0, -1)}`,
  `Bearer ${TOKEN} ${TOKEN}`,
  `Bearer x ${TOKEN}`,
  `Basic ${TOKEN}`,
  `Bearer${TOKEN}`,
  TOKEN,
  "Bearer",
  "Bearer ",
])("%j is refused", async (authorization) => {
  const response = await send("DELETE", "/files/a", authorization);
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toMatch(/^Bearer( error="invalid_token")?$/);
  expect(await response.text()).not.toContain(TOKEN.slice(0, 10));
  expect(server.network.files.read("/data/a").toString()).toBe("content");
});

test.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`])("%j is let in", async (authorization) => {
  expect(await (await send("GET", "/files/a", authorization)).text()).toBe("content");
  expect((await send("GET", "/targets", authorization)).status).toBe(200);
  expect((await send("GET", "/nothing", authorization)).status).toBe(404);
});

test("the OpenAPI document says who needs a token", async () => {
  const operation = z.object({ security: z.array(z.unknown()).optional() });
  const document = z
    .object({
      security: z.array(z.unknown()),
      components: z.object({ securitySchemes: z.unknown() }),
      paths: z.record(z.string(), z.record(z.string(), operation)),
    })
    .parse(await (await send("GET", "/openapi.json")).json());
  expect(document.security).toEqual([{ bearerAuth: [] }]);
  expect(document.components.securitySchemes).toEqual({ bearerAuth: { type: "http", scheme: "bearer" } });
  const open = Object.entries(document.paths).filter(([, { get }]) => get?.security?.length === 0);
  expect(open.map(([path]) => path).sort()).toEqual(["/healthz", "/livez", "/readyz"]);
});
