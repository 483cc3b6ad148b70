import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadline, FileChangedError } from "nfs-client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { type DirectoryPage, directoryPage } from "../../../fargate-app/src/http/routes/files/list.ts";
import { targetList } from "../../../fargate-app/src/http/routes/targets.ts";
import { MemoryNetwork } from "../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../support/memory-server.ts";
import { sendRaw } from "../../support/raw-http.ts";

let server: MemoryHttpServer;

beforeEach(async () => {
  server = await startMemoryServer();
});

afterEach(() => server.close());

async function restart(...args: Parameters<typeof startMemoryServer>): Promise<void> {
  await server.close();
  server = await startMemoryServer(...args);
}

function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string | ReadableStream<Uint8Array>,
): Promise<Response> {
  return fetch(server.url + path, { method, headers, ...(body === undefined ? {} : { body, duplex: "half" }) });
}

async function list(path: string): Promise<DirectoryPage> {
  return directoryPage.parse(await (await send("GET", path)).json());
}

const crossing = z.object({
  bytesAcrossZones: z.number(),
  targets: z.array(z.object({ bytesAcrossZones: z.number(), dollarsAcrossZones: z.number() })),
  dollars: z.object({ acrossZones: z.number() }),
});

const openApi = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({ operationId: z.string(), parameters: z.array(z.object({ name: z.string() })).optional() }),
    ),
  ),
});

/** Writes a file, and returns its entity tag. */
async function put(path: string, content: string): Promise<string> {
  const response = await send("PUT", path, {}, content);
  expect(response.ok).toBe(true);
  return response.headers.get("etag") ?? "";
}

function streamOf(...parts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(Buffer.from(part));
      controller.close();
    },
  });
}

describe("GET and HEAD", () => {
  test("answer with the file and what describes it", async () => {
    server.network.files.now = Date.UTC(2025, 0, 1, 12, 0, 0, 999);
    const etag = await put("/files/a/picture.png", "0123456789");
    const response = await send("GET", "/files/a/picture.png");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("0123456789");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "accept-ranges": "bytes",
      "cache-control": "no-cache",
      "content-length": "10",
      "content-security-policy": "sandbox",
      "content-type": "image/png",
      etag,
      "last-modified": "Wed, 01 Jan 2025 12:00:00 GMT",
      "x-content-type-options": "nosniff",
    });
    expect(etag).toMatch(/^"[0-9a-f]+-[0-9a-f]+"$/);

    const head = await send("HEAD", "/files/a/picture.png");
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    for (const name of ["content-length", "content-type", "etag", "last-modified", "accept-ranges"]) {
      expect(head.headers.get(name)).toBe(response.headers.get(name));
    }
  });

  test.each(["/files/missing", "/targets", "/metrics", "/costs", "/livez", "/openapi.json", "/nothing"])(
    "answer %s with what no cache keeps",
    async (url) => {
      expect((await send("GET", url)).headers.get("cache-control")).toBe("no-store");
    },
  );

  test.each(["limit=abc", "limit=0&limit=1", "cursor=", "x=1"])(
    "answer with the file whatever ?%s says",
    async (query) => {
      await put("/files/a", "one");
      const response = await send("GET", `/files/a?${query}`);
      expect([response.status, await response.text()]).toEqual([200, "one"]);
      expect((await send("HEAD", `/files/a?${query}`)).status).toBe(200);
    },
  );

  test.each([
    ["a.txt", "text/plain; charset=utf-8"],
    ["日本語.csv", "text/csv; charset=utf-8"],
    ["a.js", "text/javascript; charset=utf-8"],
    ["page.html", "text/html"],
    ["a.xml", "application/xml"],
    ["a.css", "text/css"],
    ["a.json", "application/json"],
    ["a.png", "image/png"],
    ["LICENSE", "application/octet-stream"],
    ["txt", "application/octet-stream"],
  ])("say of %s that it is %s", async (name, type) => {
    await put(`/files/${encodeURIComponent(name)}`, "one");
    for (const method of ["GET", "HEAD"]) {
      const { headers } = await send(method, `/files/${encodeURIComponent(name)}`);
      expect(headers.get("content-type")).toBe(type);
    }
  });

  test("answer with an empty file", async () => {
    await put("/files/empty", "");
    const response = await send("GET", "/files/empty");
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([200, "0", ""]);
  });

  test.each([
    ["bytes=2-4", 206, "bytes 2-4/10", "234"],
    ["bytes=7-", 206, "bytes 7-9/10", "789"],
    ["bytes=-2", 206, "bytes 8-9/10", "89"],
    ["bytes=0-99", 206, "bytes 0-9/10", "0123456789"],
    ["bytes=0-1,3-4", 200, null, "0123456789"],
    ["lines=1-2", 200, null, "0123456789"],
  ])("Range: %s is answered with %d %s", async (range, status, contentRange, content) => {
    await put("/files/a.txt", "0123456789");
    const response = await send("GET", "/files/a.txt", { range });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-range")).toBe(contentRange);
    expect(response.headers.get("content-length")).toBe(String(content.length));
    expect(await response.text()).toBe(content);
  });

  test.each(["bytes=10-", "bytes=99999999999999999999-", "bytes=-0"])(
    "Range: %s cannot be satisfied",
    async (range) => {
      await put("/files/a.txt", "0123456789");
      const response = await send("GET", "/files/a.txt", { range });
      expect(response.status).toBe(416);
      expect(response.headers.get("content-range")).toBe("bytes */10");
      expect(await response.json()).toMatchObject({ status: 416 });
    },
  );

  test("If-Range asks for the part of one version only", async () => {
    const etag = await put("/files/a.txt", "0123456789");
    const same = await send("GET", "/files/a.txt", { range: "bytes=2-4", "if-range": etag });
    expect([same.status, await same.text()]).toEqual([206, "234"]);
    const other = await send("GET", "/files/a.txt", { range: "bytes=2-4", "if-range": '"other"' });
    expect([other.status, await other.text()]).toEqual([200, "0123456789"]);
    const modified = same.headers.get("last-modified") ?? "";
    const dated = await send("GET", "/files/a.txt", { range: "bytes=2-4", "if-range": modified });
    expect([dated.status, await dated.text()]).toEqual([200, "0123456789"]);
  });

  test("a part that was chosen by its version is of that version, even when the file is replaced meanwhile", async () => {
    const etag = await put("/files/a.txt", "0123456789");
    const { router, network } = server;
    vi.spyOn(router, "openFile").mockImplementationOnce(async (path, range) => {
      network.files.write("/data/a.txt", Buffer.from("abc"));
      return router.openFile(path, range);
    });
    const response = await send("GET", "/files/a.txt", { range: "bytes=2-4", "if-range": etag });
    expect([response.status, await response.text()]).toEqual([200, "abc"]);
  });

  test("a file that is replaced between its first byte's turn and its attributes' is read again", async () => {
    await put("/files/a.txt", "old");
    const { router, network } = server;
    vi.spyOn(router, "openFile").mockImplementationOnce(async (path, range) => {
      const { attributes } = await router.openFile(path, range);
      network.files.write("/data/a.txt", Buffer.from("newer"));
      // biome-ignore lint/correctness/useYield: it fails before its first chunk
      const body = (async function* (): AsyncGenerator<Buffer> {
        throw new FileChangedError("a.txt was replaced before it was read");
      })();
      return { attributes, body };
    });
    const response = await send("GET", "/files/a.txt");
    expect([response.status, await response.text()]).toEqual([200, "newer"]);
  });

  test("DELETE and POST are about the version that they name, even when it changes on the way", async () => {
    const { router, network } = server;
    const etag = await put("/files/a.txt", "one");
    const changeMeanwhile = () => network.files.write("/data/a.txt", Buffer.from("two"));
    const deleteFile = router.deleteFile.bind(router);
    vi.spyOn(router, "deleteFile").mockImplementationOnce(async (...args) => {
      changeMeanwhile();
      return deleteFile(...args);
    });
    expect((await send("DELETE", "/files/a.txt", { "if-match": etag })).status).toBe(412);
    expect((await send("POST", "/files/a.txt?append", { "if-match": etag }, "three")).status).toBe(412);
    expect((await send("POST", "/files/a.txt?append", { "if-none-match": "*" }, "three")).status).toBe(412);
    expect((await send("DELETE", "/files/a.txt", { "if-none-match": "*" })).status).toBe(412);
    expect((await send("DELETE", "/files/b.txt", { "if-none-match": "*" })).status).toBe(404);
    expect((await send("POST", "/files/b.txt?append", { "if-none-match": "*" }, "first")).status).toBe(204);
    expect(network.files.read("/data/a.txt").toString()).toBe("two");
    const current = (await send("HEAD", "/files/a.txt")).headers.get("etag") ?? "";
    expect((await send("DELETE", "/files/a.txt", { "if-match": current })).status).toBe(204);
  });

  test("bodies wait for memory, or are streamed", async () => {
    const { memory } = server.router;
    await memory.reserve(64 * 2 ** 20, new Deadline(1000));
    const small = send("PUT", "/files/small", {}, "body");
    const appended = send("POST", "/files/log?append", {}, "line");
    await expect.poll(() => memory.tryReserve(0)).toBe(false);
    expect(server.network.files.files).not.toContain("/data/log");
    memory.release(64 * 2 ** 20);
    expect([(await small).status, (await appended).status]).toEqual([201, 204]);
    expect(memory.reserved).toBe(0);
  });

  test("conditional requests are answered without the file where it has not changed", async () => {
    const etag = await put("/files/a.txt", "one");
    const response = await send("GET", "/files/a.txt", { "if-none-match": etag });
    expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([304, etag, ""]);
    expect((await send("HEAD", "/files/a.txt", { "if-none-match": etag })).status).toBe(304);
    expect(response.headers.get("content-length")).toBeNull();
    const modified = (await send("GET", "/files/a.txt")).headers.get("last-modified") ?? "";
    expect((await send("GET", "/files/a.txt", { "if-modified-since": modified })).status).toBe(304);
    expect((await send("GET", "/files/a.txt", { "if-match": '"other"' })).status).toBe(412);
    const later = await put("/files/a.txt", "two");
    expect(later).not.toBe(etag);
    expect(await (await send("GET", "/files/a.txt", { "if-none-match": etag })).text()).toBe("two");
  });

  test("a file from the future can be written by who has read it, and only while it is the same", async () => {
    const { files } = server.network;
    files.now = Date.now() + 86_400_000;
    await put("/files/a.txt", "one");
    const modified = (await send("GET", "/files/a.txt")).headers.get("last-modified") ?? "";
    expect(Date.parse(modified)).toBeLessThanOrEqual(Date.now());
    expect((await send("GET", "/files/a.txt", { "if-modified-since": modified })).status).toBe(200);
    expect((await send("PUT", "/files/a.txt", { "if-unmodified-since": modified }, "two")).status).toBe(204);
    vi.spyOn(server.router, "writeFile").mockImplementationOnce(async (...args) => {
      files.write("/data/a.txt", Buffer.from("other"));
      return server.router.writeFile(...args);
    });
    expect((await send("PUT", "/files/a.txt", { "if-unmodified-since": modified }, "three")).status).toBe(412);
    files.now = Date.now() + 5_000;
    await put("/files/a.txt", "by a clock that is ahead");
    expect((await send("PUT", "/files/a.txt", { "if-unmodified-since": modified }, "four")).status).toBe(412);
  });

  test("a long file comes as a stream, also from the next target when its own is lost", async () => {
    await restart(new MemoryNetwork(3, { chunkSize: 64 * 1024 }));
    const content = Buffer.alloc(4 * 2 ** 20, "0123456789abcdef");
    server.network.files.write("/data/long", content);
    const response = await send("GET", "/files/long");
    const reader = response.body?.getReader();
    const first = await reader?.read();
    const [own] = server.network.ranked("long");
    if (own) own.state = "down";
    let size = first?.value?.length ?? 0;
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) size += next.value.length;
    expect(size).toBe(content.length);
  });

  test("a client that goes away in the middle ends the reading of the file", async () => {
    await restart(new MemoryNetwork(1, { chunkSize: 64 * 1024 }));
    const content = Buffer.alloc(64 * 2 ** 20);
    server.network.files.write("/data/long", content);
    const aborter = new AbortController();
    const response = await fetch(`${server.url}/files/long`, { signal: aborter.signal });
    expect(response.status).toBe(200);
    aborter.abort();
    await vi.waitFor(() => expect(server.router.targets[0]?.connection?.active).toBe(0));
    const statistics = server.router.targets[0]?.statistics;
    expect(statistics?.bytesRead).toBeLessThan(content.length);
  });

  test("what fails in the middle is cut off, not completed", async () => {
    await restart(new MemoryNetwork(1, { chunkSize: 64 * 1024 }));
    server.network.files.write("/data/long", Buffer.alloc(4 * 2 ** 20));
    const response = await send("GET", "/files/long");
    const [own] = server.network.servers;
    if (own) own.state = "down";
    await expect(response.arrayBuffer()).rejects.toThrow("terminated");
  });
});

describe("PUT", () => {
  test("makes a file with its directories (201), and replaces it (204)", async () => {
    const made = await send("PUT", "/files/a/b/c.txt", {}, "one");
    expect(made.status).toBe(201);
    const replaced = await send("PUT", "/files/a/b/c.txt", {}, "two");
    expect(replaced.status).toBe(204);
    expect(replaced.headers.get("etag")).not.toBe(made.headers.get("etag"));
    expect(replaced.headers.get("etag")).toBe((await send("HEAD", "/files/a/b/c.txt")).headers.get("etag"));
    expect(server.network.files.read("/data/a/b/c.txt").toString()).toBe("two");
  });

  test.each(["append", "append=", "append=1", "append&append"])("does not replace a file with ?%s", async (query) => {
    await put("/files/log", "old");
    const response = await send("PUT", `/files/log?${query}`, {}, "new");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      detail: "querystring/append is not for PUT, which replaces the file: POST appends",
    });
    expect(server.network.files.read("/data/log").toString()).toBe("old");
  });

  test("ignores what else is in the query, as every method does", async () => {
    expect((await send("PUT", "/files/a?x=1", {}, "one")).status).toBe(201);
    expect((await send("POST", "/files/a?append&x=1", {}, "two")).status).toBe(204);
    expect(await (await send("GET", "/files/a?x=1")).text()).toBe("onetwo");
    expect((await send("HEAD", "/files/a?x=1")).status).toBe(200);
    expect((await send("DELETE", "/files/a?x=1")).status).toBe(204);
  });

  test("stores bodies byte by byte, whatever they are said to be", async () => {
    for (const type of ["application/json", "text/plain", "multipart/form-data", "x/unheard-of"]) {
      expect((await send("PUT", "/files/a", { "content-type": type }, '{"a": 1 }')).ok).toBe(true);
      expect(server.network.files.read("/data/a").toString()).toBe('{"a": 1 }');
    }
  });

  test("streams what is long or of unknown length", async () => {
    const long = "x".repeat(3 * 2 ** 20);
    await put("/files/long", long);
    expect(server.network.files.stat("/data/long").size).toBe(long.length);
    expect((await send("PUT", "/files/chunked", {}, streamOf("one", "two"))).status).toBe(201);
    expect(server.network.files.read("/data/chunked").toString()).toBe("onetwo");
  });

  test("If-None-Match: * writes only where no file is", async () => {
    expect((await send("PUT", "/files/a", { "if-none-match": "*" }, "one")).status).toBe(201);
    expect((await send("PUT", "/files/a", { "if-none-match": "*" }, "two")).status).toBe(412);
    expect(server.network.files.read("/data/a").toString()).toBe("one");
  });

  test.each(["nonsense", '"a', '"a" "b"', ""])("If-None-Match: %s is refused: it would always hold", async (tags) => {
    await put("/files/a", "one");
    expect((await send("PUT", "/files/a", { "if-none-match": tags }, "two")).status).toBe(400);
    expect((await send("DELETE", "/files/a", { "if-none-match": tags })).status).toBe(400);
    expect(await (await send("GET", "/files/a")).text()).toBe("one");
  });

  test("If-Match writes only over the version that it names", async () => {
    const first = await put("/files/a", "one");
    expect((await send("PUT", "/files/a", { "if-match": first }, "two")).status).toBe(204);
    for (const match of [first, `${first}, "x"`, '"x"', 'W/"x"', "nonsense"]) {
      expect((await send("PUT", "/files/a", { "if-match": match }, "three")).status).toBe(412);
    }
    const second = (await send("HEAD", "/files/a")).headers.get("etag");
    expect((await send("PUT", "/files/a", { "if-match": `"x", ${second}` }, "three")).status).toBe(204);
    expect((await send("PUT", "/files/a", { "if-match": "*" }, "four")).status).toBe(204);
    expect((await send("PUT", "/files/none", { "if-match": "*" }, "one")).status).toBe(412);
    expect(server.network.files.files).toEqual(["/data/a"]);
  });

  test("a condition that was true for a version that is gone does not let the write pass", async () => {
    const etag = await put("/files/a", "one");
    const { router, network } = server;
    vi.spyOn(router, "writeFile").mockImplementationOnce(async (...args) => {
      network.files.write("/data/a", Buffer.from("other"));
      return router.writeFile(...args);
    });
    expect((await send("PUT", "/files/a", { "if-match": `${etag}, "x"` }, "two")).status).toBe(412);
    expect(network.files.read("/data/a").toString()).toBe("other");
  });

  test.each([{ "if-modified-since": new Date().toUTCString() }, { "if-unmodified-since": "yesterday" }])(
    "ignores %j, also when the file changes meanwhile",
    async (headers) => {
      await put("/files/a", "one");
      const { router, network } = server;
      const stat = vi.spyOn(router, "stat");
      vi.spyOn(router, "writeFile").mockImplementationOnce(async (...args) => {
        network.files.write("/data/a", Buffer.from("other"));
        return router.writeFile(...args);
      });
      expect((await send("PUT", "/files/a", headers, "two")).status).toBe(204);
      expect(network.files.read("/data/a").toString()).toBe("two");
      expect(stat).not.toHaveBeenCalled();
    },
  );

  test("refuses what is too large, from its head or when it comes to that", async () => {
    await restart(undefined, { limits: { maxBodyBytes: 10 } });
    expect((await send("PUT", "/files/a", {}, "0123456789")).status).toBe(201);
    expect((await send("PUT", "/files/a", {}, "0123456789a")).status).toBe(413);
    expect((await send("PUT", "/files/a", {}, streamOf("01234", "56789", "a"))).status).toBe(413);
    expect(server.network.files.read("/data/a").toString()).toBe("0123456789");
  });

  test("refuses parts and encodings, which it would store as they are", async () => {
    expect((await send("PUT", "/files/a", { "content-range": "bytes 0-2/10" }, "one")).status).toBe(400);
    expect((await send("PUT", "/files/a", { "content-encoding": "gzip" }, "one")).status).toBe(415);
    for (const [method, path] of [
      ["PUT", "/files/a"],
      ["POST", "/files/a?append"],
    ] as const) {
      const response = await send(method, path, { "content-encoding": "identity, br" }, "one");
      expect([response.status, response.headers.get("accept-encoding")]).toEqual([415, "identity"]);
    }
    expect(server.network.files.files).toEqual([]);
  });

  test.each(["identity", "Identity", "identity, identity", ""])(
    "stores a body whose encoding is %j",
    async (coding) => {
      expect((await send("PUT", "/files/a", { "content-encoding": coding }, "one")).status).toBe(201);
      expect(server.network.files.read("/data/a").toString()).toBe("one");
    },
  );

  test("refuses directories", async () => {
    const response = await send("PUT", "/files/a/", {}, "one");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining("ends in /") });
  });

  test("a small body goes on to the next target when its own is lost", async () => {
    const [own] = server.network.ranked("a");
    own?.scheduled.push("lose-request", "lose-request");
    expect((await send("PUT", "/files/a", {}, "one")).status).toBe(201);
  });

  test("a stream whose target is lost in the middle fails with 503, and the old content stays", async () => {
    await put("/files/a", "old");
    const [own] = server.network.ranked("a");
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from("new"));
        await vi.waitUntil(() => own?.log.includes("write /data/a"), 10_000);
        if (own) own.state = "down";
        controller.enqueue(Buffer.from("newer"));
        controller.enqueue(Buffer.alloc(100_000));
        controller.close();
      },
    });
    const response = await send("PUT", "/files/a", {}, body);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({ status: 503, title: "Service Unavailable" });
    expect(server.lines.filter(({ level }) => level === "WARN")).toEqual([expect.objectContaining({ status: 503 })]);
    expect(server.network.files.read("/data/a").toString()).toBe("old");
  });

  test("a client that goes away in the middle changes nothing", async () => {
    await put("/files/a", "old");
    const upload = httpRequest(`${server.url}/files/a`, { method: "PUT", headers: { "content-length": 5_000_000 } });
    upload.on("error", () => {});
    const received = once(server.app.server, "request");
    upload.write(Buffer.alloc(100_000));
    await received;
    await sleep(50);
    upload.destroy();
    await vi.waitFor(() =>
      expect(server.router.targets.map(({ connection }) => connection?.active)).toEqual([0, 0, 0]),
    );
    expect(server.network.files.read("/data/a").toString()).toBe("old");
    await vi.waitFor(() => expect(server.lines.map(({ msg }) => msg)).toContain("The client went away"));
    expect(server.lines.filter(({ level }) => level === "ERROR")).toEqual([]);
  });
});

describe("POST ?append", () => {
  test("adds to a file, and makes it", async () => {
    expect((await send("POST", "/files/log?append", {}, "one\n")).status).toBe(204);
    const second = await send("POST", "/files/log?append", {}, streamOf("two\n"));
    expect(second.headers.get("etag")).toBe((await send("HEAD", "/files/log")).headers.get("etag"));
    expect(server.network.files.read("/data/log").toString()).toBe("one\ntwo\n");
  });

  test("must say so", async () => {
    const response = await send("POST", "/files/log", {}, "one");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: "POST appends, and must say so: add ?append" });
    expect((await send("POST", "/files/log?append=yes", {}, "one")).status).toBe(400);
  });

  test("is refused above one mebibyte, because it could come in pieces", async () => {
    expect((await send("POST", "/files/log?append", {}, "x".repeat(2 ** 20))).status).toBe(204);
    expect((await send("POST", "/files/log?append", {}, "x".repeat(2 ** 20 + 1))).status).toBe(413);
    expect((await send("POST", "/files/log?append", {}, streamOf("x".repeat(2 ** 20), "x"))).status).toBe(413);
  });

  test("says when nobody knows whether it was done, with a status that no client retries by itself", async () => {
    const [own] = server.network.ranked("log");
    own?.scheduled.push("lose-reply");
    const response = await send("POST", "/files/log?append", {}, "one");
    expect(response.status).toBe(500);
    expect(response.headers.get("retry-after")).toBeNull();
    expect(await response.json()).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(server.network.files.read("/data/log").toString()).toBe("one");
  });

  test("obeys preconditions", async () => {
    const etag = await put("/files/log", "one");
    expect((await send("POST", "/files/log?append", { "if-match": '"x"' }, "two")).status).toBe(412);
    expect((await send("POST", "/files/log?append", { "if-match": etag }, "two")).status).toBe(204);
  });
});

describe("DELETE", () => {
  test("removes files and empty directories", async () => {
    await put("/files/a/b", "one");
    const full = await send("DELETE", "/files/a");
    expect(full.status).toBe(409);
    expect(await full.json()).toMatchObject({ code: "NFS4ERR_NOTEMPTY" });
    expect((await send("DELETE", "/files/a/b")).status).toBe(204);
    expect((await send("DELETE", "/files/a")).status).toBe(204);
    expect((await send("DELETE", "/files/a")).status).toBe(404);
  });

  test("removes a directory by its path with a slash, and nothing else", async () => {
    await put("/files/a/b", "one");
    expect((await send("DELETE", "/files/a/")).status).toBe(409);
    expect((await send("DELETE", "/files/a/b/")).status).toBe(409);
    expect(server.network.files.read("/data/a/b").toString()).toBe("one");
    expect((await send("DELETE", "/files/a/b")).status).toBe(204);
    expect((await send("DELETE", "/files/a/")).status).toBe(204);
    expect((await send("DELETE", "/files/a/")).status).toBe(404);
    expect((await send("DELETE", "/files/")).status).toBe(400);
  });

  test("obeys preconditions", async () => {
    const etag = await put("/files/a", "one");
    expect((await send("DELETE", "/files/a", { "if-match": '"x"' })).status).toBe(412);
    expect((await send("DELETE", "/files/a", { "if-match": etag })).status).toBe(204);
  });
});

describe("a directory without its slash", () => {
  beforeEach(() => put("/files/dir/a b:c/file", "one").then(() => {}));

  test.each([
    ["/files/dir", "/files/dir/"],
    ["/files/dir?limit=1&cursor=x", "/files/dir/?limit=1&cursor=x"],
    ["/files/dir/a%20b:c", "/files/dir/a%20b:c/"],
    ["/files", "/files/"],
    ["/files?limit=1", "/files/?limit=1"],
  ])("%s is read at %s", async (path, location) => {
    for (const method of ["GET", "HEAD"]) {
      for (const headers of [{}, { range: "bytes=0-1" }, { "if-none-match": '"x"' }] as Record<string, string>[]) {
        const response = await fetch(server.url + path, { method, headers, redirect: "manual" });
        expect([response.status, response.headers.get("location")]).toEqual([307, location]);
      }
    }
  });

  test("is listed by who follows", async () => {
    const { entries } = await list("/files/dir?limit=1");
    expect(entries.map(({ name }) => name)).toEqual(["a b:c"]);
  });

  test("is not replaced, appended to or followed when it is changed", async () => {
    expect((await send("PUT", "/files/dir", {}, "one")).status).toBe(409);
    expect((await send("POST", "/files/dir?append", {}, "one")).status).toBe(409);
    expect((await send("DELETE", "/files/dir")).status).toBe(409);
  });
});

describe("listing a directory", () => {
  test("page by page", async () => {
    for (const name of ["1", "2", "3", "4", "5"]) await put(`/files/dir/${name}`, name);
    const names: string[] = [];
    let pages = 0;
    for (let query: string | undefined = ""; query !== undefined; pages++) {
      const { path, entries, nextCursor } = await list(`/files/dir/?limit=2${query}`);
      expect(path).toBe("dir");
      names.push(...entries.map(({ name }) => name));
      query = nextCursor === undefined ? undefined : `&cursor=${encodeURIComponent(nextCursor)}`;
    }
    expect([names, pages]).toEqual([["1", "2", "3", "4", "5"], 3]);
  });

  test("with what HEAD would say of each entry, and without what is being written", async () => {
    const etag = await put("/files/a.txt", "one");
    server.network.files.write("/data/.nfs-tmp-1", Buffer.from("unfinished"));
    const { entries, nextCursor } = await list("/files/");
    expect(nextCursor).toBeUndefined();
    expect(entries).toEqual([
      { name: "a.txt", type: "file", size: 3, etag, modifiedAt: new Date(server.network.files.now).toISOString() },
    ]);
  });

  test("by HEAD, with the headers and the status of GET", async () => {
    await put("/files/dir/file", "one");
    server.network.files.makeLink("/data/link", "x");
    for (const path of [
      "/files/",
      "/files/dir/",
      "/files/dir/?limit=0",
      "/files/x/",
      "/files/dir/file/",
      "/files/link/",
    ]) {
      const [get, head] = [await send("GET", path), await send("HEAD", path)];
      expect([path, head.status]).toEqual([path, get.status]);
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
      expect([await head.text(), head.headers.get("transfer-encoding")]).toEqual(["", null]);
    }
    expect((await send("HEAD", "/files/dir/")).headers.get("content-length")).toBeNull();
  });

  test("with a full last page that does not promise another one", async () => {
    await put("/files/dir/1", "");
    expect(await list("/files/dir/?limit=1")).not.toHaveProperty("nextCursor");
  });

  test.each([
    "limit=0",
    "limit=10001",
    "limit=x",
    "limit=",
    "limit=1e3",
    "limit=0x10",
    "limit=%205",
    "limit=2.0",
    "cursor=x",
  ])("with %s is refused", async (query) => {
    await put("/files/dir/1", "");
    const response = await send("GET", `/files/dir/?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining(query.split("=")[0] ?? "") });
  });

  test("of files with times that no calendar has", async () => {
    server.network.files.now = 9e15;
    await put("/files/late", "");
    server.network.files.now = -9e15;
    await put("/files/early", "");
    const { entries } = await list("/files/");
    expect(entries.map(({ modifiedAt }) => modifiedAt)).toEqual([
      "9999-12-31T23:59:59.999Z",
      "0000-01-01T00:00:00.000Z",
    ]);
    expect((await send("GET", "/files/early")).status).toBe(200);
  });
});

describe("problems", () => {
  test("are documents of their own type, with the id of the request", async () => {
    const response = await send("GET", "/files/missing", { "x-request-id": "my-request.1" });
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("x-request-id")).toBe("my-request.1");
    expect(await response.json()).toEqual({
      status: 404,
      title: "Not Found",
      detail: expect.stringContaining("no such file"),
      code: "NFS4ERR_NOENT",
      requestId: "my-request.1",
    });
  });

  test("have an id of ours where the client's is none", async () => {
    const response = await send("GET", "/files/missing", { "x-request-id": "x".repeat(200) });
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    ["NFS4ERR_ACCESS", 403],
    ["NFS4ERR_ROFS", 403],
    ["NFS4ERR_ISDIR", 409],
    ["NFS4ERR_FBIG", 413],
    ["NFS4ERR_NOSPC", 507],
    ["NFS4ERR_DQUOT", 507],
    ["NFS4ERR_IO", 502],
    ["NFS4ERR_SERVERFAULT", 502],
  ] as const)("%s is %d", async (code, status) => {
    for (const memory of server.network.servers) memory.scheduled.push(code, code);
    const response = await send("PUT", "/files/a", {}, "one");
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, code });
  });

  test("for what is there but no file", async () => {
    await put("/files/dir/file", "one");
    server.network.files.makeLink("/data/link", "x");
    expect((await send("GET", "/files/dir/file/below")).status).toBe(409);
    expect((await send("GET", "/files/link")).status).toBe(403);
    expect((await send("HEAD", "/files/link")).status).toBe(403);
    expect((await send("GET", "/files/link/etc/passwd")).status).toBe(403);
  });

  test("are in the words of the API: no directory or address behind it is named", async () => {
    await restart(new MemoryNetwork(1), { rootDirectory: "/internal-root" });
    await put("/files/dir/file", "one");
    const [own] = server.network.servers;
    const responses: Response[] = [];
    const collect = async (...request: Parameters<typeof send>) => responses.push(await send(...request));
    await collect("GET", "/files/missing");
    await collect("GET", "/files/missing/");
    await collect("GET", "/files/dir/file/below");
    await collect("GET", "/files/dir/?cursor=1-0000000000000000");
    await collect("PUT", "/files/dir", {}, "one");
    await collect("PUT", "/files/dir/file", { "if-match": '"x"' }, "one");
    await collect("PUT", "/files/dir/file", { "if-none-match": "*" }, "one");
    await collect("POST", "/files/dir/file?append", { "if-match": '"x"' }, "one");
    await collect("DELETE", "/files/dir");
    await collect("DELETE", "/files/missing");
    for (const code of ["NFS4ERR_ACCESS", "NFS4ERR_NOSPC", "NFS4ERR_IO", "NFS4ERR_BADHANDLE"] as const) {
      own?.scheduled.push(code, code);
      await collect("PUT", "/files/other", {}, "one");
    }
    own?.scheduled.push("lose-reply");
    await collect("POST", "/files/log?append", {}, "one");
    if (own) own.state = "down";
    await collect("GET", "/files/dir/file");
    for (const response of responses) {
      expect(response.status).toBeGreaterThanOrEqual(400);
      const text = JSON.stringify([...response.headers]) + (await response.text());
      expect(text).not.toMatch(/internal-root|10\.0\.0|2049/);
    }
  });

  test("503, and when to retry, while no target is there", async () => {
    for (const memory of server.network.servers) memory.state = "down";
    const response = await send("GET", "/files/a");
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  });

  test("504 when the operation took too long", async () => {
    await restart(new MemoryNetwork(1), { operationTimeout: 100, detectionTimeout: 10_000 });
    for (const memory of server.network.servers) memory.state = "frozen";
    expect((await send("GET", "/files/a")).status).toBe(504);
  });

  test.each([
    ["PATCH", "/files/a", "GET, HEAD, PUT, POST, DELETE"],
    ["DELETE", "/targets?x=1", "GET, HEAD"],
    ["GET", "/batch", "POST"],
  ])("405 of %s %s says what is known there", async (method, url, allowed) => {
    const response = await send(method, url, {}, method === "GET" ? undefined : "x");
    expect([response.status, response.headers.get("allow")]).toEqual([405, allowed]);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining(allowed) });
  });

  test("404 outside of all routes", async () => {
    expect((await send("GET", "/nothing")).status).toBe(404);
  });

  test.each(["*..", "/:path", "/targets:x", "/(.*)", "/a**b"])("404 where %s is asked for", async (target) => {
    const request = `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`;
    expect((await sendRaw(server.url, request)).status).toBe(404);
  });

  test("an error that nobody foresaw is logged, and not told", async () => {
    vi.spyOn(server.router, "openFile").mockRejectedValueOnce(new TypeError("secret"));
    const response = await send("GET", "/files/a");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(JSON.stringify(server.lines)).toContain("secret");
  });

  test.each(["/files/a%2fb", "/files/%fg", "/files/..%2f..%2fetc", "/files/x/../../etc", "/%", "/files/%"])(
    "400 for %s, sent as it is",
    async (path) => {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      socket.end(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      const response = await text(socket);
      expect(response).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      expect(response).toContain("application/problem+json");
    },
  );
});

describe("names that are not UTF-8", () => {
  test("have a spelling in URLs that leads to their own file, and are marked in listings", async () => {
    const names = ["x%E9", "x%E8", "x%EF%BF%BD"];
    for (const name of names) await put(`/files/%FF/${name}`, name);
    const { entries } = await list("/files/%FF/");
    expect(entries.map(({ name, encodedName }) => [name, encodedName])).toEqual([
      ["x\ufffd", "x%E9"],
      ["x\ufffd", "x%E8"],
      ["x\ufffd", undefined],
    ]);
    for (const name of names) {
      expect(await (await send("GET", `/files/%FF/${name}`)).text()).toBe(name);
      expect((await send("DELETE", `/files/%FF/${name}`)).status).toBe(204);
      expect((await send("HEAD", `/files/%FF/${name}`)).status).toBe(404);
    }
    const redirect = await fetch(`${server.url}/files/%FF?limit=1`, { redirect: "manual" });
    expect([redirect.status, redirect.headers.get("location")]).toEqual([307, "/files/%FF/?limit=1"]);
    // No half of a surrogate pair, which strict parsers of JSON refuse.
    expect(await redirect.text()).not.toContain("\\ud");
    expect((await send("DELETE", "/files/%FF/")).status).toBe(204);
  });

  test("have 255 bytes at most, not three for each byte", async () => {
    await put(`/files/${"%E9".repeat(255)}`, "x");
    expect((await send("PUT", `/files/${"%E9".repeat(256)}`, {}, "x")).status).toBe(400);
  });
});

describe("operations", () => {
  test("/healthz and /readyz", async () => {
    expect((await send("GET", "/livez")).status).toBe(200);
    expect((await send("GET", "/healthz")).status).toBe(200);
    expect((await send("GET", "/readyz")).status).toBe(200);
    for (const memory of server.network.servers) memory.state = "down";
    await send("GET", "/files/a");
    expect((await send("GET", "/healthz")).status).toBe(200);
    const response = await send("GET", "/readyz");
    expect([response.status, await response.json()]).toEqual([503, { status: "no mount target is connected" }]);
    await restart(undefined, { isStopping: () => true });
    expect((await send("GET", "/readyz")).status).toBe(503);
  });

  test("a file system that stalls as a whole is no reason to replace the router", async () => {
    await put("/files/a", "one");
    for (const memory of server.network.servers) memory.state = "frozen";
    const reading = send("GET", "/files/a");
    await vi.waitFor(() => expect(server.router.targets.map(({ state }) => state)).toContain("silent"));
    for (const path of ["/livez", "/healthz", "/readyz"]) expect((await send("GET", path)).status, path).toBe(200);
    for (const memory of server.network.servers) memory.state = "up";
    expect(await (await reading).text()).toBe("one");
  });

  test("/targets", async () => {
    await put("/files/a", "one");
    await (await send("GET", "/files/a")).text();
    const { targets } = targetList.parse(await (await send("GET", "/targets")).json());
    const [own] = server.network.ranked("a");
    const id = own && server.network.idOf(own);
    expect(targets.map((target) => target.id)).toEqual(["fsmt-0", "fsmt-1", "fsmt-2"]);
    expect(targets.find((target) => target.id === id)).toMatchObject({
      ipAddress: expect.stringMatching(/^10\.0\.\d\.100$/),
      port: 2049,
      availabilityZone: expect.stringMatching(/^ap-northeast-1/),
      state: "connected",
      inFlight: 0,
      requests: 2,
      errors: 0,
      bytesRead: 3,
      bytesWritten: 3,
      latency: { mean: expect.any(Number), p50: expect.any(Number), p99: expect.any(Number) },
    });
  });

  test("/targets says why a target is away", async () => {
    const [own] = server.network.ranked("a");
    if (own) own.state = "down";
    await send("GET", "/files/a");
    const { targets } = targetList.parse(await (await send("GET", "/targets")).json());
    expect(targets.filter((target) => target.reason)).toEqual([
      expect.objectContaining({ id: own && server.network.idOf(own), reason: "The server is down" }),
    ]);
  });

  test("/hotspots", async () => {
    await put("/files/a/b.txt", "123");
    for (let request = 0; request < 3; request++) await send("GET", "/files/a/b.txt");
    expect(await (await send("GET", "/hotspots?top=1")).json()).toMatchObject({
      windowSeconds: 60,
      hot: [],
      sharedReads: 0,
      paths: { byRequests: [{ path: "a/b.txt", share: 1 }], byBytes: [{ path: "a/b.txt" }] },
      directories: { byRequests: [{ path: "a", share: 1 }], byBytes: [{ path: "a" }] },
    });
    for (const top of ["0", "101", "x", "1.5", "1e1", "0x10", "%205"]) {
      const refusal = await send("GET", `/hotspots?top=${top}`);
      expect(refusal.status).toBe(400);
      expect(await refusal.text()).toContain("must be a whole number from 1 to 100");
    }
  });

  test("/costs, with dollars where the prices of the region are known", async () => {
    await restart(undefined, { region: "us-east-1" });
    expect(await (await send("GET", "/costs")).json()).toMatchObject({
      seconds: expect.any(Number),
      meteredBytes: { lower: { "data-read": 0 }, upper: { "data-read": 0 } },
      pricesAsOf: expect.stringMatching(/^\d{4}-\d\d$/),
      dollars: { throughput: { lower: 0, upper: 0 } },
      dollarsADay: { throughput: { lower: 0, upper: 0 }, byKind: { "data-read": { lower: 0, upper: 0 } } },
      dollarsAMonth: { throughput: { lower: 0, upper: 0 } },
      targets: [{ id: "fsmt-0" }, { id: "fsmt-1" }, { id: "fsmt-2" }],
    });
    await restart(undefined, { region: "ap-northeast-1" });
    expect(await (await send("GET", "/costs")).json()).not.toHaveProperty("dollars");
  });

  test("/costs, with what crosses zones at each target where the router knows its zone", async () => {
    const elsewhere = { strategy: "rendezvous", ownZone: "ap-northeast-1b" } as const;
    await restart(undefined, { region: "us-east-1", routing: elsewhere });
    for (let file = 0; file < 9; file++) await put(`/files/file-${file}`, "x".repeat(1_000));
    const { targets, bytesAcrossZones, dollars } = crossing.parse(await (await send("GET", "/costs")).json());
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    expect(bytesAcrossZones).toBe(9_000);
    expect(sum(targets.map((target) => target.bytesAcrossZones))).toBe(9_000);
    expect(sum(targets.map((target) => target.dollarsAcrossZones))).toBeCloseTo(dollars.acrossZones, 12);
    expect(dollars.acrossZones).toBeCloseTo(9_000 * 0.02e-9, 12);
  });

  test("/metrics, with labels that do not grow with the number of files", async () => {
    for (let index = 0; index < 20; index++) await put(`/files/file-${index}`, "12345");
    await send("GET", "/files/missing");
    await send("GET", "/nothing");
    const response = await send("GET", "/metrics");
    expect(response.headers.get("content-type")).toContain("text/plain");
    const metrics = await response.text();
    expect(metrics).toContain('router_http_requests_total{method="PUT",route="/files/*",status="201"} 20');
    expect(metrics).toContain('router_http_requests_total{method="GET",route="/files/*",status="404"} 1');
    expect(metrics).toContain('router_http_requests_total{method="GET",route="none",status="404"} 1');
    expect(metrics).toContain('router_target_state{target="fsmt-0",state="connected"} 1');
    expect(metrics).toMatch(/router_target_written_bytes_total\{target="fsmt-0"\} [1-9]/);
    expect(metrics).toMatch(/router_target_compounds_total\{target="fsmt-0"\} [1-9]/);
    expect(metrics).toMatch(
      /router_target_operation_duration_seconds_count\{target="fsmt-0",operation="write"\} [1-9]/,
    );
    expect(metrics).toMatch(/router_hot_spot_share\{of="path",by="requests",rank="1"\} 0\.\d+/);
    expect(metrics).toContain('router_target_load{target="fsmt-0"} 0');
    expect(metrics).not.toContain("file-1");
  });

  test("/openapi.json describes the file API", async () => {
    const document = openApi.parse(await (await send("GET", "/openapi.json")).json());
    const files = document.paths["/files/{path}"] ?? {};
    expect(Object.keys(document.paths).sort()).toEqual([
      "/batch",
      "/costs",
      "/events",
      "/files/{path}",
      "/healthz",
      "/hotspots",
      "/livez",
      "/metrics",
      "/readyz",
      "/targets",
    ]);
    expect(Object.keys(files).sort()).toEqual(["delete", "get", "head", "post", "put"]);
    const parametersOf = (method: string) => files[method]?.parameters?.map(({ name }) => name).sort();
    expect(parametersOf("get")).toEqual(["archive", "cursor", "limit", "path"]);
    expect(parametersOf("delete")).toEqual(["path", "recursive"]);
    expect(parametersOf("put")).toEqual(["extract", "path"]);
    expect(parametersOf("post")).toEqual(["append", "extract", "path"]);
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size, "a generated client has a method for each").toBe(ids.length);
  });

  test("/docs needs nothing from elsewhere", async () => {
    const page = await (await send("GET", "/docs")).text();
    const parts = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url ?? "");
    expect(parts).toHaveLength(3);
    for (const part of parts) {
      expect(part).not.toContain("//");
      expect((await send("GET", `/${part}`)).status).toBe(200);
    }
  });
});

describe("the log", () => {
  test("has the failures of the router, with the id of the request", async () => {
    await restart(new MemoryNetwork(1));
    server.network.servers[0]?.scheduled.push("NFS4ERR_IO");
    await send("GET", "/files/a", { "x-request-id": "id-1" });
    await send("GET", "/files/missing");
    expect(server.lines.filter(({ level }) => level !== "INFO")).toEqual([
      expect.objectContaining({ level: "ERROR", reqId: "id-1", method: "GET", url: "/files/a", status: 502 }),
    ]);
  });

  test("has every request where that is wanted", async () => {
    await restart(undefined, { accessLog: true });
    await send("GET", "/files/missing?a=b");
    await vi.waitFor(() =>
      expect(server.lines).toContainEqual(
        expect.objectContaining({ level: "INFO", method: "GET", url: "/files/missing?a=b", status: 404 }),
      ),
    );
  });
});

describe("a client that goes away", () => {
  const CHUNK = 64 * 1024;

  beforeEach(async () => {
    await restart(new MemoryNetwork(1, { chunkSize: CHUNK }), { accessLog: true });
    server.network.files.write("/data/long", Buffer.alloc(64 * 2 ** 20));
    server.network.files.write("/data/short", Buffer.alloc(CHUNK));
  });

  const statuses = () =>
    server.lines.flatMap((line) => ("milliseconds" in line && "status" in line ? [line.status] : []));

  async function leave(...requests: string[]): Promise<void> {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    await once(socket, "connect");
    for (const request of requests) socket.write(request);
    await sleep(100);
    // Closed in one direction only, it would still wait for its responses.
    socket.resetAndDestroy();
    await vi.waitFor(() => expect(statuses()).toHaveLength(requests.length));
  }

  test.each([
    ["in the middle of its body", "PUT /files/a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345"],
    ["in the middle of the response", "GET /files/long HTTP/1.1\r\nhost: x\r\n\r\n"],
  ])("%s is in the log and in the metrics, once", async (_, request) => {
    await leave(request);
    await sleep(50);
    expect(statuses()).toEqual([499]);
    const metrics = await (await send("GET", "/metrics")).text();
    expect(metrics).toMatch(/router_http_requests_total\{method="(GET|PUT)",route="\/files\/\*",status="499"\} 1/);
  });

  test("in the middle of a response that was given to the socket as a whole is in the log, too", async () => {
    const size = 32 * 2 ** 20;
    await restart(new MemoryNetwork(1, { chunkSize: size }), { accessLog: true });
    server.network.files.write("/data/long", Buffer.alloc(size));
    await leave("GET /files/long HTTP/1.1\r\nhost: x\r\n\r\n");
    expect(statuses()).toEqual([499]);
  });

  test("holds nothing of the responses that waited for another one", async () => {
    const long = "GET /files/long HTTP/1.1\r\nhost: x\r\n\r\n";
    const gate = vi.spyOn(server.router, "deleteFile").mockImplementation(() => sleep(300));
    await leave("DELETE /files/a HTTP/1.1\r\nhost: x\r\n\r\n", long, long);
    gate.mockRestore();
    expect(statuses()).toEqual([499, 499, 499]);
    await vi.waitFor(() => expect(server.router.memory.reserved).toBe(0));
    expect(server.router.targets.map(({ connection }) => connection?.active)).toEqual([0]);
  });

  test("after the whole response has got it", async () => {
    expect((await (await send("GET", "/files/short")).arrayBuffer()).byteLength).toBe(CHUNK);
    await vi.waitFor(() => expect(statuses()).toEqual([200]));
  });
});

describe("a client that closes its side behind its requests", () => {
  const put = "PUT /files/a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\none";
  const get = "GET /files/a HTTP/1.1\r\nhost: x\r\n\r\n";
  const remove = "DELETE /files/a HTTP/1.1\r\nhost: x\r\n\r\n";

  async function statusesFor(requests: string): Promise<string[] | null> {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.end(requests);
    return (await text(socket)).match(/HTTP\/1\.1 \d+/g);
  }

  beforeEach(() => {
    const { router } = server;
    const writeFile = router.writeFile.bind(router);
    vi.spyOn(router, "writeFile").mockImplementation(async (...args) => {
      await sleep(50);
      return writeFile(...args);
    });
  });

  test("gets its responses, and then the connection ends", async () => {
    expect(await statusesFor(put)).toEqual(["HTTP/1.1 201"]);
    expect(await statusesFor(put + get + remove + get)).toEqual(
      [204, 200, 204, 404].map((status) => `HTTP/1.1 ${status}`),
    );
  });

  test("gets 400 where that is in the middle of a body, and nothing is stored", async () => {
    expect(await statusesFor(put.slice(0, -1))).toEqual(["HTTP/1.1 400"]);
    expect(server.network.files.files).toEqual([]);
  });

  test("leaves no connection open that has nothing to wait for", async () => {
    expect(await statusesFor("")).toBeNull();
  });
});

test("one connection serves many requests, also after a refused body", async () => {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write("POST /files/a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\none");
  socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  const responses = await text(socket);
  expect(responses.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 200"]);
});
