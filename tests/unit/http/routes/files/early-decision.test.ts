import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiTokens } from "../../../../../fargate-app/src/authentication/api-tokens.ts";
import { memoryLog } from "../../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../../support/memory-server.ts";
import { sendRaw } from "../../../../support/raw-http.ts";

const LARGE = 200 * 2 ** 20;

let server: MemoryHttpServer;

beforeEach(async () => {
  server = await startMemoryServer(undefined, { limits: { maxBodyBytes: LARGE } });
  server.network.files.write("/data/there", Buffer.from("old"));
  server.network.files.write("/data/dir/file", Buffer.from("old"));
});

afterEach(() => server.close());

const head = (target: string, ...headers: string[]) =>
  [`${target} HTTP/1.1`, "host: x", ...headers, "", ""].join("\r\n");

/** Sends the head of a request and nothing of its body, and returns the statuses that come for it. */
async function statusesFor(bytes: string): Promise<readonly number[]> {
  return (await sendRaw(server.url, bytes, 500)).statuses;
}

describe("a large body is not taken", () => {
  test.each([
    ["PUT /files/there", 412, "if-none-match: *"],
    ["PUT /files/there", 412, 'if-match: "other"'],
    ["PUT /files/there", 412, "if-unmodified-since: Mon, 01 Jan 2001 00:00:00 GMT"],
    ["PUT /files/missing", 412, "if-match: *"],
    ["PUT /files/dir", 409, "x: y"],
    ["PUT /files/there/below", 409, "x: y"],
    ["PUT /files/there", 400, "content-range: bytes 0-1/2"],
    ["PUT /files/there", 400, "repr-digest: sha-256"],
    ["PUT /files/there", 415, "content-encoding: gzip"],
  ])("%s is answered with %d at once for %s", async (target, status, header) => {
    for (const length of [`content-length: ${LARGE}`, "transfer-encoding: chunked"]) {
      expect(await statusesFor(head(target, header, length))).toEqual([status]);
    }
    expect(server.network.files.read("/data/there").toString()).toBe("old");
  });
});

describe("Expect: 100-continue", () => {
  const expecting = (target: string, ...headers: string[]) => head(target, "expect: 100-continue", ...headers);

  test.each([
    ["PUT /files/new", 413, `content-length: ${LARGE + 1}`],
    ["POST /files/new?append", 413, "content-length: 2000000"],
    ["PUT /files/..", 400, "content-length: 3"],
    ["PUT /files/dir/", 400, "content-length: 3"],
    ["POST /files/new", 400, "content-length: 3"],
    ["PATCH /files/new", 405, "content-length: 3"],
    ["PUT /nothing", 404, "content-length: 3"],
    ["PUT /files/there", 412, "content-length: 3\r\nif-none-match: *"],
    ["POST /files/there?append", 412, 'content-length: 3\r\nif-match: "other"'],
    ["PUT /files/dir", 409, "content-length: 3"],
    ["PUT /files/there", 501, "transfer-encoding: gzip, chunked"],
  ])("%s: %d instead of 100, and the connection is closed", async (target, status, headers) => {
    const { statuses, closed } = await sendRaw(server.url, expecting(target, headers), 2_000);
    expect([statuses, closed]).toEqual([[status], true]);
  });

  test("401 instead of 100", async () => {
    const source = { name: "the test", load: async () => ["the-token-0123456789abcdefghijklmn"] };
    const tokens = await ApiTokens.start(source, { refreshInterval: 60_000, log: memoryLog().log });
    await server.close();
    server = await startMemoryServer(undefined, { tokens });
    expect(await statusesFor(expecting("PUT /files/new", "content-length: 3"))).toEqual([401]);
    tokens.stop();
  });

  test.each([
    ["PUT /files/new", 201, "/data/new", "two"],
    ["PUT /files/there", 204, "/data/there", "two"],
    ["POST /files/there?append", 204, "/data/there", "oldtwo"],
  ])("%s: 100, and then %d for the body", async (target, status, path, content) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write(expecting(target, "content-length: 3"));
    expect(String(await once(socket, "data"))).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    await sleep(20);
    socket.write("two");
    expect(String(await once(socket, "data"))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(server.network.files.read(path).toString()).toBe(content);
    socket.destroy();
  });

  test("a client that does not wait gets its response all the same", async () => {
    expect(await statusesFor(`${expecting("PUT /files/new", "content-length: 3")}two`)).toEqual([100, 201]);
  });
});

test("a small body costs no question to the file system beforehand", async () => {
  const stat = vi.spyOn(server.router, "stat");
  const send = (headers: Record<string, string>) =>
    fetch(`${server.url}/files/there`, { method: "PUT", headers, body: "new" });
  expect((await send({ "if-none-match": "*" })).status).toBe(412);
  expect((await send({ "if-match": '"other"' })).status).toBe(412);
  expect((await send({})).status).toBe(204);
  expect(stat).not.toHaveBeenCalled();
});
