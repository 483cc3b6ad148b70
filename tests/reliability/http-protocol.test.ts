/** Whatever comes over a connection: it is answered or closed, and the router lives and serves the next request. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startNfsServer } from "../support/nfs.ts";
import { type RawResponse, sendRaw } from "../support/raw-http.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { type StandaloneRouter, startStandaloneRouter } from "../support/standalone-router.ts";

const counts = {
  "hostile requests sent": 0,
  answered: 0,
  "closed without a response": 0,
  "left hanging": 0,
  "responses that tell of the inside": 0,
  "MiB of memory added": 0,
};
reportAtEnd("ambiguous HTTP", () => counts);

const MIBIBYTE = 2 ** 20;

let directory: string;
let server: NfsServer;
let router: StandaloneRouter;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "http-protocol-"));
  await mkdir(join(directory, "data"));
  server = await startNfsServer({ directory, durable: false });
  router = await startStandaloneRouter([server], {
    HEADERS_TIMEOUT_SECONDS: "0.5",
    REQUEST_TIMEOUT_SECONDS: "1",
    IDLE_TIMEOUT_SECONDS: "1",
    KEEP_ALIVE_TIMEOUT_SECONDS: "0.3",
  });
});

afterAll(async () => {
  await router.close();
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

async function send(bytes: Buffer | string): Promise<RawResponse> {
  const response = await sendRaw(router.url, bytes, 20_000);
  counts["hostile requests sent"] += 1;
  if (!response.closed) counts["left hanging"] += 1;
  if (response.status === undefined) counts["closed without a response"] += 1;
  else counts.answered += 1;
  if (/\bat .*:\d+:\d+|node:internal|main\.cjs|\.ts\b/.test(response.text))
    counts["responses that tell of the inside"] += 1;
  return response;
}

/** A request with these header lines, which closes its connection. */
const request = (line: string, headers: readonly string[], body = "") =>
  [`${line} HTTP/1.1`, "host: x", "connection: close", ...headers, "", body].join("\r\n");

const smuggled = "GET /targets HTTP/1.1\r\nhost: x\r\n\r\n";

describe("what is ambiguous is refused, and what might be a second request in it is not answered", () => {
  test.each([
    ["length and chunks", ["content-length: 5", "transfer-encoding: chunked"], `0\r\n\r\n${smuggled}`],
    ["chunks and length", ["transfer-encoding: chunked", "content-length: 5"], `0\r\n\r\n${smuggled}`],
    ["two lengths", ["content-length: 5", "content-length: 50"], `12345${smuggled}`],
    ["a list of lengths", ["content-length: 5, 50"], `12345${smuggled}`],
    ["a negative length", ["content-length: -5"], smuggled],
    ["a length with a sign", ["content-length: +5"], `12345${smuggled}`],
    ["a hexadecimal length", ["content-length: 0x5"], `12345${smuggled}`],
    ["a length of no number", ["content-length: five"], smuggled],
    ["a length beyond 64 bits", ["content-length: 99999999999999999999"], smuggled],
    ["an unknown coding", ["transfer-encoding: xchunked"], `5\r\n12345\r\n0\r\n\r\n${smuggled}`],
    ["chunks that are not last", ["transfer-encoding: chunked, identity"], `5\r\n12345\r\n0\r\n\r\n${smuggled}`],
    ["a space before the colon", ["content-length : 5"], `12345${smuggled}`],
    ["a folded header", ["transfer-encoding:", " chunked"], `0\r\n\r\n${smuggled}`],
    ["a bare line feed", ["x: y\ncontent-length: 5"], `12345${smuggled}`],
    ["a NUL in a header", ["x: a\0b"], smuggled],
    ["a chunk of no size", ["transfer-encoding: chunked"], `zz\r\n12345\r\n0\r\n\r\n${smuggled}`],
    ["a negative chunk", ["transfer-encoding: chunked"], `-5\r\n12345\r\n0\r\n\r\n${smuggled}`],
    ["a chunk beyond 64 bits", ["transfer-encoding: chunked"], `FFFFFFFFFFFFFFFFFF\r\n12345${smuggled}`],
    ["a chunk that ends late", ["transfer-encoding: chunked"], `5\r\n123456\r\n0\r\n\r\n${smuggled}`],
    ["a long chunk extension", ["transfer-encoding: chunked"], `5;${"x".repeat(20_000)}\r\n12345\r\n0\r\n\r\n`],
  ])("%s", async (name, headers, body) => {
    const file = `ambiguous-${name.replaceAll(" ", "-")}`;
    const { statuses, closed, text } = await send(request(`PUT /files/${file}`, headers, body));
    expect(closed).toBe(true);
    expect(text).not.toContain("fsmt-");
    expect(statuses.length).toBeLessThanOrEqual(1);
    for (const status of statuses) expect([400, 413]).toContain(status);
    await expect(readFile(join(directory, "data", file))).rejects.toThrow("ENOENT");
  });
});

test("what is no HTTP/1.1 gets 400, or nothing", async () => {
  const tlsHello = Buffer.from("1603010200010001fc0303", "hex");
  const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (const bytes of [tlsHello, http2Preface, "\0\0\0\0", "GET / HTTP/9.9\r\n\r\n", "hello\r\n\r\n"]) {
    const { status, closed } = await send(bytes);
    expect(closed).toBe(true);
    expect([400, 505, undefined]).toContain(status);
  }
});

test("requests that are odd but clear are answered", async () => {
  expect((await send("GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n")).status).toBe(400);
  expect((await send("GET /healthz\r\n\r\n")).status).toBe(200);
  expect((await send(request("OPTIONS *", []))).status).toBe(404);
  expect((await send(request("TRACE /files/a", []))).status).toBe(405);
  expect((await send(request("GET /healthz", ["upgrade: websocket", "connection: upgrade"]))).status).toBe(200);
  expect((await send(request("PUT /files/odd", ["expect: a-miracle", "content-length: 3"], "odd"))).status).toBe(417);
  const { statuses } = await send(request("PUT /files/odd", ["expect: 100-continue", "content-length: 3"], "odd"));
  expect(statuses).toEqual([100, 201]);
  expect(await readFile(join(directory, "data", "odd"), "utf8")).toBe("odd");
});

test("a pipeline is answered in order, and what comes before a broken request gets its own response", async () => {
  const one = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
  await send(request("PUT /files/piped", ["content-length: 5"], "piped"));
  const good = await send(one("/files/piped") + one("/files/missing") + one("/healthz").repeat(50));
  expect(good.statuses).toEqual([200, 404, ...Array.from({ length: 50 }, () => 200)]);

  const append = "POST /files/piped?append HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n-added";
  const broken = await send(`${append}${one("/files/piped")}BROKEN\r\n\r\n${one("/healthz")}`);
  expect([broken.statuses, broken.closed]).toEqual([[204, 200, 400], true]);
  expect(await readFile(join(directory, "data", "piped"), "utf8")).toBe("piped-added");
});

test("a body that is shorter than it says leaves the file as it was; one that is longer ends with its length", async () => {
  await send(request("PUT /files/lengths", ["content-length: 3"], "old"));
  expect((await send(request("PUT /files/lengths", ["content-length: 100"], "short"))).closed).toBe(true);
  expect(await readFile(join(directory, "data", "lengths"), "utf8")).toBe("old");
  const longer = await send("PUT /files/lengths HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nnew and more");
  expect(longer.statuses).toEqual([204, 400]);
  expect(await readFile(join(directory, "data", "lengths"), "utf8")).toBe("new");
});

/** Requests that are right, for mutations to start from. */
const valid = fc.constantFrom(
  request("GET /files/fuzz", ["range: bytes=1-2", 'if-none-match: "x"']),
  request("GET /files/?limit=3&cursor=1-0000000000000000", []),
  request("PUT /files/fuzz", ["content-length: 10"], "0123456789"),
  request("PUT /files/fuzz", ["transfer-encoding: chunked"], "5\r\n01234\r\n5;x=y\r\n56789\r\n0\r\ntrailer: x\r\n\r\n"),
  request("POST /files/fuzz-log?append", ["content-length: 3", "expect: 100-continue"], "log"),
  request("DELETE /files/fuzz", ['if-match: "x"', "x-request-id: me"]),
  "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3),
);

const headerLine = fc.constantFrom(
  ...[
    "content-length: 3",
    "content-length: 99999999999",
    "transfer-encoding: chunked",
    "connection: keep-alive, close",
  ],
  ...[
    "host: y",
    "range: bytes=0-,-1,9-3",
    "range: bytes=-99999999999999999999",
    "if-range: \x80",
    'if-match: "',
    "expect: 1",
  ],
  ...[
    "authorization: Bearer x",
    "x-forwarded-for: ,,,",
    "x-request-id: \x1b[31m",
    "upgrade: h2c",
    "content-type: ;;;=",
    "te: trailers",
  ],
  `x: ${"y".repeat(20_000)}`,
  ...[Array.from({ length: 3_000 }, (_, index) => `x${index}: y`).join("\r\n")],
);

type Mutation = (text: string) => string;

const at = (text: string, place: number) => Math.floor(place * text.length);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 })).map(
    ([place, byte]): Mutation =>
      (text) =>
        text.slice(0, at(text, place)) + String.fromCharCode(byte) + text.slice(at(text, place) + 1),
  ),
  fc
    .tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom("\r\n", "\n", "\r", "\0", ":", " ", "\r\n\r\n", "%"),
    )
    .map(
      ([place, inserted]): Mutation =>
        (text) =>
          text.slice(0, at(text, place)) + inserted + text.slice(at(text, place)),
    ),
  fc.double({ min: 0, max: 1, noNaN: true }).map(
    (place): Mutation =>
      (text) =>
        text.slice(0, at(text, place)),
  ),
  headerLine.map(
    (line): Mutation =>
      (text) =>
        text.replace("\r\n", `\r\n${line}\r\n`),
  ),
  fc.constant<Mutation>((text) => text + text),
  fc.constantFrom("HTTP/1.0", "HTTP/1.2", "HTTP/0.9", "http/1.1").map(
    (version): Mutation =>
      (text) =>
        text.replace("HTTP/1.1", version),
  ),
);

test("mutated requests are answered or closed; the router lives, and its memory stays", {
  timeout: 300_000,
}, async () => {
  const hostile = fc
    .tuple(valid, fc.array(mutation, { minLength: 1, maxLength: 4 }))
    .map(([text, mutations]) => mutations.reduce((result, mutate) => mutate(result), text));
  const memory = async () => {
    const metrics = await (await fetch(`${router.url}/metrics`)).text();
    return Number(/^process_resident_memory_bytes (\d+)/m.exec(metrics)?.[1]);
  };
  const before = await memory();
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { minLength: 32, maxLength: 32 }), async (requests) => {
      const responses = await Promise.all(requests.map(send));
      for (const [index, { closed, statuses }] of responses.entries()) {
        expect(closed, JSON.stringify(requests[index])).toBe(true);
        expect(statuses, JSON.stringify(requests[index])).not.toContain(500);
      }
      expect((await fetch(`${router.url}/healthz`)).status).toBe(200);
    }),
    // A smaller example would take many times as long, and says no more.
    { numRuns: rounds(5, 60), seed, endOnFailure: true },
  );
  counts["MiB of memory added"] = Math.max(0, Math.round(((await memory()) - before) / MIBIBYTE));
  expect(counts["MiB of memory added"]).toBeLessThan(150);
  expect(counts["left hanging"]).toBe(0);
  expect(counts["responses that tell of the inside"]).toBe(0);
  expect(router.child.exitCode).toBeNull();
  expect(router.lines.filter(({ level }) => level === "FATAL")).toEqual([]);
});
