import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";
import { sendRaw } from "../../../support/raw-http.ts";

let server: MemoryHttpServer;

beforeEach(async () => {
  server = await startMemoryServer();
});

afterEach(() => server.close());

const CHUNKS = "5\r\nhello\r\n0\r\n\r\n";

const put = (...headers: string[]) =>
  sendRaw(server.url, ["PUT /files/a HTTP/1.1", "host: x", "connection: close", ...headers, "", CHUNKS].join("\r\n"));

describe("Transfer-Encoding", () => {
  test.each([
    [["transfer-encoding: gzip, chunked"]],
    [["transfer-encoding: deflate", "transfer-encoding: chunked"]],
    [["transfer-encoding: x,Chunked"]],
  ])("%j is not implemented: 501, and nothing is stored", async (headers) => {
    const { status, text } = await put(...headers);
    expect(status).toBe(501);
    expect(text).toContain("application/problem+json");
    expect(text).toContain("x-request-id");
    expect(server.network.files.files).toEqual([]);
  });

  test.each([["transfer-encoding: gzip"], ["transfer-encoding: chunked, gzip"], ["transfer-encoding: identity"]])(
    "%s leaves the length of the body unknown: 400",
    async (header) => {
      expect((await put(header)).status).toBe(400);
      expect(server.network.files.files).toEqual([]);
    },
  );

  test.each(["transfer-encoding: chunked", "transfer-encoding: CHUNKED", "transfer-encoding: , chunked"])(
    "%s is decoded",
    async (header) => {
      expect((await put(header)).status).toBe(201);
      expect(server.network.files.read("/data/a").toString()).toBe("hello");
    },
  );
});

/** A request whose headers are these alone. */
const get = (line: string, ...headers: string[]) => sendRaw(server.url, [line, ...headers, "", ""].join("\r\n"), 1_000);

describe("Host", () => {
  test.each([
    [[]],
    [["host: x", "host: y"]],
    [["Host: x", "HOST: x"]],
    [["host: a b"]],
    [["host: x/y"]],
    [["host: u@x"]],
    [["host: x:port"]],
    [["host: [::1"]],
  ])("%j is refused: 400, with a problem document and the id of the request", async (headers) => {
    const { status, text, closed } = await get("GET /healthz HTTP/1.1", ...headers);
    expect([status, closed]).toEqual([400, true]);
    expect(text).toContain("application/problem+json");
    expect(text).toMatch(/"requestId":"[0-9a-f-]{36}"/);
  });

  test.each(["host:", "host: x", "host: a.example:8000", "host: 10.0.0.1:", "host: [::1]:8000", "host: a_b.internal"])(
    "%s is a host",
    async (header) => {
      expect((await get("GET /healthz HTTP/1.1", header, "connection: close")).status).toBe(200);
    },
  );

  test("is not needed in HTTP/1.0", async () => {
    expect((await get("GET /healthz HTTP/1.0")).status).toBe(200);
  });
});

describe("Expect", () => {
  test.each(["a-miracle", "100-continue, a-miracle", "100-continue;x", ""])(
    "%j cannot be met: 417, with a problem document and the id of the request",
    async (expectation) => {
      const { statuses, text } = await put(`expect: ${expectation}`, "content-length: 0", "x-request-id: me");
      expect(statuses).toEqual([417]);
      expect(text).toContain('"requestId":"me"');
    },
  );

  test("is ignored in HTTP/1.0", async () => {
    expect((await get("GET /healthz HTTP/1.0", "expect: a-miracle")).status).toBe(200);
  });
});

test("Transfer-Encoding in HTTP/1.0 is refused, and the connection is closed", async () => {
  const head = "PUT /files/a HTTP/1.0\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n";
  const { status, closed } = await sendRaw(server.url, head + CHUNKS, 1_000);
  expect([status, closed]).toEqual([400, true]);
});

describe("Content-Type", () => {
  const types = ["binary", "foo", "a/b,a/b", "", "application/json", "text/plain; charset", "multipart/form-data"];

  test.each(types)("%j does not matter", async (type) => {
    const send = (method: string, path: string, body?: string) =>
      sendRaw(
        server.url,
        [
          `${method} ${path} HTTP/1.1`,
          "host: x",
          "connection: close",
          `content-type: ${type}`,
          ...(body === undefined ? [] : [`content-length: ${body.length}`]),
          "",
          body ?? "",
        ].join("\r\n"),
      );
    expect((await send("PUT", "/files/a", "one")).status).toBe(201);
    expect((await send("POST", "/files/a?append", "two")).status).toBe(204);
    expect(server.network.files.read("/data/a").toString()).toBe("onetwo");
    expect((await send("GET", "/files/a")).status).toBe(200);
    expect((await send("PATCH", "/files/a", "x")).status).toBe(405);
    expect((await send("DELETE", "/files/a")).status).toBe(204);
  });
});
