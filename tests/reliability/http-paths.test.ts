/** No request, however it spells its path, reaches anything outside of ROOT_DIRECTORY. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { link, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startNfsServer } from "../support/nfs.ts";
import { describeEachServer, type TestServer } from "../support/nfs-servers.ts";
import { type RawResponse, sendRaw } from "../support/raw-http.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { type StandaloneRouter, startStandaloneRouter } from "../support/standalone-router.ts";

const counts = {
  "hostile paths sent": 0,
  "of these answered with 2xx": 0,
  "canaries that came back": 0,
  "changes outside of the root": 0,
  "requests through links": 0,
};
reportAtEnd("paths over HTTP", () => counts);

const CANARY = "canary-5f0e1d2c";
const ROOT = "data";

let directory: string;
let router: StandaloneRouter;

/** Everything outside of the root: names, kinds, and contents. What is in the root may have names that are not UTF-8. */
async function outside(folder = directory): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const described = entries
    .map((entry) => ({ entry, path: join(folder, entry.name) }))
    .filter(({ path }) => path !== join(directory, ROOT))
    .map(async ({ entry, path }) => {
      if (!entry.isDirectory()) return [`${path} ${await readFile(path, "utf8")}`];
      return [`${path} directory`, ...(await outside(path))];
    });
  return (await Promise.all(described)).flat().sort();
}

/** Canaries above the root, beside it, and at names that begin as its own. */
async function plant(): Promise<void> {
  for (const path of [ROOT, `${ROOT}/below`, "other", `${ROOT}-other`]) await mkdir(join(directory, path));
  for (const path of ["secret", "other/secret", `${ROOT}-other/secret`, `${ROOT}secret`]) {
    await writeFile(join(directory, path), CANARY);
  }
  await writeFile(join(directory, ROOT, "below", "inside"), "inside");
}

async function plantLinks(): Promise<void> {
  const links = {
    "to-file": "../secret",
    "to-file-absolute": join(directory, "secret"),
    "to-directory": "..",
    "to-directory-absolute": directory,
    "to-sibling": `../${ROOT}-other`,
    "to-inside": "below",
    "to-nothing": "../made",
    "to-itself": "to-itself",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(directory, ROOT, name));
}

async function send(method: string, target: string, body = "changed"): Promise<RawResponse> {
  const length = method === "PUT" || method === "POST" ? `content-length: ${body.length}\r\n` : "";
  const head = `${method} ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${length}\r\n`;
  const response = await sendRaw(router.url, head + (length === "" ? "" : body));
  if (response.text.includes(CANARY)) counts["canaries that came back"] += 1;
  return response;
}

/** Ways to write a dot, a slash, and what else a parser might stumble over. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("..", "../", "/..", "/../", "../..", "/", "//", ".", "/./") },
  {
    weight: 5,
    arbitrary: fc.constantFrom("secret", "other", `${ROOT}-other`, `${ROOT}secret`, ROOT, "below", "inside"),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom("to-file", "to-directory", "to-directory-absolute", "to-sibling", "to-itself"),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom("%2e%2e", "%2E.", ".%2e", "%2f", "%5c", "\\", "..\\", "%2e%2e%2f", "..;/", "..%00/"),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "%252e%252e%252f",
      "%25252e",
      "%c0%ae%c0%ae%c0%af",
      "%e0%80%ae",
      "%c1%9c",
      "%00",
      "%0a",
      "%20",
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "\uff0e\uff0e\uff0f",
      "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
      "%e2%80%a5",
      "\u2215",
      "e\u0301",
      "\u00e9",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("%", "%2", "%zz", "%u002e", "?", "#", ";", "&", "~", "%7e", "file:", "nfs:"),
  },
  { weight: 1, arbitrary: fc.nat(5_000).map((length) => "a".repeat(length)) },
  { weight: 1, arbitrary: fc.string({ maxLength: 5 }).map((text) => text.replace(/[\s\u0080-\uffff]/g, "")) },
);

const prefix = fc.constantFrom(
  ...[
    "/files/",
    "/files/",
    "/files/",
    "/files",
    "/files/below/",
    "/files/../files/",
    "/FILES/",
    "//files/",
    "/files//",
  ],
  ...[
    "http://x/files/",
    "http://x/../files/",
    "HTTP://x@y:1/files/",
    "https://x/files/",
    "/",
    "",
    "*",
    "/docs/",
    "/targets/",
  ],
);

const hostile = fc.record({
  method: fc.constantFrom("GET", "GET", "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"),
  target: fc
    .tuple(prefix, fc.array(piece, { maxLength: 8 }), fc.constantFrom("", "", "/", "?append", "?limit=5", "?x=/../.."))
    .map(([start, pieces, end]) => Buffer.from(start + pieces.join("") + end).toString("latin1")),
});

describe("hostile paths", () => {
  let close: () => Promise<void>;

  async function start(rootDirectory: string): Promise<void> {
    directory = await mkdtemp(join(tmpdir(), "http-paths-"));
    await plant();
    await plantLinks();
    const server = await startNfsServer({ directory, durable: false });
    router = await startStandaloneRouter([server], { ROOT_DIRECTORY: rootDirectory });
    close = async () => {
      await router.close();
      await server.close();
      await rm(directory, { recursive: true, force: true });
    };
  }

  afterEach(() => close());

  test("bring no canary back, and change none", { timeout: 300_000 }, async () => {
    await start(`/${ROOT}`);
    const before = await outside();
    expect(before.filter((line) => line.endsWith(CANARY))).toHaveLength(4);
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { minLength: 8, maxLength: 8 }), async (requests) => {
        const responses = await Promise.all(requests.map(({ method, target }) => send(method, target)));
        counts["hostile paths sent"] += requests.length;
        for (const { text, closed, status = 0 } of responses) {
          if (status >= 200 && status < 300) counts["of these answered with 2xx"] += 1;
          expect(text).not.toContain(CANARY);
          expect(closed).toBe(true);
          expect(text).not.toMatch(/^HTTP\/1\.1 500/);
        }
      }),
      { numRuns: rounds(200, 2_000), seed },
    );
    const after = await outside();
    counts["changes outside of the root"] += before.filter((line, index) => line !== after[index]).length;
    expect(after).toEqual(before);
    expect((await send("GET", "/healthz")).status).toBe(200);
  });

  test("would bring one back if the root were one directory higher: the search can find what it looks for", async () => {
    await start("/");
    const responses = await Promise.all(["/files/secret", "/files/other/secret"].map((target) => send("GET", target)));
    counts["canaries that came back"] -= responses.length;
    for (const { text } of responses) expect(text).toContain(CANARY);
  });
});

describeEachServer("links, fifos and sockets", (startServer) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
    directory = server.directory;
    await plant();
    await plantLinks();
    router = await startStandaloneRouter([server], { ROOT_DIRECTORY: `${server.root}/${ROOT}` });
  });

  afterAll(async () => {
    await router.close();
    await server.stop();
  });

  const request = async (method: string, path: string) => {
    counts["requests through links"] += 1;
    return (await send(method, `/files/${path}`)).status;
  };

  const names = ["to-file", "to-file-absolute", "to-directory", "to-sibling", "to-inside", "to-nothing", "to-itself"];

  test("are not followed in the middle of a path, wherever they lead", async () => {
    const before = await outside();
    for (const name of names) {
      for (const [method, path] of [
        ["GET", `${name}/secret`],
        ["GET", `${name}/`],
        ["GET", `${name}/below/`],
        ["HEAD", `${name}/secret`],
        ["PUT", `${name}/secret`],
        ["PUT", `${name}/new`],
        ["PUT", `${name}/new/deeper`],
        ["POST", `${name}/secret?append`],
        ["DELETE", `${name}/secret`],
      ] as const) {
        expect([403, 409], `${method} ${path}`).toContain(await request(method, path));
      }
    }
    expect(await outside()).toEqual(before);
    expect(await readdir(join(directory, ROOT, "below"))).toEqual(["inside"]);
  });

  test("are not read, appended to or looked at through their name", async () => {
    const before = await outside();
    for (const name of names) {
      expect(await request("GET", name), `GET ${name}`).toBe(403);
      expect(await request("HEAD", name), `HEAD ${name}`).toBe(403);
      expect(await request("POST", `${name}?append`), `POST ${name}`).toBe(403);
    }
    expect(await outside()).toEqual(before);
  });

  test("are not read where they are fifos or sockets, with the same status for GET and HEAD", async () => {
    await promisify(execFile)("mkfifo", [join(directory, ROOT, "fifo")]);
    const listener = createServer().listen(join(directory, ROOT, "socket"));
    await once(listener, "listening");
    for (const name of ["fifo", "socket"]) {
      for (const headers of ["", "range: bytes=0-1\r\n", 'if-none-match: "x"\r\n']) {
        const statuses = await Promise.all(
          ["GET", "HEAD"].map(async (method) => {
            const head = `${method} /files/${name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`;
            return (await sendRaw(router.url, head)).status;
          }),
        );
        expect(statuses, `${name} ${headers}`).toEqual([409, 409]);
      }
    }
    listener.close();
    await rm(join(directory, ROOT, "fifo"));
  });

  test("are listed as what they are, without what they lead to", async () => {
    const { text } = await send("GET", "/files/");
    const { entries } = JSON.parse(text.slice(text.indexOf("{"))) as { entries: { name: string; type: string }[] };
    const links = entries.filter(({ name }) => name.startsWith("to-"));
    expect(links).toHaveLength(8);
    for (const { type } of links) expect(type).toBe("symbolic-link");
    expect(text).not.toContain("secret");
  });

  test("a hard link is the file: it is read and appended to; PUT and DELETE change its name only", async () => {
    const file = join(directory, "other", "secret");
    await link(file, join(directory, ROOT, "hard"));
    const { text } = await send("GET", "/files/hard");
    counts["canaries that came back"] -= 1;
    expect(text).toContain(CANARY);
    expect(await request("POST", "hard?append")).toBe(204);
    expect(await readFile(file, "utf8")).toBe(`${CANARY}changed`);
    expect(await request("PUT", "hard")).toBe(204);
    expect(await readFile(file, "utf8")).toBe(`${CANARY}changed`);
    expect(await request("DELETE", "hard")).toBe(204);
    expect(await readFile(file, "utf8")).toBe(`${CANARY}changed`);
  });

  test("PUT replaces the link itself, and DELETE removes it; what it leads to stays", async () => {
    const before = await outside();
    for (const name of names) {
      const path = join(directory, ROOT, name);
      const target = await readlink(path);
      expect(await request("PUT", name), `PUT ${name}`).toBe(204);
      expect((await lstat(path)).isFile()).toBe(true);
      expect(await readFile(path, "utf8")).toBe("changed");
      await rm(path);
      await symlink(target, path);
      expect(await request("DELETE", name), `DELETE ${name}`).toBe(204);
      await expect(lstat(path)).rejects.toThrow("ENOENT");
    }
    expect(await outside()).toEqual(before);
  });
});
