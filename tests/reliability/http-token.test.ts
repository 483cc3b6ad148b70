/** The bundle that ships, with a token: it starts only with one, follows its rotation, and tells it to nobody. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { seededRandom } from "../../bench/random.ts";
import { createAccount } from "../../local/account.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import { type ControlPlane, type Fault, startControlPlane } from "../../local/control-plane/server.ts";
import { API_TOKEN_SECRET_ID } from "../../local/environments.ts";
import { putToken, withTokenSecret } from "../support/api-token.ts";
import { startNfsServer } from "../support/nfs.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import {
  type BundleLogLine,
  ofEachWorker,
  type RouterProcess,
  startRouter,
  tableOf,
  WORKERS,
} from "../support/router-bundle.ts";
import { send } from "../support/worker-processes.ts";

const counts = {
  "tokens rotated": 0,
  "requests during rotations": 0,
  "failed requests": 0,
  "places searched for secrets": 0,
  "secrets found": 0,
};
reportAtEnd("token of the API", () => counts);

const CLIENTS = 8;

let directory: string;
let nfsServer: NfsServer;
let controlPlane: ControlPlane;
let fault: Fault | undefined;
let router: RouterProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "http-token-"));
  await mkdir(join(directory, "data"));
  nfsServer = await startNfsServer({ directory, durable: false });
  fault = undefined;
  controlPlane = await startControlPlane({
    state: withTokenSecret(createAccount(new Date())),
    onCall: ({ service }) => (service === "secretsmanager" ? fault : undefined),
  });
});

afterEach(async () => {
  router?.child.kill("SIGKILL");
  await router?.exited;
  router = undefined;
  await nfsServer.close();
  await controlPlane.close();
  await rm(directory, { recursive: true, force: true });
});

const newToken = () => randomBytes(32).toString("base64url");

async function start(environment: Record<string, string> = {}): Promise<RouterProcess> {
  router = await startRouter({
    AWS_ENDPOINT_URL: controlPlane.url,
    DEFAULT_MOUNT_TARGETS: serializeMountTable(tableOf([nfsServer])),
    API_TOKEN_SECRET_ID,
    API_TOKEN_REFRESH_SECONDS: "0.05",
    NFS_DETECTION_TIMEOUT_SECONDS: "10",
    ...(WORKERS > 1 && { ACCESS_LOG: "on" }),
    ...environment,
  });
  return router;
}

const withToken = (token: string) => ({ authorization: `Bearer ${token}` });

const accessLine = z.object({ worker: z.number(), url: z.string(), status: z.number() });

let probes = 0;

/** Whether the router accepts a token; where it has several workers, whether all of them do, as their log lines tell. */
async function accepts(url: string, token: string): Promise<boolean | "some do"> {
  probes += 1;
  const probe = `/targets?probe=${probes}`;
  const ask = async () => (await send(url + probe, { headers: withToken(token) })).status !== 401;
  if (WORKERS === 1) return ask();
  const verdicts = new Map<number, boolean>();
  await vi.waitFor(
    async () => {
      await Promise.all(Array.from({ length: 4 * WORKERS }, ask));
      for (const line of router?.output().split("\n").slice(0, -1) ?? []) {
        const { success, data } = accessLine.safeParse(JSON.parse(line));
        if (success && data.url === probe) verdicts.set(data.worker, data.status !== 401);
      }
      expect(verdicts.size).toBe(WORKERS);
    },
    { timeout: 60_000 },
  );
  const [first, ...others] = new Set(verdicts.values());
  return first === undefined || others.length > 0 ? "some do" : first;
}

describe("without a token that can be read, the router does not start", () => {
  test.each([
    ["nothing is in the secret", async () => {}, "ResourceNotFoundException"],
    ["AWS refuses", async () => deny(), "AccessDeniedException: Not you"],
    ["the token is too short to be one", () => putToken(controlPlane.url, "short-secret"), "must be a text of 32 to"],
  ])("%s", async (_name, prepare, reason) => {
    await prepare();
    const { exited, output } = await start();
    expect(await exited).toBe(1);
    expect(output()).toContain('"level":"FATAL"');
    expect(output()).toContain(reason);
    expect(output()).not.toContain("short-secret");
  });
});

function deny(): void {
  fault = { takesEffect: false, response: new AwsError("AccessDeniedException", 400, "Not you") };
}

test("without a secret, the API is open, and one line says so: a warning where others than this machine reach it", async () => {
  const msg = "The API is open to everyone who reaches it: API_TOKEN_SECRET_ID is not set";
  const about = (lines: readonly BundleLogLine[]) => lines.filter((line) => line.msg === msg).map(({ level }) => level);
  const local = await start({ API_TOKEN_SECRET_ID: "" });
  expect((await fetch(`${local.url}/targets`)).status).toBe(200);
  expect(about(local.lines)).toEqual(ofEachWorker("INFO"));
  await local.stop();
  // It says so before it looks for mount targets. Without any it does not listen, and no test should, to everyone.
  const everywhere = await start({ API_TOKEN_SECRET_ID: "", HOST: "0.0.0.0", DEFAULT_MOUNT_TARGETS: "" });
  expect(await everywhere.exited).toBe(1);
  expect(about(everywhere.lines)).toEqual(ofEachWorker("WARN"));
});

test("a rotation as operations.md describes it fails no request, and ends with the old token refused", async () => {
  let token = newToken();
  await putToken(controlPlane.url, token);
  const { url } = await start();
  let stopped = false;
  const random = seededRandom(seed);
  const used = Array.from({ length: CLIENTS }, () => token);
  const clients = used.map(async (_, client) => {
    while (!stopped) {
      const response = await fetch(`${url}/files/file-${client}`, {
        method: "PUT",
        headers: withToken(used[client] ?? ""),
        body: "content",
      });
      counts["requests during rotations"] += 1;
      if (!response.ok) counts["failed requests"] += 1;
      // Not all of them at once.
      if (random() < 0.4) used[client] = token;
    }
  });
  const total = rounds(2, 20);
  for (let rotation = 0; rotation < total; rotation++) {
    const before = token;
    const next = newToken();
    await putToken(controlPlane.url, next);
    await vi.waitFor(async () => expect(await accepts(url, next)).toBe(true), { timeout: 60_000 });
    expect(await accepts(url, before)).toBe(true);
    token = next;
    await vi.waitFor(() => expect(new Set(used)).toEqual(new Set([token])), { timeout: 60_000 });
    counts["tokens rotated"] += 1;
  }
  stopped = true;
  await Promise.all(clients);
  expect(counts["requests during rotations"]).toBeGreaterThan(total * CLIENTS);
  expect(counts["failed requests"]).toBe(0);

  const old = token;
  token = newToken();
  await putToken(controlPlane.url, token);
  await putToken(controlPlane.url, token);
  await vi.waitFor(async () => expect(await accepts(url, old)).toBe(false), { timeout: 60_000 });
  expect(await accepts(url, token)).toBe(true);
});

test("while Secrets Manager cannot be asked, the last token stays, and the log says so once", async () => {
  const token = newToken();
  await putToken(controlPlane.url, token);
  const { url, lines } = await start();
  const warnings = () => lines.filter(({ level }) => level === "WARN").map(({ msg }) => msg);
  deny();
  await vi.waitFor(() => expect(warnings()).toHaveLength(WORKERS), { timeout: 60_000 });
  await sleep(500);
  expect(await accepts(url, token)).toBe(true);
  expect(warnings()).toEqual(
    ofEachWorker(
      `The API tokens stay as they were: The secret ${API_TOKEN_SECRET_ID} cannot be read: AccessDeniedException: Not you`,
    ),
  );
});

test("no secret is in any line, response or metric", async () => {
  const token = newToken();
  const previous = newToken();
  const content = `planted-content-${newToken()}`;
  const credentials = { AWS_ACCESS_KEY_ID: "AKIAPLANTED0000000", AWS_SECRET_ACCESS_KEY: `planted-key-${newToken()}` };
  const session = `planted-session-${newToken()}`;
  await putToken(controlPlane.url, previous);
  await putToken(controlPlane.url, token);
  const { url, output, stop } = await start({
    ...credentials,
    AWS_SESSION_TOKEN: session,
    LOG_LEVEL: "debug",
    ACCESS_LOG: "on",
    MAX_BODY_BYTES: "1000",
    NFS_OPERATION_TIMEOUT_SECONDS: "5",
    NFS_DETECTION_TIMEOUT_SECONDS: "2",
  });
  const secrets = [token, previous, content, ...Object.values(credentials), session];
  const responses: string[] = [];
  const send = async (method: string, path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, { method, ...init });
    const body = await response.text();
    const isFile = method === "GET" && path.startsWith("/files/planted");
    responses.push(JSON.stringify([...response.headers]), isFile ? "" : body);
    return response.status;
  };
  const requests = async (headers: Record<string, string>) => {
    await send("PUT", "/files/planted", { headers, body: content });
    await send("GET", "/files/planted", { headers });
    await send("HEAD", "/files/planted", { headers });
    await send("GET", "/files/planted", { headers: { ...headers, range: "bytes=0-3" } });
    await send("GET", "/files/planted", { headers: { ...headers, range: "bytes=99999-" } });
    await send("PUT", "/files/planted", { headers: { ...headers, "if-match": '"x"' }, body: content });
    await send("PUT", "/files/planted", { headers: { ...headers, "content-range": "bytes 0-1/2" }, body: content });
    await send("PUT", "/files/planted/below", { headers, body: content });
    await send("PUT", "/files/large", { headers, body: content.repeat(100) });
    await send("POST", "/files/planted", { headers, body: content });
    await send("POST", "/files/planted?append", { headers, body: content });
    await send("PATCH", "/files/planted", { headers, body: content });
    for (const path of ["/files/", "/files/missing", "/files/%ff", "/nothing", "/targets", "/metrics"]) {
      await send("GET", path, { headers });
    }
    for (const path of ["/openapi.json", "/docs", "/livez", "/healthz", "/readyz"])
      await send("GET", path, { headers });
  };
  await requests(withToken(token));
  expect(await (await fetch(`${url}/files/planted`, { headers: withToken(previous) })).text()).toContain(content);
  await requests(withToken(previous));
  await requests({});
  await requests(withToken(`${token}x`));
  await requests({ authorization: `Basic ${token}` });
  for (const broken of [
    `GET /files/planted HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\nbad header\r\n\r\n`,
    `GET /files/planted HTTP/1.1\r\nhost: x\r\nx: ${"x".repeat(20_000)}\r\nauthorization: Bearer ${token}\r\n\r\n`,
    `PUT /files/a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n${content}`,
  ]) {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.end(broken);
    responses.push(await text(socket).catch(() => ""));
  }
  // A secret that cannot be parsed any more, and mount targets that are gone: failures on both sides.
  controlPlane.update((state) => ({ ...state, secrets: [] }));
  await writeFile(join(directory, "data", "planted"), content);
  await nfsServer.close();
  await requests(withToken(token));
  await sleep(200);
  await stop();

  const places = [...responses, ...output().split("\n")];
  counts["places searched for secrets"] += places.length;
  const found = places.filter((place) => secrets.some((secret) => place.includes(secret)));
  counts["secrets found"] += found.length;
  expect(found).toEqual([]);
  // What is searched is what there was to say.
  expect(output()).toContain('"msg":"PUT /files/planted 401"');
  expect(output()).toContain('"level":"WARN"');
  expect(output()).toContain("cannot be read: ResourceNotFoundException");
  expect(responses.length).toBeGreaterThan(150);
});
