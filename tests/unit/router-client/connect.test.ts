import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { connectFiles, type Files, HttpError, type TokenSource } from "efs-files";
import { describe, expect, onTestFinished, test, vi } from "vitest";

/** A server that answers in the way of a test, and a client of it. */
async function serving(
  answer: RequestListener,
  options: { path?: string; token?: TokenSource; headers?: () => Record<string, string> } = {},
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
  expect(() => connectFiles({ url: "ftp://example.com" })).toThrow(expect.objectContaining({ code: "EINVAL" }));
});
