import { EventEmitter, once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type BatchItem, type ConnectOptions, connectFiles, type Files, HttpError } from "efs-files";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { CertificateAuthority } from "../../support/certificates.ts";

/** A server that answers in the way of a test, and a client of it. */
async function serving(
  answer: RequestListener,
  options: Omit<ConnectOptions, "url"> & { readonly path?: string } = {},
): Promise<Files> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { path = "", ...others } = options;
  const files = connectFiles({ url: `http://127.0.0.1:${port}${path}`, ...others });
  onTestFinished(async () => {
    await files.close();
    server.closeAllConnections();
    server.close();
  });
  return files;
}

/** Of a file that is larger than what the buffers of a connection take. */
const sendLarge: RequestListener = (_, response) => {
  const content = Buffer.alloc(8 * 2 ** 20);
  response.writeHead(200, { ...STORED, "content-length": content.length }).end(content);
};

const STORED = { etag: '"1"', "last-modified": new Date(0).toUTCString() };

/** Where nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("the path of the URL, the names of the path and the headers of the caller arrive as they are", async () => {
  const requests: { url: string | undefined; headers: IncomingHttpHeaders }[] = [];
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const files = await serving(
    ({ url, headers }, response) => {
      requests.push({ url, headers });
      response.writeHead(200, { ...STORED, "content-length": 1 }).end("x");
    },
    { path: "/behind/a/proxy/", headers: () => ({ traceparent }) },
  );
  await files.readFile("a b/\udcff%/ü?#");
  expect(requests).toMatchObject([
    { url: "/behind/a/proxy/files/a%20b/%FF%25/%C3%BC%3F%23", headers: { traceparent } },
  ]);
});

describe("a token", () => {
  const guarded =
    (accepted: () => string): RequestListener =>
    ({ headers }, response) => {
      if (headers.authorization === `Bearer ${accepted()}`) response.writeHead(204, STORED).end();
      else response.writeHead(401, { "content-type": "application/problem+json" }).end();
    };

  test("is asked for once, and once more when it was refused, however many wait for it", async () => {
    let accepted = "first";
    const token = vi.fn(async (_refused?: string) => accepted);
    const files = await serving(
      guarded(() => accepted),
      { token },
    );
    await Promise.all(Array.from({ length: 20 }, (_, index) => files.appendFile("log", `${index}`)));
    expect(token.mock.calls).toEqual([[undefined]]);
    accepted = "second";
    await Promise.all(Array.from({ length: 20 }, (_, index) => files.appendFile("log", `${index}`)));
    expect(token.mock.calls).toEqual([[undefined], ["first"]]);
  });

  test("that stays refused fails, and is not asked for again and again", async () => {
    const token = vi.fn(() => "wrong");
    const files = await serving(
      guarded(() => "right"),
      { token },
    );
    await expect(files.writeFile("a", "x")).rejects.toMatchObject({ code: "EACCES" });
    expect(token).toHaveBeenCalledTimes(2);
  });

  test("that never comes is waited for until the deadline", async () => {
    const files = await serving(
      guarded(() => ""),
      { token: () => new Promise(() => {}) },
    );
    await expect(files.readFile("a", { timeout: 50 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
  });

  test("that does not come in time leaves a change in doubt that an earlier request may have made", async () => {
    let requests = 0;
    const files = await serving(
      (request, response) => {
        requests += 1;
        if (requests === 1) request.resume().once("end", () => response.destroy());
        else response.writeHead(401).end();
      },
      { token: (refused) => (refused === undefined ? "first" : new Promise(() => {})) },
    );
    await expect(files.writeFile("a", "x", { ifMatch: '"1"', timeout: 5_000 })).rejects.toMatchObject({
      code: "ERR_OUTCOME_UNKNOWN",
      cause: { code: "ETIMEDOUT" },
    });
  });

  test("that cannot be had fails with its own error, and is asked for again by the next request", async () => {
    const token = vi
      .fn(() => "right")
      .mockImplementationOnce(() => {
        throw new Error("no token today");
      });
    const files = await serving(
      guarded(() => "right"),
      { token },
    );
    await expect(files.writeFile("a", "x")).rejects.toThrow("no token today");
    await files.writeFile("a", "x");
  });
});

describe("what is not answered", () => {
  test("ends with the deadline: an append then has an unknown outcome", async () => {
    const files = await serving(() => {});
    await expect(files.readFile("a", { timeout: 50 })).rejects.toMatchObject({ code: "ETIMEDOUT", path: "a" });
    await expect(files.writeFile("a", "x", { timeout: 50 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
    await expect(files.appendFile("a", "x", { timeout: 50 })).rejects.toMatchObject({
      code: "ERR_OUTCOME_UNKNOWN",
      name: "OutcomeUnknownError",
      cause: { code: "ETIMEDOUT" },
    });
  });

  test("ends with the caller's signal", async () => {
    const controller = new AbortController();
    const files = await serving(() => controller.abort(new Error("enough")));
    await expect(files.readFile("a", { signal: controller.signal })).rejects.toMatchObject({
      code: "ABORT_ERR",
      name: "AbortError",
      cause: { message: "enough" },
    });
  });

  test("ends when the client is closed", async () => {
    const files: Files = await serving(() => void files.close());
    await expect(files.readFile("a")).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  test("was not sent where nothing listens: so even an append has not been made", async () => {
    const files = connectFiles({ url: `http://127.0.0.1:${await closedPort()}` });
    await expect(files.appendFile("a", "x")).rejects.toMatchObject({
      code: "ERR_UNAVAILABLE",
      cause: { code: "ECONNREFUSED" },
    });
    await files.close();
  });
});

test("a server whose certificate is not trusted, or not its own, gets no request: an append has not been made", async () => {
  const authority = await CertificateAuthority.create();
  const { key, certificate } = await authority.issue("files.example.com");
  const request = vi.fn();
  const server = createTlsServer({ key, cert: certificate }, request).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  for (const [tls, code] of [
    [{}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    [{ ca: authority.certificate }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ] as const) {
    const files = connectFiles({ url: `https://127.0.0.1:${port}`, tls });
    onTestFinished(() => files.close());
    await expect(files.appendFile("a", "x")).rejects.toMatchObject({ code: "ERR_UNAVAILABLE", cause: { code } });
  }
  expect(request).not.toHaveBeenCalled();
});

describe("connections", () => {
  test("that are all in use are waited for until the deadline", async () => {
    const files = await serving(sendLarge, { connections: 1 });
    const stream = files.createReadStream("a");
    await once(stream, "readable");
    await expect(files.readFile("a", { timeout: 100 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
    await expect(files.readFile("a", { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      code: "ABORT_ERR",
    });
    stream.destroy();
    expect(await files.readFile("a")).toHaveLength(8 * 2 ** 20);
  });

  test("are free again after a batch that is left before its end", async () => {
    const result = JSON.stringify({ index: 0, content: Buffer.alloc(2 ** 20).toString("base64") });
    const files = await serving((_, response) => response.end(`${result}\n`.repeat(8)), { connections: 1 });
    const items = Array.from({ length: 8 }, (_, index) => ({ operation: "read", path: `${index}` }) as const);
    for (let time = 0; time < 3; time++) {
      for await (const { item } of files.batch(items)) {
        expect(item.path).toBe("0");
        break;
      }
    }
  });

  test("are free again after a copy whose target is refused before its source is read", async () => {
    const refuse: RequestListener = (_, response) => response.writeHead(412).end();
    const files = await serving(
      (request, response) => (request.method === "GET" ? sendLarge : refuse)(request, response),
      {
        connections: 2,
      },
    );
    for (let time = 0; time < 5; time++) {
      await expect(files.copyFile("a", "b", { ifMatch: '"2"' })).rejects.toMatchObject({ code: "ERR_PRECONDITION" });
    }
  });
});

test("what is still read from a source after its write has failed keeps no timer", async () => {
  const files = await serving((request, response) => request.once("data", () => response.writeHead(412).end()));
  const events = new EventEmitter();
  async function* source() {
    try {
      yield "first";
      await once(events, "refused");
      yield "second";
    } finally {
      events.emit("ended");
    }
  }
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  await expect(files.writeFile("a", source(), { ifMatch: '"2"' })).rejects.toMatchObject({ code: "ERR_PRECONDITION" });
  const before = timers();
  const ended = once(events, "ended");
  events.emit("refused");
  await ended;
  expect(timers()).toBeLessThanOrEqual(before);
});

test("an error of a stream that is the content of another file is named as its own", async () => {
  const files = await serving((request, response) => {
    if (request.method === "GET") response.writeHead(404).end();
    else request.resume();
  });
  await expect(files.writeFile("to", files.createReadStream("from"))).rejects.toMatchObject({
    code: "ENOENT",
    path: "from",
  });
});

test("an item of a batch that cannot be is a result like the others", async () => {
  const files = await serving((_, response) => response.end());
  const items = [{ operation: "delete", path: "a" }, { operation: "stat" }] as unknown as BatchItem[];
  const messages: (string | undefined)[] = [];
  for await (const { error } of files.batch(items)) messages.push(error?.message);
  expect(messages).toEqual([
    'operation must be read, stat or rm, not "delete"',
    "A path must be a string, not undefined",
  ]);
});

test.for([
  [{ url: "ftp://example.com" }, 'url must be one with http: or https:, not "ftp://example.com"'],
  [{ conections: 2 }, "conections is not an option; allowed are url, token, connections, connectTimeout, tls, headers"],
  [{ url: undefined }, 'url must be one with http: or https:, not "undefined"'],
  [{ url: "http://user:secret@example.com" }, "url must have no user, password, query or fragment"],
  [{ connections: 0 }, "connections must be a number from 1 to 65535"],
  [{ connectTimeout: -1 }, "connectTimeout must be a number from 1 to 2147483647"],
  [{ token: "" }, "token must be a string that is not empty, or a function"],
  [{ headers: {} }, "headers must be a function"],
  [undefined, "must be an object"],
] as const)("refuses the options %j", ([options, allowed]) => {
  const given = options && { url: "http://example.com", ...options };
  expect(() => connectFiles(given as unknown as ConnectOptions)).toThrow(
    expect.objectContaining({ code: "EINVAL", message: `Files cannot be connected to: ${allowed}` }),
  );
});

test.for([
  [{ token: "two\nlines" }, "The request cannot be sent: invalid authorization header"],
  [{ headers: () => ({ "no name": "x" }) }, "The request cannot be sent: invalid header key"],
] as const)("what cannot be in a header was not sent: %j", async ([options, message]) => {
  const files = await serving(() => {}, options);
  await expect(files.appendFile("a", "x")).rejects.toMatchObject({ code: "EINVAL", message });
});

test("a service that asks for time gets it", async () => {
  const times: number[] = [];
  const files = await serving((_, response) => {
    times.push(performance.now());
    if (times.length === 1) response.writeHead(503, { "retry-after": "1" }).end();
    else response.writeHead(204, STORED).end();
  });
  await files.appendFile("a", "x");
  const [first = 0, second = 0] = times;
  // Timers and the clock round differently.
  expect(second - first).toBeGreaterThan(990);
});

test("an error has the words and the request of the router", async () => {
  const problem = {
    status: 507,
    title: "Insufficient Storage",
    detail: "A quota is used up",
    code: "NFS4ERR_DQUOT",
    requestId: "r-1",
  };
  const files = await serving((_, response) => {
    response.writeHead(507, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
  });
  const error: unknown = await files.writeFile("a", "x").catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "EDQUOT", path: "a", message: "A quota is used up: a" });
  expect(error).toHaveProperty("cause", expect.any(HttpError));
  expect(error).toHaveProperty("cause.requestId", "r-1");
});

test("what is no router is said to be none", async () => {
  const files = await serving((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"));
  await expect(files.stat("a")).rejects.toMatchObject({ code: "EIO", message: expect.stringContaining("not JSON") });
  await expect(files.readFile("a")).rejects.toMatchObject({
    code: "EIO",
    message: expect.stringContaining("no header"),
  });
});
