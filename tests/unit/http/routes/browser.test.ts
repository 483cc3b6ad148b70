import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { directoryPage } from "../../../../fargate-app/src/http/routes/files/list.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";

/** What Chromium sends when it is to show an address. */
const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8" };

let server: MemoryHttpServer;

beforeEach(async () => {
  server = await startMemoryServer();
  server.network.files.write("/data/page.html", Buffer.from("<script>alert(1)</script>"));
});

afterEach(() => server.close());

const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers });

describe("a directory", () => {
  test.each(["*/*", "application/json", "application/json, text/html;q=0.9"])(
    "is JSON for who accepts %s",
    async (accept) => {
      const response = await get("/files/", { accept });
      expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(response.headers.get("vary")).toBe("accept");
      expect(response.headers.get("cache-control")).toBe("no-cache");
      expect((await fetch(`${server.url}/files/`, { method: "HEAD" })).headers.get("cache-control")).toBe("no-cache");
      expect(directoryPage.parse(await response.json()).entries.map(({ name }) => name)).toEqual(["page.html"]);
    },
  );

  test.each(["/files/", "/files/nothing/%E9/", "/files/?limit=0"])("is a page for browsers: %s", async (path) => {
    const response = await get(path, BROWSER);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("vary")).toBe("accept");
    expect(response.headers.get("content-security-policy")).toMatch(/script-src 'nonce-[\w+/=]{24}';/);
    expect(await response.text()).not.toContain("page.html");
  });

  test("without its slash is redirected to", async () => {
    server.network.files.write("/data/sub/a", Buffer.from("a"));
    const response = await get("/files/sub", BROWSER);
    expect([response.url, response.headers.get("content-type")]).toEqual([
      `${server.url}/files/sub/`,
      "text/html; charset=utf-8",
    ]);
  });
});

test("a file is the same for browsers, and sandboxed", async () => {
  const response = await get("/files/page.html", BROWSER);
  expect(response.headers.get("content-type")).toBe("text/html");
  expect(response.headers.get("content-security-policy")).toBe("sandbox");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await response.text()).toBe("<script>alert(1)</script>");
});

describe("a preview", () => {
  test("is text, whatever the file says it is, and can do nothing", async () => {
    const response = await get("/preview/page.html", BROWSER);
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-security-policy")?.split(";")).toEqual([
      "sandbox",
      "default-src 'none'",
      "style-src 'unsafe-inline'",
      "frame-ancestors 'self'",
    ]);
    expect(await response.text()).toBe("<script>alert(1)</script>");
  });

  test.each([
    ["a.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain; charset=utf-8"],
    ["a.xhtml", "<html/>", "text/plain; charset=utf-8"],
    ["a.pdf", "%PDF-1.7", "text/plain; charset=utf-8"],
    ["a.png", "<script>", "image/png"],
    ["a", "", "text/plain; charset=utf-8"],
  ])("of %s is %s as %s", async (name, content, mediaType) => {
    server.network.files.write(`/data/${name}`, Buffer.from(content));
    for (const method of ["GET", "HEAD"]) {
      const response = await fetch(`${server.url}/preview/${name}`, { method });
      expect([response.status, response.headers.get("content-type")]).toEqual([200, mediaType]);
      expect(await response.text()).toBe(method === "GET" ? content : "");
    }
  });

  test("of a long text is its beginning, in whole characters", async () => {
    server.network.files.write("/data/long.txt", Buffer.from(`a${"語".repeat(100_000)}`));
    const text = await (await get("/preview/long.txt")).text();
    expect(text).toBe(`a${"語".repeat(83_333)}`);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(250_000);
  });

  test.each([
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x41]), 415],
    ["text with a NUL", Buffer.from("a\0b"), 415],
    ["text that ends within a character", Buffer.from("語").subarray(0, 2), 415],
  ])("of %s is refused", async (_, content, status) => {
    server.network.files.write("/data/binary", content);
    expect((await get("/preview/binary")).status).toBe(status);
  });

  test("of what is no file is refused as the file would be", async () => {
    expect((await get("/preview/missing")).status).toBe(404);
    expect((await get("/preview/")).status).toBe(400);
    expect((await get("/preview/..%2fa")).status).toBe(400);
    expect((await get("/files/preview/page.html")).status).toBe(404);
  });
});

describe("the assets of the pages", () => {
  test("are there compressed and as they are", async () => {
    for (const encoding of ["gzip", "identity"]) {
      const response = await get("/pages/browser.js", { "accept-encoding": encoding });
      expect(response.headers.get("content-encoding")).toBe(encoding === "gzip" ? "gzip" : null);
      await response.body?.cancel();
    }
  });

  test.each(["/pages/missing.js", "/pages/browser.html", "/pages/..%2fmain.cjs", "/pages/"])(
    "are nothing else: %s",
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );
});
