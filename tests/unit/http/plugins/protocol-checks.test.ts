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
