import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test, vi } from "vitest";
import { type LoadBalancer, startLoadBalancer, type Target } from "../../../local/load-balancer/load-balancer.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function startTask(listener: RequestListener): Promise<{ target: Target; server: Server }> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close() && server.closeAllConnections());
  return { target: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, server };
}

async function start(options: Parameters<typeof startLoadBalancer>[0] = {}): Promise<LoadBalancer> {
  const loadBalancer = await startLoadBalancer(options);
  cleanups.push(() => void loadBalancer.close());
  return loadBalancer;
}

test("without a ready task it responds with 503", async () => {
  const { url } = await start();
  const response = await fetch(url, { method: "PUT", body: "unread" });
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ status: 503, detail: "No task is ready." });
});

test("requests go round robin over the targets", async () => {
  const loadBalancer = await start();
  for (const name of ["one", "two", "three"]) {
    const { target } = await startTask((_request, response) => response.end(name));
    loadBalancer.register(target);
    loadBalancer.register(target);
  }
  const responses: string[] = [];
  for (let i = 0; i < 6; i++) responses.push(await (await fetch(loadBalancer.url)).text());
  expect(responses).toEqual(["one", "two", "three", "one", "two", "three"]);
});

test("method, path, headers, status and both bodies pass through; those of the connection do not", async () => {
  const loadBalancer = await start();
  let seen: Pick<IncomingMessage, "method" | "url" | "headers"> | undefined;
  const { target } = await startTask((request, response) => {
    seen = request;
    response.writeHead(206, "Some", {
      etag: '"1"',
      "set-cookie": ["a=1", "b=2"],
      "content-length": request.headers["content-length"],
    });
    request.pipe(response);
  });
  loadBalancer.register(target);
  const body = randomBytes(3_000_000);
  const { response, received } = await send(`${loadBalancer.url}/files/a%20b?x=1`, body, {
    method: "PUT",
    headers: {
      "x-mine": "1",
      connection: "x-private",
      "x-private": "1",
      "x-forwarded-for": "10.0.0.9",
      expect: "100-continue",
      "content-length": body.length,
    },
  });
  expect(seen).toMatchObject({ method: "PUT", url: "/files/a%20b?x=1" });
  expect(seen?.headers).toMatchObject({
    "x-mine": "1",
    "x-forwarded-for": "10.0.0.9, 127.0.0.1",
    "content-length": "3000000",
  });
  expect(seen?.headers).not.toHaveProperty("x-private");
  expect(seen?.headers).not.toHaveProperty("expect");
  expect(response).toMatchObject({
    statusCode: 206,
    statusMessage: "Some",
    headers: { etag: '"1"', "set-cookie": ["a=1", "b=2"] },
  });
  expect(body.equals(received)).toBe(true);
});

test("a body in chunks is passed on while it still grows", async () => {
  const loadBalancer = await start();
  const { target } = await startTask((request, response) => {
    request.once("data", (first) => response.write(`got ${first}`));
    request.on("end", () => response.end("; end"));
  });
  loadBalancer.register(target);
  const outgoing = httpRequest(loadBalancer.url, { method: "POST" });
  outgoing.write("half");
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const [chunk] = await once(response, "data");
  expect(String(chunk)).toBe("got half");
  outgoing.end("other half");
  expect(await text(response)).toBe("; end");
});

test("a deregistered target finishes what it has, and gets nothing new", async () => {
  const loadBalancer = await start();
  const arrived = vi.fn((_request, response: ServerResponse) => response);
  const old = await startTask(arrived);
  loadBalancer.register(old.target);
  const unfinished = fetch(loadBalancer.url);
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledOnce(), { timeout: 60_000 });
  const { target } = await startTask((_request, response) => response.end("new"));
  loadBalancer.register(target);
  const drained = vi.fn();
  const draining = loadBalancer.deregister(old.target).then(drained);
  for (let i = 0; i < 4; i++) expect(await (await fetch(loadBalancer.url)).text()).toBe("new");
  expect(drained).not.toHaveBeenCalled();
  arrived.mock.results[0]?.value.end("finished");
  await draining;
  expect(await (await unfinished).text()).toBe("finished");
});

test("a target that does not finish in time is cut off", async () => {
  const loadBalancer = await start({ deregistrationDelay: 50 });
  const arrived = vi.fn();
  const { target } = await startTask(arrived);
  loadBalancer.register(target);
  const unfinished = fetch(loadBalancer.url);
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledOnce(), { timeout: 60_000 });
  await loadBalancer.deregister(target);
  expect((await unfinished).status).toBe(502);
});

test("a target that does not respond is 502, a silent one 504, one that breaks off is not mistaken for whole", async () => {
  const loadBalancer = await start({ idleTimeout: 100 });
  const gone = await startTask(() => {});
  gone.server.close();
  loadBalancer.register(gone.target);
  expect((await fetch(loadBalancer.url)).status).toBe(502);
  await loadBalancer.deregister(gone.target);
  const silent = await startTask(() => {});
  loadBalancer.register(silent.target);
  expect((await fetch(loadBalancer.url)).status).toBe(504);
  await loadBalancer.deregister(silent.target);
  const broken = await startTask((_request, response) => {
    response.write("half");
    setTimeout(() => response.destroy(), 20);
  });
  loadBalancer.register(broken.target);
  await expect(fetch(loadBalancer.url).then((response) => response.text())).rejects.toThrow();
});

test("a client that goes away ends its request at the task", async () => {
  const loadBalancer = await start();
  const arrived = vi.fn();
  const closed = vi.fn();
  const { target } = await startTask((request, response) => {
    request.resume();
    response.on("close", closed);
    arrived();
  });
  loadBalancer.register(target);
  const upload = httpRequest(loadBalancer.url, { method: "PUT", headers: { "content-length": 1000 } });
  upload.on("error", () => {});
  upload.write("half");
  await vi.waitFor(() => expect(arrived).toHaveBeenCalledOnce(), { timeout: 60_000 });
  expect(closed).not.toHaveBeenCalled();
  upload.destroy();
  await vi.waitFor(() => expect(closed).toHaveBeenCalled(), { timeout: 60_000 });
  await loadBalancer.deregister(target);
});

test("a response that comes before the body has ended arrives", async () => {
  const loadBalancer = await start();
  const { target } = await startTask((_request, response) => {
    response.writeHead(413, { connection: "close" });
    response.end("too large");
  });
  loadBalancer.register(target);
  const upload = httpRequest(loadBalancer.url, { method: "PUT", headers: { "content-length": 50_000_000 } });
  upload.on("error", () => {});
  upload.write(Buffer.alloc(100_000));
  const [response] = (await once(upload, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(413);
  expect(await text(response)).toBe("too large");
  upload.destroy();
});

test("no request is lost while targets are replaced under load", async () => {
  const loadBalancer = await start();
  const launch = () => startTask((request, response) => request.pipe(response));
  let current = await launch();
  loadBalancer.register(current.target);
  let stop = false;
  let failed = 0;
  let served = 0;
  const client = async () => {
    while (!stop) {
      const response = await fetch(loadBalancer.url, { method: "PUT", body: "x".repeat(1000) }).catch(() => undefined);
      if (response?.ok && (await response.text()).length === 1000) served++;
      else failed++;
    }
  };
  const load = Promise.all(Array.from({ length: 8 }, client));
  for (let i = 0; i < 5; i++) {
    const next = await launch();
    loadBalancer.register(next.target);
    const before = served;
    await vi.waitFor(() => expect(served).toBeGreaterThan(before + 50), { timeout: 60_000 });
    await loadBalancer.deregister(current.target);
    current.server.close();
    current.server.closeAllConnections();
    current = next;
  }
  stop = true;
  await load;
  expect(failed).toBe(0);
});

async function send(
  url: string,
  body: Buffer,
  options: object,
): Promise<{ response: IncomingMessage; received: Buffer }> {
  const outgoing = httpRequest(url, options);
  outgoing.end(body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { response, received: Buffer.concat(chunks) };
}

test("a target that leaves ends its streams of events itself, and nobody waits for them", async () => {
  const loadBalancer = await start();
  let stream: ServerResponse | undefined;
  const { target } = await startTask((_request, response) => {
    stream = response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
  });
  loadBalancer.register(target);
  const events = (await fetch(loadBalancer.url)).text();
  await vi.waitFor(() => expect(stream).toBeDefined(), { timeout: 60_000 });
  await loadBalancer.deregister(target);
  stream?.end("data: 2\n\n");
  expect(await events).toBe("data: 1\n\ndata: 2\n\n");
});
