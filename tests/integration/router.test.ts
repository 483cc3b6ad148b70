/** The bundle that ships, over real NFS servers: the file API from end to end, failures, and the end of the process. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import type { NfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createAccount } from "../../local/account.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane/server.ts";
import { clients } from "../support/aws-clients.ts";
import { clientNames } from "../support/client-names.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { startHttpLoad } from "../support/http-load.ts";
import { expectConnectionsOf, startNfsServer } from "../support/nfs.ts";
import { ofEachWorker, type RouterProcess, startRouter, tableOf, WORKERS } from "../support/router-bundle.ts";

const PARAMETER = "/efs-mount-autoscaling/mount-targets";
/** Of the routers that are to find a failure out soon; a busy machine is not to be silent for as long. */
const DETECTION_SECONDS = 10;

let directory: string;
let controlPlane: ControlPlane;
let servers: NfsServer[];
let proxies: FaultProxy[];
let router: RouterProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "router-"));
  controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  servers = await Promise.all([0, 1, 2].map(() => startNfsServer({ directory, durable: false })));
  proxies = await Promise.all(servers.map((server) => FaultProxy.start(server)));
});

afterEach(async () => {
  router?.child.kill("SIGKILL");
  await router?.exited;
  router = undefined;
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await Promise.all(servers.map((server) => server.close()));
  await controlPlane.close();
  await rm(directory, { recursive: true, force: true });
});

/** A router that finds the servers, through their proxies, in the SSM parameter. */
async function start(environment: Record<string, string> = {}): Promise<RouterProcess> {
  const Value = serializeMountTable(tableOf(proxies));
  await clients(controlPlane.url).ssm.send(new PutParameterCommand({ Name: PARAMETER, Value, Type: "String" }));
  router = await startRouter({
    AWS_ENDPOINT_URL: controlPlane.url,
    // A busy machine may well be silent for as long as the default allows: only the tests of failures are impatient.
    NFS_DETECTION_TIMEOUT_SECONDS: "10",
    ...environment,
  });
  return router;
}

async function put(url: string, path: string, body: string | Buffer): Promise<Response> {
  return fetch(`${url}/files/${path}`, { method: "PUT", body });
}

describe("the file API", () => {
  test("reads and writes the file system's files", async () => {
    const { url } = await start();
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await put(url, "a/b.txt", "one")).status).toBe(201);
    expect((await put(url, "a/b.txt", "two")).status).toBe(204);
    expect(await readFile(join(directory, "data/a/b.txt"), "utf8")).toBe("two");
    expect((await fetch(`${url}/files/a/b.txt?append`, { method: "POST", body: "three" })).status).toBe(204);
    const response = await fetch(`${url}/files/a/b.txt`, { headers: { range: "bytes=3-" } });
    expect([response.status, await response.text()]).toEqual([206, "three"]);
    const conditional = { method: "PUT", body: "four", headers: { "if-match": response.headers.get("etag") ?? "" } };
    expect((await fetch(`${url}/files/a/b.txt`, conditional)).status).toBe(204);
    expect((await fetch(`${url}/files/a/b.txt`, conditional)).status).toBe(412);
    expect((await fetch(`${url}/files/a/b.txt`, { method: "DELETE" })).status).toBe(204);
    expect((await fetch(`${url}/files/a/b.txt`)).status).toBe(404);
  });

  test("pages through a directory", async () => {
    const { url } = await start();
    const names = Array.from({ length: 250 }, (_, index) => `file-${index}`);
    await Promise.all(names.map((name) => put(url, `dir/${name}`, name)));
    const listed: string[] = [];
    for (let query: string | undefined = ""; query !== undefined; ) {
      const page: unknown = await (await fetch(`${url}/files/dir/?limit=60${query}`)).json();
      expect(page).toMatchObject({ path: "dir", entries: expect.any(Array) });
      const { entries, nextCursor } = page as { entries: { name: string }[]; nextCursor?: string };
      listed.push(...entries.map(({ name }) => name));
      query = nextCursor && `&cursor=${encodeURIComponent(nextCursor)}`;
    }
    expect(listed.sort()).toEqual(names.sort());
  });

  test("streams what is long, both ways", async () => {
    const { url } = await start();
    const content = randomBytes(48 * 2 ** 20);
    expect((await put(url, "long.bin", content)).status).toBe(201);
    const hash = createHash("sha256");
    const response = await fetch(`${url}/files/long.bin`);
    for await (const chunk of response.body ?? []) hash.update(chunk);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
  });

  test("spreads the paths over the mount targets", async () => {
    const { url, targets } = await start();
    await Promise.all(Array.from({ length: 120 }, (_, index) => put(url, `file-${index}`, "x")));
    const requests = (await targets()).map((target) => target.requests);
    expect(requests.reduce((sum, each) => sum + each, 0)).toBe(120);
    expect(Math.min(...requests)).toBeGreaterThan(15);
  });

  test("is documented by the bundle itself", async () => {
    const { url } = await start();
    const script = await fetch(`${url}/docs/swagger-ui-bundle.js`);
    expect(script.headers.get("content-type")).toMatch(/^text\/javascript/);
    expect((await script.text()).length).toBeGreaterThan(1_000_000);
    expect((await fetch(`${url}/docs/swagger-ui.css`)).status).toBe(200);
    expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
  });
});

describe("a mount target that fails under load", () => {
  async function stateOf(id: string): Promise<string | undefined> {
    return (await router?.targets())?.find((target) => target.id === id)?.state;
  }

  test.each([
    ["is cut off", "cut before request"],
    ["loses its replies", "cut before reply"],
    ["accepts everything and answers nothing", "half-open"],
  ] as const)("because it %s costs no request, and it comes back", async (_, fault) => {
    const { url, lines } = await start({ NFS_DETECTION_TIMEOUT_SECONDS: String(DETECTION_SECONDS) });
    const load = startHttpLoad(url, 32);
    await sleep(300);
    for (const proxy of proxies.slice(0, 1)) proxy.faults = () => fault;
    await vi.waitFor(async () => expect(await stateOf("fsmt-0")).not.toBe("connected"), { timeout: 60_000 });
    await sleep(500);
    for (const proxy of proxies) proxy.faults = () => undefined;
    await vi.waitFor(async () => expect(await stateOf("fsmt-0")).toBe("connected"), { timeout: 60_000 });
    const { failures, requests, slowest } = await load.stop();
    console.log(
      `${fault}: ${requests} requests, ${failures.length} failed, the slowest took ${Math.round(slowest)} ms`,
    );
    expect(failures).toEqual([]);
    expect(lines.filter(({ level, target }) => level === "ERROR" && target === "fsmt-0").length).toBeGreaterThan(0);
    expect(lines.filter(({ target }) => target === "fsmt-1")).toHaveLength(WORKERS);
    const left = (await readdir(directory, { recursive: true })).filter((name) => name.includes(".nfs-tmp-"));
    console.log(`${left.length} temporary names left`);
  });
});

describe("the process", () => {
  /** An upload of six bytes that the router has taken up. */
  async function beginUpload(url: string): Promise<ClientRequest> {
    const upload = request(url, { method: "PUT", headers: { "content-length": 6, expect: "100-continue" } });
    upload.flushHeaders();
    await once(upload, "continue");
    return upload;
  }

  test("says FATAL and exits with 1 when no mount target is there", async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    proxies.length = 0;
    const table = serializeMountTable(tableOf(servers.map(() => ({ host: "127.0.0.1", port: 1 }))));
    const { exited, lines } = await startRouter({ AWS_ENDPOINT_URL: controlPlane.url, DEFAULT_MOUNT_TARGETS: table });
    expect(await exited).toBe(1);
    expect(lines.filter(({ target }) => target !== undefined).map(({ level }) => level)).toEqual(
      ofEachWorker("ERROR", "ERROR", "ERROR"),
    );
    expect(lines.at(-1)).toMatchObject({ level: "FATAL" });
  });

  test("finishes what is in flight on SIGTERM, gives its sessions back, and exits with 0", async () => {
    const { url, child, exited, lines } = await start({ NFS_DETECTION_TIMEOUT_SECONDS: String(DETECTION_SECONDS) });
    const connections = () => servers.map((server) => server.statistics().connections);
    expectConnectionsOf(WORKERS, connections());
    const upload = await beginUpload(`${url}/files/slow`);
    const answered = new Promise<number | undefined>((resolve) => {
      upload.on("response", (response) => resolve(response.resume().statusCode));
    });
    upload.write("one");
    child.kill("SIGTERM");
    await vi.waitFor(() => expect(lines.map(({ msg }) => msg)).toContain("Stopping: SIGTERM"), { timeout: 60_000 });
    // It says so before it stops listening.
    await vi.waitFor(() => expect(fetch(`${url}/readyz`)).rejects.toThrow(), { timeout: 60_000 });
    upload.end("two");
    expect(await answered).toBe(201);
    expect(await exited).toBe(0);
    expect(await readFile(join(directory, "data/slow"), "utf8")).toBe("onetwo");
    await vi.waitFor(() => expect(connections()).toEqual([0, 0, 0]), { timeout: 60_000 });
  });

  test("does not wait longer than it is told to", async () => {
    const { url, child, exited, lines } = await start({ SHUTDOWN_TIMEOUT_SECONDS: "0.3" });
    const upload = await beginUpload(`${url}/files/endless`);
    upload.on("error", () => {});
    upload.write("one");
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(lines.map(({ level, msg }) => [level, msg])).toContainEqual([
      "WARN",
      "1 requests were still in flight after SHUTDOWN_TIMEOUT_SECONDS, and were cut off",
    ]);
    expect(await clientNames(join(directory, "data"))).toEqual([]);
  });
});
